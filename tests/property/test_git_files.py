"""Git's files as layerctl reads and writes them, with Git as the judge: packs, refs, config, walks, revisions."""

from __future__ import annotations

import os
import random
import subprocess
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from layerctl.cli.settings import Settings
from layerctl.errors import Conflict, Damaged, RefMoved, RevisionNotFound
from layerctl.model.commit import Author
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.operation import RefMove
from layerctl.store import gitconfig
from layerctl.store.durable import Durability
from layerctl.store.git import GitRepository
from layerctl.store.libgit2 import LibGit2
from layerctl.store.objectformat import CommitObject, format_commit, parse_commit
from layerctl.store.packfile import PackFile, apply_delta
from layerctl.store.refs import Refs, is_ref_name
from layerctl.store.walk import LongHistory, walk
from tests.unit.store.dying import die_at

_ANN = Author("Ann Ü", "ann@x")
_ZERO = datetime.fromtimestamp(0, UTC)

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def git(path: Path, *args: str, stdin: bytes = b"", code: int | None = 0) -> bytes:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", "--git-dir", path, *args], input=stdin, capture_output=True, env=environment)
    assert code is None or done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture
def bare(tmp_path: Path) -> GitRepository:
    (tmp_path / "tmp").mkdir()
    GitRepository.create(tmp_path / "git", "main")
    return GitRepository(tmp_path / "git")


def commit_of(repository: GitRepository, parents: list[CommitId], seconds: int, message: str = "x") -> CommitId:
    when = datetime.fromtimestamp(seconds, UTC)
    tree = repository.write_tree(b"")
    return repository.write_commit(CommitObject(tree, tuple(parents), _ANN, when, _ANN, when, message))


def a_graph(repository: GitRepository, count: int, seed: int) -> list[CommitId]:
    """Commits with up to three parents each; clocks stand still and go backwards."""
    chance = random.Random(seed)
    found: list[CommitId] = []
    for number in range(count):
        near = found[-6:]
        parents = chance.sample(near, min(len(near), chance.choice((0, 1, 1, 1, 2, 3))))
        found.append(commit_of(repository, parents, 1000 + number // 2 - chance.choice((0, 0, 0, 40)), str(number)))
    return found


# ------------------------------------------------------------------------------------------------------------- objects


@pytest.mark.parametrize("depth", [0, 1, 40])
def test_packs_that_git_made_are_read_deltas_and_all(bare: GitRepository, depth: int) -> None:
    chance = random.Random(depth)
    lines = [b"%d %d\n" % (number, chance.getrandbits(60)) for number in range(2000)]
    wanted = {}
    for number in range(60):
        lines[chance.randrange(2000)] = b"changed %d\n" % number
        data = b"".join(lines[: chance.randrange(2000)]) if number else b""
        wanted[bare.write_blob(data)] = data
    wanted[bare.write_blob(os.urandom(3 << 20))] = b""  # nothing that deflate could shrink
    names = "\n".join(oid.hex() for oid in wanted).encode()
    git(bare.path, "pack-objects", f"--depth={depth}", "--window=20", str(bare.path / "objects/pack/pack"), stdin=names)
    git(bare.path, "prune-packed")
    [index] = (bare.path / "objects/pack").glob("*.idx")
    has_deltas = b"chain length" in git(bare.path, "verify-pack", "-v", str(index))
    assert has_deltas == bool(depth)
    again = GitRepository(bare.path)
    for oid in wanted:
        assert again.has(oid)
        assert again.find(oid) == ("blob", git(bare.path, "cat-file", "blob", oid.hex()))


def test_deltas_that_name_their_base_are_read(bare: GitRepository, tmp_path: Path) -> None:
    """``OBJ_REF_DELTA``, which Git writes where it was not asked for offsets."""
    base = bare.write_blob(b"line\n" * 5000)
    other = bare.write_blob(b"line\n" * 5000 + b"and more\n")
    names = f"{base.hex()}\n{other.hex()}\n".encode()
    git(bare.path, "pack-objects", "--no-delta-base-offset", str(tmp_path / "pack"), stdin=names)
    [index] = tmp_path.glob("*.idx")
    pack = PackFile(index)
    assert {pack.read(base), pack.read(other)} == {("blob", bare.read(base)), ("blob", bare.read(other))}
    assert pack.read(ObjectId(b"\7" * 20)) is None


def test_an_object_that_somebody_packed_meanwhile_is_found(bare: GitRepository) -> None:
    oid = bare.write_blob(b"data")
    reader = GitRepository(bare.path)
    assert reader.read(bare.write_blob(b"other")) == b"other"  # it has looked for packs
    bare.write_many([(bare.write_blob(b"%d" % number), False, b"%d" % number) for number in range(70)])
    git(bare.path, "pack-objects", str(bare.path / "objects/pack/pack"), stdin=f"{oid.hex()}\n".encode())
    git(bare.path, "prune-packed")
    assert reader.read(oid) == b"data"


@pytest.mark.parametrize("damage", ["no pack", "empty pack", "torn pack", "no index", "torn index"])
def test_a_pack_that_is_not_whole_hides_no_loose_object(bare: GitRepository, damage: str) -> None:
    """A gc was killed while it made one: what it packed is still there as it was."""
    oids = [bare.write_blob(b"%d" % number * 1000) for number in range(20)]
    names = "".join(f"{oid.hex()}\n" for oid in oids).encode()
    git(bare.path, "pack-objects", str(bare.path / "objects/pack/pack"), stdin=names)
    what, part = damage.split()
    [path] = (bare.path / "objects/pack").glob("*.pack" if part == "pack" else "*.idx")
    path.chmod(0o600)
    if what == "no":
        path.unlink()
    else:
        os.truncate(path, 0 if what == "empty" else path.stat().st_size // 2)
    reader = GitRepository(bare.path)
    assert [reader.read(oid) for oid in oids] == [b"%d" % number * 1000 for number in range(20)]
    assert all(map(reader.has, oids))


def test_objects_of_an_alternate_are_left_to_libgit2(bare: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "b/tmp").mkdir(parents=True)
    GitRepository.create(tmp_path / "b/git", "main")
    oid = GitRepository(tmp_path / "b/git").write_blob(b"there")
    (bare.path / "objects/info/alternates").write_text(f"{tmp_path}/b/git/objects\n")
    reader = GitRepository(bare.path)
    assert (reader.has(oid), reader.read(oid)) == (True, b"there")
    assert not reader.has(ObjectId(b"\7" * 20))


@_QUICK
@given(st.binary(max_size=400), st.integers(0, 399), st.integers(0, 255))
def test_a_pack_with_a_flipped_byte_is_damage_or_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, place: int, value: int
) -> None:
    top = tmp_path_factory.mktemp("flip")
    (top / "tmp").mkdir()
    GitRepository.create(top / "git", "main")
    repository = GitRepository(top / "git")
    oids = [repository.write_blob(data), repository.write_blob(data + b"more"), repository.write_blob(b"x" + data)]
    git(repository.path, "pack-objects", str(top / "pack"), stdin="".join(f"{oid.hex()}\n" for oid in oids).encode())
    [path] = top.glob("*.pack")
    packed = bytearray(path.read_bytes())
    assume(place < len(packed) - 20)
    packed[place] = value
    path.chmod(0o600)
    path.write_bytes(packed)
    pack = PackFile(path.with_suffix(".idx"))
    for oid in oids:
        try:
            found = pack.read(oid)
        except Damaged:
            continue
        assert found is not None  # a wrong object is for fsck to find: its id tells


@pytest.mark.parametrize("delta", [b"", b"\5", b"\5\5\0", b"\5\5\x91", b"\4\0", b"\5\2\1a", b"\5\1\3a"])
def test_a_malformed_delta_is_damage(delta: bytes) -> None:
    with pytest.raises((Damaged, IndexError)):
        apply_delta(b"12345", delta)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(names, names, names, st.integers(-(2**40), 2**40), st.integers(-12 * 60, 14 * 60))
def test_a_commit_comes_back_from_its_bytes(name: str, email: str, message: str, seconds: int, zone: int) -> None:
    from datetime import timedelta, timezone  # noqa: PLC0415

    assume(-62135510400 < seconds < 253402214400)
    when = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=zone)))
    made = CommitObject(ObjectId(b"t" * 20), (CommitId("12" * 20),), Author(name, email), when, _ANN, _ZERO, message)
    back = parse_commit(format_commit(made))
    assert back.message == message.strip("\n")
    assert (back.date, back.date.utcoffset()) == (when, when.utcoffset())
    clean = str.maketrans("", "", "<>\n\0")
    assert back.author == Author(name.translate(clean).strip(), email.translate(clean).strip())


def test_git_and_libgit2_read_the_commit_that_was_written(bare: GitRepository) -> None:
    made = commit_of(bare, [], 12345, "subject\n\nbody Ü\n")
    assert git(bare.path, "show", "-s", "--format=%an|%ae|%at|%B", made.hex).decode() == (
        "Ann Ü|ann@x|12345|subject\n\nbody Ü\n\n"
    )
    assert bare.raw[made.hex].author.name == "Ann Ü"
    git(bare.path, "fsck", "--strict")


# ---------------------------------------------------------------------------------------------------------------- refs


@settings(max_examples=400)
@given(st.text(st.sampled_from("ab./@{~^:?*[\\ \x7f\t-é"), max_size=9).map("refs/heads/".__add__))
def test_names_are_those_that_libgit2_takes(name: str) -> None:
    import pygit2  # noqa: PLC0415

    assert is_ref_name(name) == bool(pygit2.reference_is_valid_name(name))


@pytest.mark.parametrize("packed", [False, True])
def test_a_deleted_ref_is_gone_loose_and_packed_with_its_reflog(bare: GitRepository, packed: bool) -> None:
    one, two = commit_of(bare, [], 1), commit_of(bare, [], 2)
    for name in ("refs/heads/a/b/c", "refs/heads/d", "refs/tags/t"):
        bare.move_ref(RefMove(name, None, one.hex, "made"), _ANN)
    git(bare.path, "-c", "user.name=x", "-c", "user.email=x", "tag", "-a", "-m", "x", "annotated", one.hex)
    if packed:
        git(bare.path, "pack-refs", "--all")
    bare.move_ref(RefMove("refs/heads/a/b/c", one.hex, two.hex, "moved"), _ANN)
    bare.move_ref(RefMove("refs/heads/a/b/c", two.hex, None, "gone"), _ANN)
    bare.move_ref(RefMove("refs/tags/annotated", bare.ref("refs/tags/annotated"), None, "gone"), _ANN)
    assert git(bare.path, "for-each-ref", "--format=%(refname)").split() == [b"refs/heads/d", b"refs/tags/t"]
    assert not (bare.path / "logs/refs/heads/a").exists()
    bare.move_ref(RefMove("refs/heads/a", None, one.hex, "a file where folders were"), _ANN)
    assert git(bare.path, "rev-parse", "refs/heads/a").decode().strip() == one.hex
    git(bare.path, "fsck", "--strict")


@pytest.mark.parametrize("step", [*range(15), 99])
def test_a_deletion_that_dies_leaves_no_reflog_without_a_ref(bare: GitRepository, step: int) -> None:
    one = commit_of(bare, [], 1)
    bare.move_ref(RefMove("refs/heads/a/b", None, one.hex, "made"), _ANN)
    git(bare.path, "pack-refs", "--all")
    two = commit_of(bare, [], 2)
    bare.move_ref(RefMove("refs/heads/a/b", one.hex, two.hex, "moved"), _ANN)
    gone = RefMove("refs/heads/a/b", two.hex, None, "gone")
    assert die_at(step, lambda: bare.move_ref(gone, _ANN), (Path, "unlink"), (Path, "rmdir")) == (step == 99)
    assert not (bare.path / "logs/refs/heads/a/b").exists() or (bare.path / "refs/heads/a/b").exists()
    bare.drop_stale_locks(["refs/heads/a/b"])
    GitRepository(bare.path).move_ref(gone, _ANN, again=True)
    logs = [path for path in (bare.path / "logs/refs/heads").rglob("*") if path.is_file()]
    assert (bare.ref("refs/heads/a/b"), logs) == (None, [])


def test_git_reads_the_reflog(bare: GitRepository) -> None:
    one, two = commit_of(bare, [], 1), commit_of(bare, [], 2)
    bare.move_ref(RefMove("refs/heads/main", None, one.hex, "made\nin two lines"), _ANN)
    bare.move_ref(RefMove("refs/heads/main", one.hex, two.hex, "moved"), _ANN)
    lines = git(bare.path, "reflog", "show", "--format=%H|%gs|%gn", "refs/heads/main").decode().splitlines()
    assert lines == [f"{two}|moved|Ann Ü", f"{one}|made in two lines|Ann Ü"]
    assert [entry.message for entry in bare.reflog("HEAD")] == ["moved", "made in two lines"]


def test_a_ref_below_another_is_in_the_way(bare: GitRepository) -> None:
    one = commit_of(bare, [], 1)
    bare.move_ref(RefMove("refs/heads/a/b", None, one.hex, "made"), _ANN)
    for name in ("refs/heads/a", "refs/heads/a/b/c"):
        with pytest.raises(Conflict):
            Refs(bare.path).move(RefMove(name, None, one.hex, "made"), _ANN, Durability())
        assert bare.ref(name) is None
    assert list(bare.path.rglob("*.lock")) == []


def test_a_ref_that_moved_under_the_lock_is_left_alone(bare: GitRepository) -> None:
    one, two = commit_of(bare, [], 1), commit_of(bare, [], 2)
    bare.move_ref(RefMove("refs/heads/main", None, one.hex, "made"), _ANN)
    with pytest.raises(RefMoved):
        Refs(bare.path).move(RefMove("refs/heads/main", two.hex, one.hex, "no"), _ANN, Durability())
    (bare.path / "refs/heads/main.lock").touch()
    with pytest.raises(FileExistsError):
        Refs(bare.path).move(RefMove("refs/heads/main", one.hex, two.hex, "no"), _ANN, Durability())
    assert bare.ref("refs/heads/main") == one.hex
    assert len(bare.reflog("refs/heads/main")) == 1


def test_a_lock_that_somebody_took_right_after_is_theirs(bare: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    one = commit_of(bare, [], 1)
    lock, real = bare.path / "refs/heads/main.lock", os.rename

    def renamed(source: Path, target: Path) -> None:
        real(source, target)
        if source == lock:
            lock.write_text("theirs")

    monkeypatch.setattr(os, "rename", renamed)
    Refs(bare.path).move(RefMove("refs/heads/main", None, one.hex, "made"), _ANN, Durability())
    assert (lock.read_text(), bare.ref("refs/heads/main")) == ("theirs", one.hex)


def test_symbolic_refs_are_followed_and_circles_are_damage(bare: GitRepository) -> None:
    one = commit_of(bare, [], 1)
    bare.move_ref(RefMove("refs/heads/main", None, one.hex, "made"), _ANN)
    git(bare.path, "symbolic-ref", "refs/heads/other", "refs/heads/main")
    assert bare.ref("refs/heads/other") == one.hex
    (bare.path / "refs/heads/x").write_text("ref: refs/heads/y\n")
    (bare.path / "refs/heads/y").write_text("ref: refs/heads/x\n")
    (bare.path / "refs/heads/z").write_text("")
    for name in ("x", "z"):
        with pytest.raises(Damaged):
            bare.ref(f"refs/heads/{name}")


# -------------------------------------------------------------------------------------------------------------- config

_LINES = st.sampled_from(
    [
        "[user]",
        '[layerctl "Sub.Sec \\"x\\""]',
        "[Layerctl]",
        " name = Ann Example ",
        'name = "Ann; Example" # comment',
        "name=a\\tb\\\\c",
        "name = one \\\n   two",
        "\tname = Ü  x   ",
        "name",
        "name =",
        'name = " x "y" z "',
        "sync = false ; no",
        "# comment",
        "; comment",
        "",
        "[user] name = same line",
        "name = 'single'",
        "2bad = x",
        "name = bad\\q",
        'name = "open',
        "[broken",
        "[include]\n path = /nonexistent",
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_LINES, max_size=8))
def test_values_are_those_that_git_reads(tmp_path: Path, lines: list[str]) -> None:
    file = tmp_path / "config"
    file.write_text("[user]\n" + "\n".join(lines) + "\n")
    for key in ("user.name", "layerctl.name", 'layerctl.Sub.Sec "x".name', "layerctl.sync"):
        try:
            found = gitconfig.read_value([file], key)
        except gitconfig.StrangeConfig:
            continue
        done = subprocess.run(["git", "config", "--file", file, "--get", key], capture_output=True)
        assert done.returncode in (0, 1), (done.stderr, found)
        expected = done.stdout.decode().removesuffix("\n") if done.returncode == 0 else None
        assert found == ("true" if expected == "" and found == "true" else expected)


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/config").write_text("[user]\nname = xdg\nemail = xdg@x\n[a]\nb = xdg\n")
    (home / ".gitconfig").write_text("[user]\nname = home\nemail = home@x\n")
    (tmp_path / "git").mkdir()
    (tmp_path / "git/config").write_text("[user]\nname = own\n")
    files = [tmp_path / "git/config", *Settings.from_environment({"HOME": str(home)}).git_config]
    assert [gitconfig.read_value(files, key) for key in ("user.name", "user.email", "a.b", "a.c")] == [
        "own", "home@x", "xdg", None,
    ]  # fmt: skip


def test_a_config_that_includes_another_is_left_to_libgit2(bare: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "more").write_text("[layerctl]\nsync = false\n")
    with (bare.path / "config").open("a") as file:
        file.write(f"[include]\npath = {tmp_path}/more\n")
    assert GitRepository(bare.path).config_get("layerctl.sync") == "false"


# --------------------------------------------------------------------------------------------------------------- walks


@pytest.mark.parametrize("seed", range(12))
def test_a_walk_goes_where_git_goes(bare: GitRepository, seed: int) -> None:
    commits = a_graph(bare, 60, seed)
    chance = random.Random(seed)
    for _ in range(6):
        starts = chance.sample(commits, chance.choice((1, 1, 2, 3)))
        hidden = chance.sample(commits, chance.choice((0, 0, 1, 2)))
        found = [commit.hex for commit in bare.walk(starts, hidden)]
        spelled = [*(start.hex for start in starts), *(f"^{item.hex}" for item in hidden)]
        listed = git(bare.path, "rev-list", "--date-order", *spelled).decode().split()
        assert sorted(found) == sorted(listed)
        place = {commit: number for number, commit in enumerate(found)}
        for commit in found:
            parents = bare.raw[commit].parent_ids
            assert all(place[commit] < place[str(parent)] for parent in parents if str(parent) in place)
        assert set(found) == {commit.hex for commit in LibGit2(bare.path).walk(starts, hidden)}


def test_one_line_of_history_comes_in_its_order(bare: GitRepository) -> None:
    line: list[CommitId] = []
    for number in range(700):  # more than is walked without libgit2
        line.append(commit_of(bare, line[-1:], 5, str(number)))
    for top in (10, 499, 500, 501, 700):
        assert list(bare.walk([line[top - 1]], [])) == line[top - 1 :: -1]
    assert bare.is_ancestor(line[0], line[699]) and not bare.is_ancestor(line[699], line[0])
    assert bare.is_ancestor(line[3], line[5]) and not bare.is_ancestor(line[5], line[3])
    fresh = GitRepository(bare.path)
    assert list(islice(fresh.walk([line[699]], []), 400)) == line[699:299:-1]
    assert "_libgit2" not in vars(fresh)  # who wants the newest commits does not pay for the rest


def test_a_long_history_is_noticed_before_anything_is_given() -> None:
    nodes = {str(number): ([str(number - 1)] if number else [], number) for number in range(20)}
    with pytest.raises(LongHistory):
        next(walk(["19"], [], nodes.__getitem__, 19))
    assert list(walk(["19"], [], nodes.__getitem__, 20)) == [str(number) for number in range(19, -1, -1)]


# ----------------------------------------------------------------------------------------------------------- revisions


@pytest.mark.parametrize("seed", range(4))
def test_revisions_name_what_git_says(bare: GitRepository, seed: int) -> None:
    commits = a_graph(bare, 25, seed)
    bare.move_ref(RefMove("refs/heads/main", None, commits[-1].hex, "made"), _ANN)
    bare.move_ref(RefMove("refs/heads/both", None, commits[3].hex, "made"), _ANN)
    bare.move_ref(RefMove("refs/tags/both", None, commits[-2].hex, "made"), _ANN)
    git(bare.path, "-c", "user.name=x", "-c", "user.email=x", "tag", "-a", "-m", "x", "note", commits[-3].hex)
    chance = random.Random(seed)
    starts = ["main", "both", "heads/both", "refs/heads/both", "note", "tags/note", commits[-1].hex, commits[0].hex[:9]]
    for _ in range(120):
        spelled = chance.choice(starts) + "".join(
            chance.choice(("~", "^", "~2", "^2", "^0", "~0", "~3", "^3", "^{commit}", "^{}"))
            for _ in range(chance.choice((0, 1, 2, 3)))
        )
        listed = git(bare.path, "rev-parse", "--verify", "--quiet", f"{spelled}^{{commit}}", code=None).decode().strip()
        try:
            found = bare.resolve(spelled).hex
        except RevisionNotFound:
            found = ""
        assert found == listed, spelled


@pytest.mark.parametrize("revision", ["none", "main~99", "main^9", "12" * 20, "../config", "refs/heads/../../config"])
def test_what_is_not_there_has_no_commit(bare: GitRepository, revision: str) -> None:
    bare.move_ref(RefMove("refs/heads/main", None, commit_of(bare, [], 1).hex, "made"), _ANN)
    with pytest.raises(RevisionNotFound):
        bare.resolve(revision)
