"""A layer as a tar stream: what other readers make of it is in tests/functional/test_interop.py."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerctl.errors import CannotExport, Damaged
from layerctl.layer.archive import write_layer
from layerctl.layer.pax import Extension, parse_records
from layerctl.layer.posix_acl import acl_from_text, acl_to_text
from layerctl.layer.tarencode import member_head
from layerctl.layer.tarheader import BLOCK, Header
from layerctl.layer.tarmember import Member
from layerctl.layer.tarstream import TarStream
from layerctl.model.delta import Delta
from layerctl.model.entry import Entry, Kind
from layerctl.model.listing import format_entry
from tests.oracle import assert_same
from tests.property.stored import rescan
from tests.property.strategies import entries
from tests.property.tree import CAPABILITY, Tree
from tests.support.exporting import archive_of, directory
from tests.support.unpacking import unpack_into

DIR = format_entry(Entry(Kind.DIR, 0o755, 0, 0, 0))
FILE = Entry(Kind.FILE, 0o644, 0, 0, 0)
LINK = format_entry(Entry(Kind.SYMLINK, 0o777, 0, 0, 0, target=b"x"))
SOCKET = format_entry(Entry(Kind.SOCKET, 0o755, 0, 0, 0))


def names_in(data: bytes) -> list[bytes]:
    return [member.name for member in members_in(data)]


def members_in(data: bytes) -> list[Member]:
    return list(TarStream(io.BytesIO(data)))


def written(root: Path, *lines: bytes, links: tuple[tuple[bytes, ...], ...] = (), **options: Any) -> list[bytes]:
    """Names in the archive of a layer with symlinks (or, marked by a ``-``, whiteouts) and the directories above."""
    paths: dict[bytes, bytes | None] = {b"": DIR}
    for line in lines:
        path = line.removeprefix(b"-")
        above = path.split(b"/")[:-1]
        paths |= {b"/".join(above[: count + 1]): DIR for count in range(len(above))}
        paths[path] = None if line != path else LINK
    return names_in(archive_of(Delta(paths, links), root, **options))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def tree(root: Path) -> Tree:
    return Tree(root)


# ------------------------------------------------------------------------------------------------------- the stream


def test_the_same_layer_is_the_same_bytes(root: Path, tree: Tree) -> None:
    tree.write(b"b", b"x")
    tree.mkdir(b"a")
    delta = rescan(root)
    backwards = Delta(dict(reversed(delta.entries.items())), delta.links)
    assert archive_of(delta, root) == archive_of(backwards, root)


def test_the_diff_id_is_the_sha256_of_what_was_written(root: Path, tree: Tree) -> None:
    tree.write(b"f", b"x" * 3_000_000)
    archive = io.BytesIO()
    with directory(root) as fd:
        result = write_layer(rescan(root), fd, archive, shows_below=bool, on_socket=print)
    data = archive.getvalue()
    assert result.diff_id == "sha256:" + hashlib.sha256(data).hexdigest()
    assert result.size == len(data)
    assert data.endswith(bytes(1024))
    assert len(data) % BLOCK == 0


def test_progress_is_told(root: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    with directory(root) as fd:
        write_layer(
            rescan(root), fd, io.BytesIO(), shows_below=bool, on_socket=print, progress=lambda *a: told.append(a)
        )
    assert told == [("writing layer", 0, 1)]


def test_the_root_comes_first_and_members_of_a_directory_stay_together(root: Path) -> None:
    """``d-x`` and ``d.y`` sort between ``d`` and ``d/z``, but GNU tar has given ``d`` its time back by then."""
    assert written(root, b"d.y", b"d/z", b"d-x", b"d/e/f") == [b"./", b"d/", b"d/e/", b"d/e/f", b"d/z", b"d-x", b"d.y"]


def test_whiteouts_are_ahead_of_their_siblings(root: Path) -> None:
    names = written(root, b"a/new", b"a/sub/x", b"-z", b"-a/gone", b"b")
    assert names == [b"./", b".wh.z", b"a/", b"a/.wh.gone", b"a/new", b"a/sub/", b"a/sub/x", b"b"]


def test_names_links_and_values_of_any_bytes_and_length(root: Path, tree: Tree) -> None:
    deep = b"/".join([b"n" * 120] * 3)
    os.makedirs(tree.full(deep))
    for name in (b"\xff\xfe", b"new\nline", b"\xc3\xa9", b"L" * 255, b" ", deep + b"/\xff"):
        tree.write(name, name)
    tree.symlink(b"soft", b"\xff" * 4000)
    tree.link(deep + b"/\xff", b"hard")
    tree.set_xattr(b" ", b"user.=%25%3D%", b"\0=\n\xff")
    tree.set_xattr(b" ", b"user.empty", b"")
    unpack_into(root.parent / "out", archive_of(rescan(root), root))
    assert_same(root, root.parent / "out")


_SPEAKABLE = tuple(kind for kind in Kind if kind is not Kind.SOCKET)


@given(entries(kinds=_SPEAKABLE), st.binary(min_size=1, max_size=300))
def test_whatever_a_header_cannot_say_a_record_says(drawn: Entry, name: bytes) -> None:
    """Any owner, time, size and name; attributes are looked at below."""
    entry = _legal(drawn)
    name = name.replace(b"\0", b"0").rstrip(b"/") + (b"/" if entry.kind is Kind.DIR else b".")
    found = next(iter(TarStream(io.BytesIO(member_head(name, entry)))))
    assert (found.name, found.entry) == (name, entry)


def _legal(entry: Entry) -> Entry:
    """What a file system can hold."""
    entry = entry._replace(uid=min(entry.uid, 2**32 - 2), gid=min(entry.gid, 2**32 - 2), digest=None, xattrs=())
    if entry.kind is Kind.SYMLINK:
        return entry._replace(mode=0o777, target=entry.target or b"x")
    if entry.rdev is not None:
        return entry._replace(rdev=(1 + entry.rdev[0] % 4095, entry.rdev[1]))
    return entry


# -------------------------------------------------------------------------------------------------------- hard links


def test_every_name_of_a_group_links_to_the_one_that_comes_first(root: Path, tree: Tree) -> None:
    """Trap 11: never in a chain. First in the archive is not always first in the group: ``d/x`` is ahead of ``d-x``."""
    tree.mkdir(b"d")
    tree.write(b"d/x", b"one")
    for name in (b"d-x", b"z", b"d/y"):
        tree.link(b"d/x", name)
    tree.symlink(b"soft", b"nowhere")
    tree.link(b"soft", b"soft2")
    tree.special(b"fifo", 2)
    tree.link(b"fifo", b"fifo2")
    found = members_in(archive_of(rescan(root), root))
    links = {member.name: member.link for member in found if member.link is not None}
    assert links == {b"d/y": b"d/x", b"d-x": b"d/x", b"z": b"d/x", b"soft2": b"soft", b"fifo2": b"fifo"}
    assert sum(member.stored for member in found) == 3


def test_a_hard_link_says_all_that_chown_would_take_away(root: Path, tree: Tree) -> None:
    """Some readers apply a link's header to the file."""
    tree.write(b"a", b"x")
    tree.link(b"a", b"b")
    tree.chown(b"a", 7, 8)
    tree.chmod(b"a", 0o6755)
    tree.set_xattr(b"a", b"security.capability", CAPABILITY)
    with tarfile.open(fileobj=io.BytesIO(archive_of(rescan(root), root))) as archive:
        first, second = archive.getmember("a"), archive.getmember("b")
    assert (second.type, second.linkname, second.size) == (tarfile.LNKTYPE, "a", 0)
    for name in ("mode", "uid", "gid", "mtime", "pax_headers"):
        assert getattr(first, name) == getattr(second, name), name
    assert first.mode == 0o6755
    assert "SCHILY.xattr.security.capability" in first.pax_headers


# ------------------------------------------------------------------------------------- what a tar layer cannot hold


@pytest.mark.parametrize("path", [b".wh.foo", b"d/.wh.foo", b".wh.d/foo", b".wh.", b"-.wh.foo", b"d/.wh..wh..opq"])
def test_a_name_that_would_be_a_deletion_is_refused_with_its_path(root: Path, path: bytes) -> None:
    """Trap 9. Nothing is written before that is known."""
    target = io.BytesIO()
    name = path.removeprefix(b"-")
    delta = Delta({b"": DIR, b"d": DIR, name: None if path != name else LINK, b"a": LINK})
    with directory(root) as fd, pytest.raises(CannotExport, match=f"^/{os.fsdecode(name)} cannot"):
        write_layer(delta, fd, target, shows_below=bool, on_socket=print)
    assert target.getvalue() == b""


def test_sockets_are_left_out_and_named(root: Path) -> None:
    """Trap 19. What they replaced must not show again."""
    delta = Delta({b"": DIR, b"s1": SOCKET, b"s2": SOCKET, b"z": LINK}, ((b"s1", b"s2"),))
    told: list[bytes] = []
    archive = io.BytesIO()
    with directory(root) as fd:
        write_layer(delta, fd, archive, shows_below=lambda path: path == b"s2", on_socket=told.append)
    assert told == [b"s1", b"s2"]
    assert names_in(archive.getvalue()) == [b"./", b".wh.s2", b"z"]


def test_no_mark_of_overlayfs_gets_into_an_archive(root: Path, tree: Tree) -> None:
    """Trap 7, and trap 6: what a process set through the mount is there under its own name."""
    tree.write(b"f", b"x")
    for name in (b"origin", b"impure", b"uuid", b"protattr", b"nlink"):
        tree.set_xattr(b"f", b"trusted.overlay." + name, b"leak")
    tree.set_xattr(b"f", b"trusted.overlay.overlay.mine", b"of the rootfs")
    data = archive_of(rescan(root), root)
    assert b"leak" not in data
    assert b"SCHILY.xattr.trusted.overlay.mine=of the rootfs\n" in data


def test_holes_are_written_in_full(root: Path, tree: Tree) -> None:
    """OCI image-spec, layer.md: sparse files should not be used."""
    tree.write(b"sparse", b"")
    tree.truncate(b"sparse", 100_000)
    (member,) = [member for member in members_in(archive_of(rescan(root), root)) if member.name == b"sparse"]
    assert (member.stored, member.extents) == (100_000, None)


# ------------------------------------------------------------------------------------------------------- broken layers


def _grow(tree: Tree) -> None:
    tree.append(b"f", b"more")


def _swap(tree: Tree) -> None:
    tree.remove(b"f")
    tree.symlink(b"f", b"/etc/passwd")


def _become_a_fifo(tree: Tree) -> None:
    tree.remove(b"f")
    tree.special(b"f", 2)


@pytest.mark.parametrize(
    "harm",
    [
        _grow,
        _swap,
        _become_a_fifo,
        lambda tree: tree.truncate(b"f", 1),
        lambda tree: tree.write(b"f", b"other"),
        lambda tree: tree.remove(b"f"),
    ],
)
def test_a_layer_that_is_not_what_its_commit_says_is_damage(
    root: Path, tree: Tree, harm: Callable[[Tree], None]
) -> None:
    tree.write(b"f", b"right")
    delta = rescan(root)
    harm(tree)
    with pytest.raises(Damaged, match=r"^the layer's /f "):
        archive_of(delta, root)


# -------------------------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize("size", [*range(1, 30), *range(80, 120), *range(970, 1010)])
def test_a_record_counts_its_own_length(size: int) -> None:
    head = member_head(b"f", FILE._replace(xattrs=((b"user.k", b"v" * size),)))
    length = Header(head[:BLOCK]).size
    (record,) = parse_records(head[BLOCK : BLOCK + length])
    assert record == (b"SCHILY.xattr.user.k", b"v" * size)


@given(st.binary(min_size=1, max_size=12) | st.text("%=253Dd", min_size=1).map(str.encode))
def test_names_of_attributes_come_back(name: bytes) -> None:
    if b"\0" in name:
        return
    head = member_head(b"f", FILE._replace(xattrs=((b"user." + name, b"v"),)))
    extension = Extension()
    extension.add(b"x", head[BLOCK : BLOCK + Header(head[:BLOCK]).size])
    assert extension.xattrs == {b"user." + name: b"v"}


def test_names_of_attributes_are_escaped_only_where_they_must_be() -> None:
    """Go does not know the escapes, so a ``%`` stays what it is."""
    assert b"SCHILY.xattr.user.100%=v\n" in member_head(b"f", FILE._replace(xattrs=((b"user.100%", b"v"),)))


@pytest.mark.parametrize(
    ("mtime_ns", "text"),
    [
        (1_700_000_000_123_456_789, b"1700000000.123456789"),
        (1_500_000_000, b"1.5"),
        (-1, b"-0.000000001"),
        (-1_500_000_000, b"-1.5"),
        (-10_000_000_000, b"-10"),
        (8**11 * 1_000_000_000, b"8589934592"),
    ],
)
def test_times_are_exact(mtime_ns: int, text: bytes) -> None:
    assert b" mtime=" + text + b"\n" in member_head(b"f", FILE._replace(mtime_ns=mtime_ns))


def test_a_plain_entry_is_one_block() -> None:
    assert len(member_head(b"etc/passwd", FILE._replace(mtime_ns=1_700_000_000_000_000_000))) == BLOCK


@pytest.mark.parametrize(
    "text",
    [
        b"user::rw-,user:1000:r--,group::r--,mask::rw-,other::---",
        b"user::rwx,group::r-x,group:4000000000:--x,mask::r-x,other::r--",
    ],
)
def test_an_acl_and_its_text(text: bytes) -> None:
    assert acl_to_text(acl_from_text(text)) == text


_TAG_3 = b"\2\0\0\0\3\0\4\0\xff\xff\xff\xff"
_BITS_255 = b"\2\0\0\0\1\0\xff\0\xff\xff\xff\xff"


@pytest.mark.parametrize("value", [b"", b"\2\0\0", b"\2\0\0\0", b"\1\0\0\0", _TAG_3, _BITS_255])
def test_what_is_no_acl_has_no_text(value: bytes) -> None:
    """The kernel lets nobody store such a value, but a layer may come from anywhere."""
    assert acl_to_text(value) is None
