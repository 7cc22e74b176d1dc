"""Parent and write layer make a snapshot."""

from __future__ import annotations

from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import format_entry, parse_entry
from layerctl.model.scan import Scan
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.walk import hardlink_groups, walk
from tests.unit.snapshot.builders import DIR, file, folder, tree
from tests.unit.snapshot.memory import MemoryObjects


def _applied(*scans: Scan) -> dict[bytes, Entry]:
    objects, oid = MemoryObjects(), None
    for scan in scans:
        oid = apply_scan(objects, oid, scan)
    assert oid is not None
    return {path: parse_entry(text) for path, text in walk(objects, oid)}


def test_an_opaque_directory_hides_what_was_in_it() -> None:
    base = tree(d=folder(a=file(), b=file()))
    assert _applied(base, tree(d=folder(opaque=True, c=file()))).keys() == {b"", b"d", b"d/c"}


def test_a_directory_that_is_not_opaque_adds_to_what_was_in_it() -> None:
    base = tree(d=folder(a=file(), b=file()))
    assert _applied(base, tree(d=folder(c=file(), whiteouts={b"a"}))).keys() == {b"", b"d", b"d/b", b"d/c"}


def test_a_whiteout_deletes_a_whole_tree() -> None:
    base = tree(d=folder(s=folder(a=file())))
    assert _applied(base, Scan(folder(whiteouts={b"d"}))).keys() == {b""}


def test_a_whiteout_of_nothing_does_nothing() -> None:
    assert _applied(tree(), Scan(folder(whiteouts={b"d"}))).keys() == {b""}


def test_a_file_becomes_a_directory_and_the_reverse() -> None:
    base = tree(a=file(), d=folder(a=file()))
    found = _applied(base, tree(a=folder(x=file()), d=file()))
    assert {path: entry.kind for path, entry in found.items() if path} == {
        b"a": Kind.DIR,
        b"a/x": Kind.FILE,
        b"d": Kind.FILE,
    }


def test_a_symlink_in_the_place_of_a_directory_hides_it() -> None:
    link = Entry(Kind.SYMLINK, 0o777, 0, 0, 0, target=b"elsewhere")
    assert _applied(tree(d=folder(a=file())), tree(d=link)) == {b"": DIR, b"d": link}


def test_an_implied_directory_keeps_the_parents_metadata() -> None:
    secret = DIR._replace(mode=0o700, uid=7)
    base = tree(d=folder(secret))
    assert _applied(base, Scan(folder(None, d=folder(None, a=file()))))[b"d"] == secret


def test_an_implied_directory_that_is_new_is_an_ordinary_one() -> None:
    found = _applied(Scan(folder(None, d=folder(None, a=file()))))
    assert found[b""] == found[b"d"] == Entry(Kind.DIR, 0o755, 0, 0, 0)


def test_the_roots_metadata_is_part_of_the_snapshot() -> None:
    assert _applied(tree(), Scan(folder(DIR._replace(mode=0o711))))[b""].mode == 0o711


def test_untouched_directories_are_not_even_read() -> None:
    objects = MemoryObjects()
    base = apply_scan(objects, None, tree(big=folder(s=folder(a=file())), d=folder()))
    objects.reads.clear()
    apply_scan(objects, base, tree(d=folder(a=file())))
    assert len(objects.reads) == 4  # the tree and the listing of the root, and of d


def test_deep_directories_need_no_deep_stack() -> None:
    scan = folder()
    for _ in range(3000):
        scan = folder(d=scan)
    assert len(_applied(Scan(scan))) == 3001


def test_a_link_group_loses_the_member_that_a_write_layer_replaced() -> None:
    objects = MemoryObjects()
    base = apply_scan(objects, None, tree((b"a", b"b", b"d/c"), a=file(), b=file(), d=folder(c=file())))
    assert hardlink_groups(objects, base) == ((b"a", b"b", b"d/c"),)
    assert hardlink_groups(objects, apply_scan(objects, base, tree(a=file(b"new")))) == ((b"b", b"d/c"),)
    assert hardlink_groups(objects, apply_scan(objects, base, Scan(folder(whiteouts={b"d"})))) == ((b"a", b"b"),)
    assert hardlink_groups(objects, apply_scan(objects, base, tree(d=folder(opaque=True)))) == ((b"a", b"b"),)
    assert hardlink_groups(objects, apply_scan(objects, base, tree(a=file(), b=file()))) == ()


def test_equal_content_is_no_link() -> None:
    objects = MemoryObjects()
    assert hardlink_groups(objects, apply_scan(objects, None, tree(a=file(), b=file()))) == ()


def test_entries_are_kept_to_the_last_bit() -> None:
    odd = Entry(
        Kind.FILE,
        0o6777,
        2**32 - 2,
        5,
        -1,
        3,
        file().digest,
        xattrs=((b"trusted.overlay.opaque", b"y"), (b"user.e", b"")),
    )
    assert _applied(tree(a=odd))[b"a"] == odd
    assert parse_entry(format_entry(odd)) == odd
