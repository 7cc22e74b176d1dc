"""The text form of entries and names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pygit2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import ObjectId
from layerctl.model.listing import escape_name, escape_path, format_entry, parse_entry, unescape
from layerctl.snapshot.directory import ENTRIES, HARDLINKS, Directory, load, save, tree_name
from layerctl.store.git import GitRepository
from tests.property.stored import assert_fsck_clean
from tests.property.strategies import entries, names, nasty_names
from tests.unit.snapshot.memory import MemoryObjects

_PRINTABLE = frozenset(range(0x21, 0x7F))
_DIR = format_entry(Entry(Kind.DIR, 0o755, 0, 0, 0))


@given(entries())
def test_an_entry_comes_back_from_its_text(entry: Entry) -> None:
    assert parse_entry(format_entry(entry)) == entry


@given(entries())
def test_an_entry_is_one_line_of_printable_ascii(entry: Entry) -> None:
    assert frozenset(format_entry(entry)) <= _PRINTABLE | {0x20}


@given(entries(), entries())
def test_different_entries_have_different_texts(one: Entry, other: Entry) -> None:
    assert (format_entry(one) == format_entry(other)) == (one == other)


@given(st.binary())
def test_any_bytes_come_back_from_their_escaped_form(raw: bytes) -> None:
    assert unescape(escape_name(raw)) == raw
    assert unescape(escape_path(raw)) == raw


@given(st.binary())
def test_escaped_text_needs_no_quotes(raw: bytes) -> None:
    assert frozenset(escape_name(raw)) <= _PRINTABLE - frozenset(b"=/\\:")
    assert frozenset(escape_path(raw)) <= _PRINTABLE - frozenset(b"=\\:")


@given(nasty_names)
def test_a_tree_name_says_which_name_it_stands_for(name: bytes) -> None:
    assert unescape(tree_name(name)) == name
    assert tree_name(name) not in (ENTRIES, HARDLINKS)


@given(nasty_names, nasty_names)
def test_tree_names_never_collide(one: bytes, other: bytes) -> None:
    assert (tree_name(one) == tree_name(other)) == (one == other)


@given(st.sets(nasty_names, max_size=20), st.sets(nasty_names, max_size=20))
def test_a_directory_comes_back_from_its_objects(files: set[bytes], dirs: set[bytes]) -> None:
    objects = MemoryObjects()
    leaf = save(objects, Directory(_DIR))
    text = format_entry(Entry(Kind.FIFO, 0o600, 0, 0, 0))
    directory = Directory(_DIR, dict.fromkeys(files, text), dict.fromkeys(dirs - files, leaf))
    assert load(objects, save(objects, directory)) == directory


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(nasty_names, min_size=15, max_size=60))
def test_git_accepts_any_name_in_a_tree(tmp_path_factory: object, found: set[bytes]) -> None:
    top = tmp_path_factory.mktemp("names")  # type: ignore[attr-defined]
    git = _repository(top)
    leaf = save(git, Directory(_DIR))
    _commit(git, save(git, Directory(_DIR, dirs=dict.fromkeys(found, leaf))))
    assert_fsck_clean(top)


def test_git_accepts_every_nasty_name_at_once(tmp_path: Path) -> None:
    git = _repository(tmp_path)
    leaf = save(git, Directory(_DIR))
    known = {bytes(name) for name in _all_nasty()}
    _commit(git, save(git, Directory(_DIR, dirs=dict.fromkeys(known, leaf))))
    assert_fsck_clean(tmp_path)
    listed = subprocess.run(
        ["git", "--git-dir", tmp_path / "git", "ls-tree", "-z", "-d", "--name-only", "main"],
        capture_output=True,
        check=True,
    )
    assert {unescape(name) for name in listed.stdout.split(b"\0") if name} == known


@given(names)
def test_an_ordinary_name_is_left_as_it_is(name: bytes) -> None:
    if name.isalnum() and not name.lower().startswith(b"g"):
        assert tree_name(name) == name


def _all_nasty() -> list[bytes]:
    shorts = [
        b"%s~%d" % (stem, digit) for stem in (b"git", b"gitmod", b"gitatt", b"gi7eba", b"gi250a") for digit in (1, 9)
    ]
    tilde = [(b"gi7eba"[:cut] + b"~" + b"1" * 7)[:8] for cut in range(7)] + [
        (b"GI7D29"[:cut] + b"~" + b"1" * 7)[:8] for cut in range(7)
    ]
    dots = [
        b".git",
        b".GIT",
        b".git ",
        b".git...",
        b".git::x",
        ".g\u200cit".encode(),
        b".gitmodules",
        b".gitattributes",
    ]
    return [*shorts, *tilde, *dots, b"%entries", b"%hardlinks", b"...", b"x" * 255, b"\xff" * 255, b" ", b"\\", b"\n"]


def _repository(top: Path) -> GitRepository:
    (top / "tmp").mkdir()
    GitRepository.create(top / "git", "main")
    return GitRepository(top / "git")


def _commit(git: GitRepository, tree: ObjectId) -> None:
    who = pygit2.Signature("Tester", "t@example.com", 0, 0)
    git.raw.create_commit("refs/heads/main", who, who, "names\n", pygit2.Oid(raw=tree), [])
