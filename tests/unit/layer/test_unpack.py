"""Unpacking one archive: fidelity, whiteouts, hostile and broken input."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layerctl.errors import BadArchive, LayerctlError, LimitExceeded, NoSpace
from layerctl.layer.budget import Budget
from layerctl.layer.unpack import unpack
from layerctl.layer.xattrs import XattrNamespace
from layerctl.model.entry import Entry, Kind
from layerctl.model.imports import ImportLimits
from tests.oracle import assert_same, listing
from tests.support import rootfs
from tests.support.archives import Member, directory, entry, hardlink, symlink, tar_of
from tests.support.scans import assert_describes
from tests.support.unpacking import END, padded, pax, raw_header, unpack_into

# ---------------------------------------------------------------------------------------------------------- fidelity


def test_everything_that_gnu_tar_can_say_comes_back(workdir: Path, busybox_rootfs: Path) -> None:
    data = rootfs.tar(busybox_rootfs, workdir / "a.tar").read_bytes()
    tree = assert_describes(unpack_into(workdir / "root", data), workdir / "root")
    assert_same(listing(rootfs.untar(workdir / "a.tar", workdir / "expected")), tree)


def test_the_longest_name_can_be_deleted(workdir: Path) -> None:
    """``.wh.`` in front of it makes a name that no directory could hold."""
    longest = b"L" * 255
    data = pax((b"path", b"d/.wh." + longest)) + raw_header(b"cut") + END
    assert unpack_into(workdir / "root", data, whiteouts=True).root.dirs[b"d"].whiteouts == {longest}
    with pytest.raises(BadArchive, match="too long"):
        unpack_into(workdir / "plain", data)
    with pytest.raises(BadArchive, match="not a path"):
        unpack_into(workdir / "longer", pax((b"path", b".wh.x" + longest)) + raw_header(b"cut") + END, whiteouts=True)


def test_acls_given_as_text_alone(workdir: Path) -> None:
    source = workdir / "source"
    (source / "d").mkdir(parents=True)
    (source / "f").write_text("x")
    subprocess.run(["setfacl", "-m", "u:4321:rw,g:54321:r,m:r", source / "f"], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:4321:rwx", source / "d"], check=True)
    subprocess.run(["tar", "--acls", "-C", source, "-cf", workdir / "a.tar", "."], check=True)
    assert_describes(unpack_into(workdir / "root", (workdir / "a.tar").read_bytes()), workdir / "root")
    assert_same(source, workdir / "root")


def test_a_default_acl_is_not_inherited_while_unpacking(workdir: Path) -> None:
    acl = b"user::rwx,user:1234:rwx,group::r-x,mask::rwx,other::r-x"
    data = (
        pax((b"SCHILY.acl.default", acl))
        + raw_header(b"d/", kind=b"5", mode=b"0002755\0", gid=b"0000007\0")
        + raw_header(b"d/f")
        + raw_header(b"d/sub/g")
        + END
    )
    tree = assert_describes(unpack_into(workdir / "root", data), workdir / "root")
    assert tree.nodes[b"d"].mode == 0o2755
    assert tree.nodes[b"d/f"].xattrs == ()
    assert tree.nodes[b"d/sub"].xattrs == ()
    assert (tree.nodes[b"d/f"].gid, tree.nodes[b"d/sub"].gid) == (0, 0)


def test_an_acl_that_says_no_more_than_the_mode_is_none(workdir: Path) -> None:
    data = pax((b"SCHILY.acl.access", b"user::rw-,group::r--,other::---")) + raw_header(b"f") + END
    tree = assert_describes(unpack_into(workdir / "root", data), workdir / "root")
    assert (tree.nodes[b"f"].mode, tree.nodes[b"f"].xattrs) == (0o640, ())


def test_an_acl_that_names_somebody_is_refused(workdir: Path) -> None:
    data = pax((b"SCHILY.acl.access", b"user::rw-,user:bob:r--,group::r--,mask::r--,other::---"))
    with pytest.raises(BadArchive, match="bob"):
        unpack_into(workdir / "root", data + raw_header(b"f") + END)


@pytest.mark.parametrize("form", ["gnu", "oldgnu", "ustar", "v7", "pax"])
def test_formats_of_gnu_tar(workdir: Path, form: str) -> None:
    source = rootfs.make_tree(workdir / "source", directories=2, files=3)
    os.link(source / "usr/share/d00/d0000/f000", source / "usr/linked")
    (source / "link").symlink_to("usr")
    if form in ("gnu", "oldgnu", "pax"):
        (source / ("n" * 250)).write_text("long name")
        (source / "far").symlink_to("t" * 300)
        with open(source / "sparse", "wb") as file:
            for number in range(60):
                file.seek(number << 20)
                file.write(b"island")
            file.truncate(70 << 20)
    below = [Path(folder, name) for folder, dirs, files in os.walk(source) for name in (*dirs, *files)]
    for path in [*below, source]:
        os.utime(path, (0, 1_234_567_890), follow_symlinks=False)
    flags = [] if form in ("ustar", "v7") else ["--sparse"]
    subprocess.run(["tar", f"--format={form}", *flags, "-C", source, "-cf", workdir / "a.tar", "."], check=True)
    assert_describes(unpack_into(workdir / "root", (workdir / "a.tar").read_bytes()), workdir / "root")
    assert_same(source, workdir / "root")
    assert rootfs.allocated(workdir / "root") < 2 << 20


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
@pytest.mark.parametrize("islands", [0, 1, 300])
def test_sparse_files_in_pax(workdir: Path, version: str, islands: int) -> None:
    """TRAPS 18: holes stay holes."""
    (workdir / "source").mkdir()
    with open(workdir / "source/sparse", "wb") as file:
        for number in range(islands):
            file.seek(number * 100_000)
            file.write(b"island %d" % number)
        file.truncate(40 << 20)
    data = rootfs.tar(workdir / "source", workdir / "a.tar", "--sparse", f"--sparse-version={version}").read_bytes()
    assert_describes(unpack_into(workdir / "root", data), workdir / "root")
    assert_same(workdir / "source", workdir / "root")
    assert rootfs.allocated(workdir / "root") < 4 << 20


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"1700000000.123456789", 1_700_000_000_123_456_789),
        (b"1700000000", 1_700_000_000_000_000_000),
        (b"1700000000.", 1_700_000_000_000_000_000),
        (b"1700000000.1", 1_700_000_000_100_000_000),
        (b"1.9999999999", 1_999_999_999),
        (b"-1.5", -1_500_000_000),
        (b"-0.0000000001", -1),
        (b"0", 0),
    ],
)
def test_times_are_exact(workdir: Path, text: bytes, nanoseconds: int) -> None:
    """TRAPS 17: no float ever touches a time, of symlinks neither."""
    data = pax((b"mtime", text)) + raw_header(b"f")
    data += pax((b"mtime", text)) + raw_header(b"l", kind=b"2", linkname=b"f")
    data += pax((b"mtime", text)) + raw_header(b"d/", kind=b"5") + raw_header(b"d/later") + END
    scan = unpack_into(workdir / "root", data)
    assert_describes(scan, workdir / "root")
    assert [os.lstat(workdir / "root" / name).st_mtime_ns for name in "fld"] == [nanoseconds] * 3


def test_a_time_that_the_file_system_cannot_hold_is_listed_as_it_was_kept(workdir: Path) -> None:
    data = pax((b"mtime", b"99999999999999")) + raw_header(b"f") + END
    assert_describes(unpack_into(workdir / "root", data), workdir / "root")


def test_xattrs_are_bytes_and_may_be_empty(workdir: Path) -> None:
    """TRAPS 14, 26."""
    records = [
        (b"SCHILY.xattr.user.raw", bytes(range(256))),
        (b"SCHILY.xattr.user.empty", b""),
        (b"SCHILY.xattr.user.a%3Db%25", b"name with = and %"),
        (b"LIBARCHIVE.xattr.user.raw", b"aWdub3JlZA"),
        (b"LIBARCHIVE.xattr.user.%6cib", b"AAH/"),
        (b"SCHILY.xattr.security.capability", rootfs.NET_RAW),
        (b"SCHILY.xattr.security.selinux", b"label"),
        (b"SCHILY.xattr.trusted.overlay.opaque", b"y"),
        (b"SCHILY.xattr.trusted.mine", b"kept"),
        (b"SCHILY.xattr.com.apple.quarantine", b"0"),
    ]
    scan = unpack_into(workdir / "root", pax(*records) + raw_header(b"f") + END)
    assert_describes(scan, workdir / "root")
    assert dict(scan.root.files[b"f"].xattrs) == {
        b"user.raw": bytes(range(256)),
        b"user.empty": b"",
        b"user.a=b%": b"name with = and %",
        b"user.lib": b"\x00\x01\xff",
        b"security.capability": rootfs.NET_RAW,
        b"trusted.mine": b"kept",
    }
    assert os.getxattr(workdir / "root/f", "trusted.mine") == b"kept"


def test_user_xattrs_of_what_cannot_have_them_are_left_out(workdir: Path) -> None:
    data = pax((b"SCHILY.xattr.user.x", b"y")) + raw_header(b"l", kind=b"2", linkname=b"t") + END
    assert unpack_into(workdir / "root", data).root.files[b"l"].xattrs == ()


def test_marks_of_user_overlays_are_user_data(workdir: Path) -> None:
    """TRAPS 6: spelled so that an overlay mounted with userxattr does not take them for its own."""
    data = pax((b"SCHILY.xattr.user.overlay.opaque", b"y")) + raw_header(b"d/", kind=b"5") + END
    scan = unpack_into(workdir / "root", data, namespace=XattrNamespace.USER)
    assert scan.root.dirs[b"d"].entry is not None
    assert scan.root.dirs[b"d"].entry.xattrs == ((b"user.overlay.opaque", b"y"),)
    assert os.listxattr(workdir / "root/d") == ["user.overlay.overlay.opaque"]


def test_setuid_survives_chown(workdir: Path) -> None:
    data = raw_header(b"su", mode=b"0006755\0", uid=b"0001750\0", gid=b"0000062\0") + END
    assert unpack_into(workdir / "root", data).root.files[b"su"].mode == 0o6755
    status = (workdir / "root/su").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o6755, 1000, 50)


def _owned(gid: int) -> bytes:
    kept = {"uid": 0, "gid": gid}
    return tar_of(
        directory("d", **kept), entry("d/one", b"1", **kept), entry("d/two", b"2", **kept), symlink("d/s", "x")
    )


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    for name in ("chown", "fchown"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, real=real, **rest: (calls.append(args), real(*args, **rest))[1])
    return calls


def test_nothing_is_given_to_whom_it_belongs(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _counted(monkeypatch)
    unpack_into(workdir / "root", _owned(os.getegid()))
    assert not calls


def test_owners_are_right_whoever_unpacks(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _counted(monkeypatch)
    before = os.getegid()
    os.setegid(1234)
    try:
        unpack_into(workdir / "root", _owned(before))
    finally:
        os.setegid(before)
    assert len(calls) == 4
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in (workdir / "root").rglob("*")} == {(0, before)}


def test_numbers_in_base_256(workdir: Path) -> None:
    big = b"\x80" + (2_000_000_000).to_bytes(7, "big")
    negative = b"\xff" + (2**88 - 86_400).to_bytes(11, "big")
    scan = unpack_into(workdir / "root", raw_header(b"f", uid=big, gid=big, mtime=negative) + END)
    assert scan.root.files[b"f"][2:5] == (2_000_000_000, 2_000_000_000, -86_400_000_000_000)
    assert_describes(scan, workdir / "root")


def test_pax_overrides_everything(workdir: Path) -> None:
    records = [(b"uid", b"70000"), (b"gid", b"70001"), (b"size", b"3"), (b"path", b"real/\xff\n"), (b"uname", b"x")]
    scan = unpack_into(workdir / "root", pax(*records) + raw_header(b"short") + padded(b"abc") + END)
    assert_describes(scan, workdir / "root")
    assert scan.root.dirs[b"real"].files[b"\xff\n"][2:4] == (70_000, 70_001)


def test_global_pax_headers_hold_until_they_are_replaced(workdir: Path) -> None:
    data = pax((b"uid", b"5"), (b"path", b"nonsense"), kind=b"g") + raw_header(b"a")
    data += pax((b"uid", b"6")) + raw_header(b"b") + raw_header(b"c") + END
    files = unpack_into(workdir / "root", data).root.files
    assert {name: file.uid for name, file in files.items()} == {b"a": 5, b"b": 6, b"c": 5}


def test_gnu_long_names(workdir: Path) -> None:
    name, target = b"x" * 200 + b"/" + b"\xfe" * 200, b"t" * 500
    data = raw_header(b"././@LongLink", size=len(name) + 1, kind=b"L") + padded(name + b"\0")
    data += raw_header(b"././@LongLink", size=len(target) + 1, kind=b"K") + padded(target + b"\0")
    data += raw_header(b"cut", kind=b"2", magic=b"ustar  \0", linkname=b"cut") + END
    scan = unpack_into(workdir / "root", data)
    assert scan.root.dirs[b"x" * 200].files[b"\xfe" * 200].target == target


def test_ustar_prefix_and_v7_directories(workdir: Path) -> None:
    data = raw_header(b"name", prefix=b"pre/fix") + raw_header(b"old/", kind=b"\0", magic=b"") + END
    scan = unpack_into(workdir / "root", data)
    assert b"name" in scan.root.dirs[b"pre"].dirs[b"fix"].files
    assert b"old" in scan.root.dirs


@pytest.mark.parametrize("name", [b"f", b"./f", b"/f", b"//.//f", b"././/f"])
def test_spellings_of_one_name(workdir: Path, name: bytes) -> None:
    assert list(unpack_into(workdir / "root", raw_header(name) + END).root.files) == [b"f"]


def test_directories_that_are_only_implied(workdir: Path) -> None:
    scan = unpack_into(workdir / "root", tar_of(entry("a/b/c", b"x")))
    assert (scan.root.entry, scan.root.dirs[b"a"].entry, scan.root.dirs[b"a"].dirs[b"b"].entry) == (None, None, None)
    for name in (".", "a", "a/b"):
        assert stat.S_IMODE((workdir / "root" / name).stat().st_mode) == 0o755


def test_an_implied_directory_may_be_described_later(workdir: Path) -> None:
    scan = unpack_into(workdir / "root", tar_of(entry("a/b", b"x"), directory("a", mode=0o710, uid=3)))
    assert_describes(scan, workdir / "root")
    assert stat.S_IMODE((workdir / "root/a").stat().st_mode) == 0o710


@pytest.mark.parametrize("name", ["./", ".", "/"])
def test_the_root_itself(workdir: Path, name: str) -> None:
    """TRAPS 22."""
    headers = {"SCHILY.xattr.user.r": "v"}
    scan = unpack_into(workdir / "root", tar_of(directory(name, mode=0o751, uid=9, pax_headers=headers)))
    assert_describes(scan, workdir / "root")
    assert scan.root.entry is not None
    assert (scan.root.entry.mode, scan.root.entry.uid) == (0o751, 9)


def test_devices_and_fifos(workdir: Path) -> None:
    members = [
        entry("null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),
        entry("disk", kind=tarfile.BLKTYPE, devmajor=259, devminor=70_000),
        entry("pipe", kind=tarfile.FIFOTYPE, mode=0o640),
        hardlink("null2", "null"),
    ]
    scan = unpack_into(workdir / "root", tar_of(*members))
    assert_describes(scan, workdir / "root")
    assert scan.links == ((b"null", b"null2"),)


def test_deep_trees(workdir: Path) -> None:
    """TRAPS 20: deeper than PATH_MAX and than Python's recursion limit, as far as the limit allows."""
    name = "/".join(["d" * 20] * 999)
    try:
        scan = unpack_into(workdir / "root", tar_of(entry(f"{name}/f", b"deep"), directory(name, mode=0o700)))
    finally:
        subprocess.run(["rm", "-rf", workdir / "root"], check=True)  # shutil.rmtree recurses
    depth, here = 0, scan.root
    while here.dirs:
        depth, here = depth + 1, here.dirs[b"d" * 20]
    assert (depth, here.files[b"f"].size) == (999, 4)


def test_names_are_bytes(workdir: Path) -> None:
    names = [*rootfs.ODD_FILES, b"\xed\xb2\x80"]
    scan = unpack_into(workdir / "root", b"".join(pax((b"path", name)) + raw_header(b"n") for name in names) + END)
    assert set(scan.root.files) == set(names) == {os.fsencode(name) for name in os.listdir(workdir / "root")}


# ------------------------------------------------------------------------------------------- links and later entries


def test_hard_links_are_groups_of_this_layer(workdir: Path) -> None:
    members = [entry("d/b", b"x"), hardlink("a", "./d/b"), hardlink("/c", "/a"), symlink("s", "t"), hardlink("s2", "s")]
    scan = unpack_into(workdir / "root", tar_of(*members))
    assert_describes(scan, workdir / "root")
    assert scan.links == ((b"a", b"c", b"d/b"), (b"s", b"s2"))


@pytest.mark.parametrize("again", ["a", "b"])
def test_a_hard_link_to_itself_changes_nothing(workdir: Path, again: str) -> None:
    scan = unpack_into(workdir / "root", tar_of(entry("a", b"x"), hardlink("b", "a"), hardlink(again, "a")))
    assert_describes(scan, workdir / "root")
    assert scan.links == ((b"a", b"b"),)


def test_a_later_entry_wins(workdir: Path) -> None:
    """TRAPS 21, 24: of every type over every other."""
    kinds: dict[str, Callable[[str], list[Member]]] = {
        "file": lambda name: [entry(name, b"content")],
        "dir": lambda name: [directory(name, mode=0o711), entry(f"{name}/sub/x", b"x")],
        "symlink": lambda name: [symlink(name, "/nowhere")],
        "fifo": lambda name: [entry(name, kind=tarfile.FIFOTYPE)],
        "hardlink": lambda name: [hardlink(name, "other")],
    }
    members = [entry("other", b"other"), entry("bystander", b"")]
    for old in kinds:
        for new in kinds:
            members += [*kinds[old](f"{old}-{new}"), *kinds[new](f"{old}-{new}")]
    scan = unpack_into(workdir / "root", tar_of(*members))
    tree = assert_describes(scan, workdir / "root")
    assert {tree.nodes[f"{old}-fifo".encode()].kind for old in kinds} == {"fifo"}
    assert {tree.nodes[f"{old}-dir".encode()].kind for old in kinds} == {"dir"}


def test_replacing_one_of_two_names_leaves_the_other(workdir: Path) -> None:
    scan = unpack_into(workdir / "root", tar_of(entry("a", b"old"), hardlink("b", "a"), entry("a", b"new")))
    assert_describes(scan, workdir / "root")
    assert ((workdir / "root/a").read_bytes(), (workdir / "root/b").read_bytes()) == (b"new", b"old")


def test_a_removed_directory_takes_its_links_out_of_their_groups(workdir: Path) -> None:
    members = [entry("a", b"x"), hardlink("d/e/b", "a"), hardlink("c", "a"), entry("d", b"file")]
    scan = unpack_into(workdir / "root", tar_of(*members))
    assert_describes(scan, workdir / "root")
    assert scan.links == ((b"a", b"c"),)


def test_a_symlinked_parent_leads_to_where_it_points_inside_the_layer(workdir: Path) -> None:
    members = [
        directory("usr/lib"),
        symlink("lib", "usr/lib"),
        symlink("abs", "/usr/../../usr/lib/./"),
        symlink("up", ".."),
    ]
    members += [entry("lib/one", b"1"), entry("abs/deep/two", b"2"), hardlink("three", "lib/one"), entry("up/up/four")]
    scan = unpack_into(workdir / "root", tar_of(*members))
    tree = assert_describes(scan, workdir / "root")
    assert {b"usr/lib/one", b"usr/lib/deep/two", b"three", b"four"} <= tree.nodes.keys()
    assert scan.links == ((b"three", b"usr/lib/one"),)


def test_a_directory_over_a_symlink_replaces_it(workdir: Path) -> None:
    members = [directory("real"), symlink("d", "real"), entry("d/a"), directory("d"), entry("d/b")]
    tree = assert_describes(unpack_into(workdir / "root", tar_of(*members)), workdir / "root")
    assert {b"real/a", b"d/b"} <= tree.nodes.keys()


def test_a_directory_described_twice_has_only_the_later_metadata(workdir: Path) -> None:
    first, second = {"SCHILY.xattr.user.old": "1"}, {"SCHILY.xattr.user.new": "2"}
    members = [directory("d", pax_headers=first), entry("d/f"), directory("d", mode=0o700, pax_headers=second)]
    scan = unpack_into(workdir / "root", tar_of(*members))
    tree = assert_describes(scan, workdir / "root")
    assert tree.nodes[b"d"].xattrs == (("user.new", b"2"),)


# --------------------------------------------------------------------------------------------------------- whiteouts


def test_whiteouts_and_opaque_marks_are_in_the_scan_alone(workdir: Path) -> None:
    members = [
        entry("d/.wh.gone"),
        entry("d/.wh..wh..opq"),
        entry("d/kept", b"x"),
        entry(".wh..wh.plnk/1.2"),
        entry(".wh.f"),
    ]
    scan = unpack_into(workdir / "root", tar_of(*members), whiteouts=True)
    assert_describes(scan, workdir / "root")
    assert scan.root.whiteouts == {b"f"}
    assert (scan.root.dirs[b"d"].opaque, scan.root.dirs[b"d"].whiteouts) == (True, {b"gone"})
    assert list(scan.root.dirs) == [b"d"]


@pytest.mark.parametrize("first", [True, False])
def test_the_opaque_mark_before_and_after_its_siblings(workdir: Path, first: bool) -> None:
    """TRAPS 9."""
    mark, sibling = entry("d/.wh..wh..opq"), entry("d/new", b"x")
    scan = unpack_into(workdir / "root", tar_of(*([mark, sibling] if first else [sibling, mark])), whiteouts=True)
    assert scan.root.dirs[b"d"].opaque
    assert list(scan.root.dirs[b"d"].files) == [b"new"]


def test_an_opaque_root(workdir: Path) -> None:
    assert unpack_into(workdir / "root", tar_of(entry(".wh..wh..opq")), whiteouts=True).root.opaque


def test_what_is_deleted_and_there_is_there(workdir: Path) -> None:
    members = [entry(".wh.f"), entry("f", b"x"), directory("d"), entry("d/x"), entry(".wh.d")]
    scan = unpack_into(workdir / "root", tar_of(*members), whiteouts=True)
    assert scan.root.whiteouts == set()
    assert scan.root.dirs[b"d"].opaque


def test_in_a_rootfs_such_names_are_names(workdir: Path) -> None:
    scan = unpack_into(workdir / "root", tar_of(entry("d/.wh.f", b"x"), entry("d/.wh..wh..opq", b"y")))
    assert_describes(scan, workdir / "root")
    assert set(scan.root.dirs[b"d"].files) == {b".wh.f", b".wh..wh..opq"}
    assert not scan.root.dirs[b"d"].opaque


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."])
@pytest.mark.parametrize("whiteouts", [True, False])
def test_whiteouts_of_nothing_are_errors(workdir: Path, name: str, whiteouts: bool) -> None:
    with pytest.raises(BadArchive, match=re.escape(name)):
        unpack_into(workdir / "root", tar_of(directory("d"), entry(name)), whiteouts=whiteouts)


# ------------------------------------------------------------------------------------- hard links into lower layers


def _lower(workdir: Path, content: bytes) -> Callable[[bytes], tuple[int, Entry] | None]:
    (workdir / "lower").write_bytes(content)

    def find(path: bytes) -> tuple[int, Entry] | None:
        if path == b"d/link":
            return -1, Entry(Kind.SYMLINK, 0o777, 0, 0, 5, target=b"t")
        if path != b"d/old":
            return None
        return os.open(workdir / "lower", os.O_RDONLY), Entry(Kind.FILE, 0o4711, 3, 4, 5_000_000_001, len(content))

    return find


@pytest.mark.parametrize("content", [b"", b"small", b"big" * 1_000_000])
def test_a_hard_link_to_a_lower_layer_brings_its_target_up(workdir: Path, content: bytes) -> None:
    before = len(os.listdir("/proc/self/fd"))
    data = tar_of(hardlink("new", "d/old"), hardlink("new2", "d/old"), hardlink("soft", "d/link"))
    scan = unpack_into(workdir / "root", data, whiteouts=True, resolve_lower=_lower(workdir, content))
    assert_describes(scan, workdir / "root")
    assert scan.links == ((b"d/link", b"soft"), (b"d/old", b"new", b"new2"))
    assert (workdir / "root/new").read_bytes() == content
    assert scan.root.files[b"new"][1:5] == (0o4711, 3, 4, 5_000_000_001)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("extra", [[], [entry("d/.wh.old")], [entry("d/.wh..wh..opq")], [directory("d/old")]])
def test_a_hard_link_to_what_is_not_there(workdir: Path, extra: list[Member]) -> None:
    target = "d/old" if extra else "d/other"
    with pytest.raises(BadArchive, match="hard link"):
        unpack_into(
            workdir / "root",
            tar_of(*extra, hardlink("new", target)),
            whiteouts=True,
            resolve_lower=_lower(workdir, b"x"),
        )


# ------------------------------------------------------------------------------------------------------ hostile input

HOSTILE: dict[str, list[Member]] = {
    "parent": [entry("../CANARY/owned", b"x")],
    "parent-in-the-middle": [directory("a"), entry("a/../../CANARY/owned", b"x")],
    "parent-at-the-end": [entry("a/..", b"x")],
    "symlinked-parent": [symlink("link", "CANARY"), entry("link/owned", b"x")],
    "symlinked-parent-directory": [symlink("link", "CANARY"), directory("link/owned")],
    "symlinked-grandparent": [directory("a"), symlink("a/link", "CANARY"), entry("a/link/b/owned", b"x")],
    "relative-symlink": [symlink("link", "../CANARYNAME"), entry("link/owned", b"x")],
    "symlink-loop": [symlink("a", "b"), symlink("b", "a"), entry("a/x")],
    "symlink-to-itself": [symlink("a", "a"), entry("a/x")],
    "symlink-at-the-root": [symlink(".", "CANARY"), entry("owned", b"x")],
    "symlink-at-the-root-slash": [symlink("/", "CANARY")],
    "file-at-the-root": [entry(".", b"x")],
    "hardlink-at-the-root": [entry("f"), hardlink(".", "f")],
    "hardlink-to-the-root": [hardlink("f", ".")],
    "hardlink-out": [hardlink("mine", "CANARY/secret"), entry("mine", b"overwritten")],
    "hardlink-out-by-parents": [hardlink("mine", "../CANARYNAME/secret")],
    "hardlink-through-a-symlink": [symlink("link", "CANARY"), hardlink("mine", "link/secret")],
    "hardlink-to-a-directory": [directory("d"), hardlink("mine", "d")],
    "hardlink-over-its-parent": [entry("d/f", b"x"), hardlink("d", "d/f")],
    "hardlink-forward": [hardlink("mine", "later"), entry("later")],
    "file-as-a-directory": [entry("f", b"x"), entry("f/x")],
    "whiteout-through-a-symlink": [symlink("link", "CANARY"), entry("link/.wh.secret")],
    "opaque-through-a-symlink": [symlink("link", "CANARY"), entry("link/.wh..wh..opq")],
    "below-a-whiteout": [entry(".wh.d/x", b"x")],
    "device-0-0": [entry("gone", kind=tarfile.CHRTYPE)],
    "device-out-of-range": [entry("dev", kind=tarfile.BLKTYPE, devmajor=4096, devminor=0)],
    "minor-out-of-range": [entry("dev", kind=tarfile.CHRTYPE, devmajor=1, devminor=1 << 20)],
    "name-too-long": [entry("n" * 256)],
    "empty-symlink": [symlink("l", "")],
    "long-symlink": [symlink("l", "t" * 4096)],
    "uid-minus-one": [entry("f", uid=0xFFFFFFFF)],
    "negative-uid": [entry("f", uid=-1)],
    "unknown-type": [entry("f", kind=b"Z")],
    "multi-volume": [entry("f", kind=b"M")],
}
HARMLESS: dict[str, list[Member]] = {
    "absolute": [entry("CANARY/owned", b"x")],
    "hardlink-to-a-symlink": [symlink("link", "CANARY/secret"), hardlink("mine", "link"), entry("mine", b"x")],
    "overwrite-through-a-symlink": [symlink("f", "CANARY/secret"), entry("f", b"overwritten")],
    "chmod-through-a-symlink": [symlink("d", "CANARY"), directory("d", mode=0o700), entry("d/owned", b"x")],
    "chmod-a-symlink": [symlink("d", "CANARY"), hardlink("e", "d")],
}


def _aimed(members: list[Member], canary: Path) -> bytes:
    for info, _ in members:
        for field in ("name", "linkname"):
            text = getattr(info, field).replace("CANARYNAME", canary.name)
            setattr(info, field, re.sub("/?CANARY", str(canary), text))
    return tar_of(*members)


@pytest.fixture
def canary(workdir: Path) -> Path:
    path = workdir / "canary"
    path.mkdir()
    (path / "secret").write_text("untouched")
    return path


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_archives_are_refused(workdir: Path, canary: Path, attack: str) -> None:
    """TRAPS 24."""
    before = listing(canary)
    with pytest.raises(BadArchive) as caught:
        unpack_into(workdir / "root", _aimed(HOSTILE[attack], canary), whiteouts=True)
    assert "\n" not in caught.value.message
    assert_same(before, canary)
    assert (canary / "secret").stat().st_nlink == 1


@pytest.mark.parametrize("attack", HARMLESS)
def test_what_looks_hostile_and_stays_inside(workdir: Path, canary: Path, attack: str) -> None:
    before = listing(canary)
    scan = unpack_into(workdir / "root", _aimed(HARMLESS[attack], canary))
    assert_describes(scan, workdir / "root")
    assert_same(before, canary)
    assert (canary / "secret").stat().st_nlink == 1


@pytest.mark.parametrize("path", [b"a\0b", b"../x", b"x/" + b"n" * 256])
def test_pax_names_are_checked_too(workdir: Path, path: bytes) -> None:
    with pytest.raises(BadArchive):
        unpack_into(workdir / "root", pax((b"path", path)) + raw_header(b"x") + END)
    with pytest.raises(BadArchive):
        data = pax((b"linkpath", path)) + raw_header(b"x", kind=b"1", linkname=b"y") + END
        unpack_into(workdir / "root2", data)


# ------------------------------------------------------------------------------------------------------- broken input


def _small() -> bytes:
    return tar_of(
        directory("./"),
        entry("f", b"x" * 1500, pax_headers={"SCHILY.xattr.user.k": "v"}),
        symlink("l", "t"),
        entry("n" * 180, b""),
        entry("last", b"y" * 512),
    )


def test_cut_anywhere_is_one_error(workdir: Path) -> None:
    """TRAPS 25: at every block boundary and beside it, up to the end marker."""
    data = _small()
    end = len(data.rstrip(b"\0"))
    end += -end % 512
    for number, size in enumerate(size for edge in range(0, end + 1, 512) for size in (edge, edge + 100)):
        if size <= end:
            with pytest.raises(BadArchive):
                unpack_into(workdir / str(number), data[:size])
    unpack_into(workdir / "whole", data[: end + 512])


def test_a_layer_may_end_without_an_end_marker(workdir: Path) -> None:
    """The digest of a layer tells a cut one, and some tools write no marker."""
    data = tar_of(entry("f", b"x"))
    assert list(unpack_into(workdir / "a", data[:1024], whiteouts=True).root.files) == [b"f"]
    assert not unpack_into(workdir / "b", b"", whiteouts=True).root.files
    for size in (1, 511, 513, 1023):
        with pytest.raises(BadArchive):
            unpack_into(workdir / str(size), data[:size], whiteouts=True)


def test_an_empty_archive_is_an_empty_layer_but_nothing_is_no_archive(workdir: Path) -> None:
    assert not unpack_into(workdir / "a", END).root.files
    with pytest.raises(BadArchive):
        unpack_into(workdir / "b", b"")


@pytest.mark.parametrize("tail", [b"x", bytes(600) + b"junk", tar_of(entry("second"))])
def test_something_after_the_end_marker(workdir: Path, tail: bytes) -> None:
    with pytest.raises(BadArchive, match="end marker"):
        unpack_into(workdir / "a", raw_header(b"f") + END + tail)
    assert unpack_into(workdir / "b", raw_header(b"f") + END + tail, whiteouts=True).root.files


BROKEN = {
    "random": os.urandom(4096),
    "text": b"this is not an archive\n" * 100,
    "checksum": raw_header(b"f")[:150] + b"9" + raw_header(b"f")[151:] + END,
    "second-header": raw_header(b"f") + os.urandom(512) + END,
    "size-is-no-number": raw_header(b"f") + raw_header(b"g", mtime=b"zzz") + END,
    "negative-size": raw_header(b"f", mode=b"\xff" * 8) + pax((b"size", b"-1")) + raw_header(b"g") + END,
    "pax-length": raw_header(b"p", size=6, kind=b"x") + padded(b"9 a=b\n") + raw_header(b"f") + END,
    "pax-no-equals": raw_header(b"p", size=5, kind=b"x") + padded(b"5 ab\n") + raw_header(b"f") + END,
    "pax-no-newline": raw_header(b"p", size=6, kind=b"x") + padded(b"6 a=bc") + raw_header(b"f") + END,
    "pax-zero": raw_header(b"p", size=6, kind=b"x") + padded(b"0 a=b\n") + raw_header(b"f") + END,
    "pax-huge-number": raw_header(b"p", size=40, kind=b"x") + padded(b"9" * 30 + b" a=b\n") + raw_header(b"f") + END,
    "pax-time": pax((b"mtime", b"1e9")) + raw_header(b"f") + END,
    "pax-time-huge": pax((b"mtime", b"9" * 20)) + raw_header(b"f") + END,
    "pax-uid": pax((b"uid", b"0x5")) + raw_header(b"f") + END,
    "pax-alone": pax((b"path", b"x")) + END,
    "pax-absurd": raw_header(b"p", size=1 << 32, kind=b"x") + END,
    "base64": pax((b"LIBARCHIVE.xattr.user.x", b"?")) + raw_header(b"f") + END,
    "acl": pax((b"SCHILY.acl.access", b"user::zzz")) + raw_header(b"f") + END,
    "sparse-order": pax((b"GNU.sparse.map", b"5,1,0,1"), (b"GNU.sparse.size", b"9")) + raw_header(b"f", size=2),
    "sparse-size": pax((b"GNU.sparse.map", b"5,1"), (b"GNU.sparse.size", b"3")) + raw_header(b"f", size=1),
    "sparse-sum": pax((b"GNU.sparse.map", b"0,1"), (b"GNU.sparse.size", b"3")) + raw_header(b"f", size=3),
    "sparse-odd": pax((b"GNU.sparse.map", b"0,1,2"), (b"GNU.sparse.size", b"3")) + raw_header(b"f", size=1),
    "sparse-sizeless": pax((b"GNU.sparse.major", b"1")) + raw_header(b"f", size=512) + padded(b"0\n"),
    "sparse-map-too-long": pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9"))
    + raw_header(b"f", size=512)
    + padded(b"99999999999\n" + b"0\n" * 200)
    + bytes(4096),
    "sparse-map-no-lines": pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9"))
    + raw_header(b"f", size=8192)
    + b"1" * 8192,
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_archives_are_one_error(workdir: Path, case: str) -> None:
    with pytest.raises(BadArchive) as caught:
        unpack_into(workdir / "root", BROKEN[case])
    assert "\n" not in caught.value.message


def test_errors_name_the_entry(workdir: Path) -> None:
    with pytest.raises(BadArchive, match="some/file"):
        unpack_into(workdir / "root", tar_of(entry("ok"), entry("some/file", b"x" * 5000))[:3000])


@pytest.mark.parametrize(
    ("limits", "data"),
    [
        (ImportLimits(max_bytes=10), tar_of(entry("a", b"x" * 6), entry("b", b"x" * 6))),
        (ImportLimits(max_entries=2), tar_of(entry("a"), entry("b"), entry("c"))),
        (ImportLimits(max_entries=5), tar_of(entry("a/b/c/d/e/f"))),
        (ImportLimits(max_depth=3), tar_of(entry("a/b/c/d"))),
        (ImportLimits(max_path=10), tar_of(entry("a" * 11))),
        (ImportLimits(max_bytes=1000), pax((b"GNU.sparse.map", b""), (b"GNU.sparse.size", b"1001")) + raw_header(b"f")),
        (ImportLimits(max_bytes=1000), raw_header(b"f", size=1 << 32)),
    ],
)
def test_limits(workdir: Path, limits: ImportLimits, data: bytes) -> None:
    """TRAPS 25."""
    with pytest.raises(LimitExceeded):
        unpack_into(workdir / "root", data, limits=limits)


def test_the_layers_of_an_image_share_one_budget(workdir: Path) -> None:
    budget = Budget(ImportLimits(max_bytes=10))
    unpack_into(workdir / "a", tar_of(entry("a", b"123456")), budget=budget)
    with pytest.raises(LimitExceeded):
        unpack_into(workdir / "b", tar_of(entry("a", b"123456")), budget=budget)


def test_a_full_disk_is_said_so(loop_mount: Callable[..., Path]) -> None:
    with pytest.raises(NoSpace, match="big"):
        unpack_into(loop_mount("small", megabytes=8) / "root", tar_of(entry("big", bytes(range(256)) * 65536)))


def test_no_descriptor_is_left_open(workdir: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    unpack_into(workdir / "a", tar_of(entry("a/b/c/d", b"x"), entry("e/f", b"y")))
    with pytest.raises(BadArchive):
        unpack_into(workdir / "b", tar_of(entry("a/b/c/d", b"x"), entry("a/b/c/e", b"y" * 3000))[:3000])
    assert len(os.listdir("/proc/self/fd")) == before


# --------------------------------------------------------------------------------------------------------- properties

_NAMES = st.sampled_from(["a", "b", "c", "d/a", "d/b", "d", "d/e/f", "l/a", "l", "d/e"])


@st.composite
def _members(draw: st.DrawFn) -> Member:
    name, target = draw(_NAMES), draw(_NAMES)
    mode, uid = draw(st.integers(0, 0o7777)), draw(st.integers(0, 0xFFFFFFFE))
    mtime = draw(st.decimals(-1000, 4_000_000_000, places=9))
    headers = {"mtime": f"{mtime:f}"}
    if draw(st.booleans()):
        headers["SCHILY.xattr.user.n"] = draw(st.text(st.characters(codec="ascii"), max_size=20))
    fields: dict[str, Any] = {"mode": mode, "uid": uid, "gid": uid // 2, "pax_headers": headers}
    kind = draw(st.sampled_from("fdslpk"))
    if kind == "f":
        return entry(name, draw(st.binary(max_size=2000)), **fields)
    if kind == "d":
        return directory(name, **fields)
    types = {"s": tarfile.SYMTYPE, "l": tarfile.LNKTYPE, "p": tarfile.FIFOTYPE, "k": tarfile.CHRTYPE}
    return entry(name, kind=types[kind], linkname=target, devmajor=1, devminor=draw(st.integers(0, 300)), **fields)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=st.lists(_members(), max_size=12), whiteouts=st.booleans())
def test_the_scan_is_what_is_on_disk(
    tmp_path_factory: pytest.TempPathFactory, members: list[Member], whiteouts: bool
) -> None:
    """Whatever an archive says: it is refused, or its scan equals an independent walk of what it unpacked to."""
    root = tmp_path_factory.mktemp("any") / "root"
    start = [entry("a", b"a"), entry("b", b"b"), hardlink("c", "b"), entry("d/a"), symlink("l", "d")]
    try:
        scan = unpack_into(root, tar_of(*start, *members), whiteouts=whiteouts)
    except BadArchive:
        return
    assert_describes(scan, root)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 6000), value=st.binary(min_size=1, max_size=12), whiteouts=st.booleans())
def test_damage_is_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: bytes, whiteouts: bool
) -> None:
    data = bytearray(_small())
    data[position : position + len(value)] = value
    root = tmp_path_factory.mktemp("damaged") / "root"
    try:
        scan = unpack_into(root, bytes(data), whiteouts=whiteouts, limits=ImportLimits(max_bytes=1 << 20))
    except LayerctlError:
        return
    assert_describes(scan, root)


def test_reading_in_dribs_and_drabs(workdir: Path) -> None:
    """A pipe gives what it has."""

    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(7)

    from_pipe = Dribble(_small())
    expected = unpack_into(workdir / "whole", _small())
    root = workdir / "root"
    root.mkdir()
    fd = os.open(root, os.O_RDONLY)
    scan = unpack(from_pipe, fd, namespace=XattrNamespace.TRUSTED, budget=Budget(ImportLimits()), whiteouts=False)
    os.close(fd)
    assert scan == expected
