"""Traps 11 to 23: what a rootfs says about its files, and where it gets lost."""

from __future__ import annotations

import mmap
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.oracle import assert_same, listing
from tests.property.independent import listing as full_listing
from tests.property.stored import rescan
from tests.property.tree import CAPABILITY
from tests.support import rootfs
from tests.support.archives import Member, entry, symlink, tar_of
from tests.support.exporting import archive_of, layers_of
from tests.support.namespaced import Namespaced
from tests.support.userns import OUTSIDE
from tests.unit.ops.conftest import Box

_OLD = 1_234_567_890_123_456_789


def _one_of_each(source: Path) -> None:
    (source / "d").mkdir()
    for name in ("file", "tool", "pair", "d/x"):
        (source / name).write_text(name)
    os.link(source / "pair", source / "pair2")
    (source / "soft").symlink_to("/absolute")
    os.link(source / "soft", source / "soft2", follow_symlinks=False)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.link(source / "null", source / "null2")
    os.chown(source / "tool", 7, 8)
    os.chmod(source / "tool", 0o6755)
    os.setxattr(source / "tool", "security.capability", CAPABILITY)
    subprocess.run(["setfacl", "-m", "u:1000:rwx,m:rwx", source / "file"], check=True)
    for name in ("d/x", "file", "tool", "soft", "d", "."):
        os.utime(source / name, ns=(0, _OLD), follow_symlinks=False)


@pytest.fixture
def files(box: Box) -> Box:
    box.base(_one_of_each)
    return box


def _commit_while_used(box: Box) -> None:
    """Through a copy, because somebody could write."""
    before = full_listing(box.root)
    with open(os.open(box.root, os.O_TMPFILE | os.O_RDWR), "wb"):
        assert box.repo.commit("busy").layer.quiescence.value == "live"
    assert_same(before, full_listing(box.elsewhere()))


def test_trap_11_one_changed_member_of_a_hardlink_group(files: Box) -> None:
    os.chmod(files.root / "pair", 0o600)
    os.utime(files.root / "soft", ns=(0, 1), follow_symlinks=False)
    os.chown(files.root / "null2", 5, 5)
    assert os.lstat(files.root / "pair2").st_nlink == 2, "it used to say so"
    before = listing(files.root)
    files.commit()
    assert before.links == frozenset()
    assert listing(files.elsewhere("HEAD~1")).links == {
        frozenset({b"pair", b"pair2"}),
        frozenset({b"soft", b"soft2"}),
        frozenset({b"null", b"null2"}),
    }


def test_trap_11_no_link_leads_to_a_link(files: Box) -> None:
    for number in range(5):
        os.link(files.root / "pair2", files.root / f"a{number}")
    files.commit()
    data = layers_of(files.layout.root, files.repo.resolve("HEAD"))[1][1]
    names = subprocess.run(["tar", "-tv"], input=data, capture_output=True, check=True).stdout.decode().splitlines()
    targets = {line.partition(" link to ")[2] for line in names if " link to " in line}
    assert targets == {"a0"}


@pytest.mark.parametrize("busy", [False, True])
def test_trap_12_restored_in_the_only_order_that_works(files: Box, busy: bool) -> None:
    """chown takes setuid bits and capabilities, chmod an ACL's mask, and a new child the directory's time."""
    for name in ("tool", "file"):
        (files.root / f"d/{name}").write_text(name)
        subprocess.run(["cp", "-a", files.root / name, files.root / f"d/{name}"], check=True)
    os.chmod(files.root / "d", 0o555)
    os.utime(files.root / "d", ns=(0, _OLD))
    if busy:
        _commit_while_used(files)
    else:
        files.commit()
    tool = listing(files.elsewhere()).nodes[b"d/tool"]
    assert (tool.uid, tool.mode, tool.mtime_ns) == (7, 0o6755, _OLD)
    assert dict(tool.xattrs)["security.capability"] == CAPABILITY


def test_trap_13_capabilities_and_acls_of_a_user_namespace(namespaced: Namespaced) -> None:
    """On disk they are of revision 3 and of other ids; inside they read as they were set."""
    printed = namespaced.script(
        """
        cp /bin/true rootfs/tool; chown 7:8 rootfs/tool; setcap cap_net_raw+ep rootfs/tool
        setfacl -m u:1000:r rootfs/a
        layerctl commit -m one
        layerctl worktree add other HEAD --at other
        getcap rootfs/tool other/tool; getfacl -cn rootfs/a > 1; getfacl -cn other/a > 2; cmp 1 2; grep user:1000 2
        """
    )
    assert "other/tool cap_net_raw=ep" in printed
    assert "user:1000:r--" in printed
    (tool,) = (namespaced.top / ".layerctl/layers").glob("*/fs/tool")
    assert os.getxattr(tool, "security.capability")[3] == 3
    assert tool.stat().st_uid == OUTSIDE + 7


def test_trap_13_a_default_acl_around_the_repository_does_not_leak(box: Box) -> None:
    subprocess.run(["setfacl", "-d", "-m", "u:1234:rwx,g:5:rwx", box.top], check=True)
    expected = box.base(lambda source: [_one_of_each(source), subprocess.run(["setfacl", "-Rbk", source], check=True)])
    assert_same(expected, box.root)
    (box.root / "new").mkdir()
    (box.root / "new/file").write_text("x")
    assert b"new" not in {path for path, node in listing(box.root).nodes.items() if node.xattrs}
    _commit_while_used(box)


def test_trap_14_empty_values_and_user_attributes_where_they_can_be(files: Box) -> None:
    with pytest.raises(PermissionError):
        os.setxattr(files.root / "soft", "user.k", b"v", follow_symlinks=False)
    for name in ("file", "d"):
        os.setxattr(files.root / name, "user.empty", b"")
    os.setxattr(files.root / "soft", "trusted.k", b"", follow_symlinks=False)
    files.commit()
    assert os.getxattr(files.elsewhere() / "file", "user.empty") == b""
    (files.top / "a.tar").write_bytes(archive_of(rescan(files.elsewhere()), files.elsewhere()))
    assert os.getxattr(rootfs.untar(files.top / "a.tar", files.top / "out") / "d", "user.empty") == b""


def test_trap_14_an_archive_with_user_attributes_on_a_symlink(files: Box) -> None:
    link: Member = symlink("soft", "x")
    link[0].pax_headers = {"SCHILY.xattr.user.k": "v"}
    (files.top / "a.tar").write_bytes(tar_of(link, entry("f", b"", pax_headers={"SCHILY.xattr.user.k": "v"})))
    files.repo.import_image(str(files.top / "a.tar"), branch="other")
    root = files.elsewhere("other")
    assert os.listxattr(root / "soft", follow_symlinks=False) == []
    assert os.getxattr(root / "f", "user.k") == b"v"


def test_trap_15_labels_belong_to_the_machine(files: Box) -> None:
    (files.root / "new").write_text("new")
    for name in ("new", "file"):
        os.setxattr(files.root / name, "security.selinux", b"system_u:object_r:container_t:s0\0")
    assert [change.path for change in files.repo.status().changes if not change.is_noise] == [b"new"]
    files.commit()
    grep = ["git", "--git-dir", files.layout.git, "grep", "-a", "selinux", "HEAD"]
    assert subprocess.run(grep, capture_output=True).returncode == 1


def test_trap_16_owners_outside_of_the_id_map_are_never_recorded(namespaced: Namespaced) -> None:
    upper = namespaced.top / ".layerctl/worktrees/default/upper"
    namespaced.script("echo mine > rootfs/mine")
    (upper / "foreign").write_text("of a user that the namespace does not have")
    printed = namespaced.script(
        """
        test "$(stat -c %u rootfs/foreign)" = 65534
        layerctl commit -m wrong 2>&1 && exit 1
        rm rootfs/foreign; layerctl commit -m right; layerctl log --oneline
        """
    )
    assert "owners outside of this user namespace" in printed
    assert "wrong" not in printed


def test_trap_17_times_to_the_nanosecond(files: Box) -> None:
    """A float would make one of two neighbours."""
    times = {"file": _OLD + 1, "soft": -1, "d": 4_294_967_296_999_999_999, "null": _OLD - 1, ".": 1}
    for name, mtime_ns in times.items():
        os.utime(files.root / name, ns=(0, mtime_ns), follow_symlinks=False)
    files.commit()
    found = {name: os.lstat(files.elsewhere() / name).st_mtime_ns for name in times}
    assert found == times


def test_trap_17_two_edits_of_equal_size_in_one_second(files: Box) -> None:
    for number in range(3):
        (files.root / "file").write_text(f"{number}")
        os.utime(files.root / "file", ns=(0, _OLD + number))
        files.commit(str(number))
    assert [(files.elsewhere(f"HEAD~{n}") / "file").read_text() for n in range(3)] == ["2", "1", "0"]


def test_trap_18_a_hole_costs_nothing(files: Box) -> None:
    with open(files.root / "sparse", "wb") as file:
        file.truncate(100 << 20)
        file.seek(50 << 20)
        file.write(b"island")
    _commit_while_used(files)
    files.commit("sealed", allow_empty=True)
    (files.elsewhere() / "sparse").chmod(0o600)  # copied up by overlayfs
    assert (files.elsewhere() / "sparse").stat().st_size == 100 << 20
    assert rootfs.allocated(files.layout.root) < 4 << 20


def test_trap_19_nothing_is_opened_that_would_block(files: Box) -> None:
    os.mkfifo(files.root / "d/fifo")
    rootfs.add_socket(files.root / "d/sock")
    os.mknod(files.root / "d/disk", stat.S_IFBLK | 0o600, os.makedev(4095, 1_048_575))
    _commit_while_used(files)
    files.commit("sealed", allow_empty=True)
    assert listing(files.elsewhere()).nodes[b"d/disk"].rdev == (4095, 1_048_575)


def test_trap_19_a_socket_cannot_be_exported_and_is_named(files: Box) -> None:
    (files.root / "file").unlink()
    rootfs.add_socket(files.root / "file")
    files.commit()
    named: list[bytes] = []
    (_, data) = layers_of(files.layout.root, files.repo.resolve("HEAD"), named.append)[1]
    assert named == [b"file"]
    names = subprocess.run(["tar", "-t"], input=data, capture_output=True, check=True).stdout
    assert names == b"./\n.wh.file\n"


def test_trap_20_names_are_bytes_and_paths_have_no_end(files: Box) -> None:
    for name in (*rootfs.ODD_FILES, b".git", b"git~1"):
        Path(os.fsdecode(os.fsencode(files.root / "d") + b"/" + name)).write_bytes(name)
    rootfs.make_deep(files.root / "deep", depth=60)
    files.commit()
    changes = files.repo.diff("HEAD~1", "HEAD").changes
    assert max(len(change.path) for change in changes) > 6000
    assert {b"d/" + name for name in rootfs.ODD_FILES} <= {change.path for change in changes}


def test_trap_21_types_change_places_and_symlinks_are_not_followed(files: Box) -> None:
    outside = files.top / "outside"
    outside.mkdir()
    (outside / "x").write_text("canary")
    root = files.root
    shutil.rmtree(root / "d")
    (root / "d").symlink_to(outside)
    (root / "file").unlink()
    (root / "file").mkdir()
    (root / "soft").unlink()
    (root / "soft").write_text("a file now")
    before = listing(outside)
    files.commit("there")
    (root / "d").unlink()
    (root / "d").mkdir()
    (root / "d/x").write_text("inside again")
    (root / "file").rmdir()
    (root / "file").symlink_to("d")
    files.commit("and back")
    files.repo.rollback()
    assert os.readlink(root / "d") == str(outside)
    assert_same(before, outside)


def test_trap_22_the_root_of_the_write_layer_is_the_root(files: Box) -> None:
    os.setxattr(files.root, "user.k", b"v")
    os.chown(files.root, 3, 4)
    os.chmod(files.root, 0o1751)
    os.utime(files.root, ns=(0, _OLD + 5))
    files.commit()
    expected = listing(files.root).nodes[b"."]
    assert (expected.mode, expected.uid, expected.xattrs) == (0o1751, 3, (("user.k", b"v"),))
    (files.root / "new").write_text("x")
    files.repo.rollback("HEAD")
    assert listing(files.root).nodes[b"."] == expected
    assert listing(files.upper).nodes[b"."] == expected


def test_trap_23_inode_numbers_of_a_mount_mean_nothing(files: Box) -> None:
    """What was remembered of a file must not pass for the file that has its number now."""
    place = files.root / "d/x"
    before = os.lstat(place)
    assert files.repo.status().changes == ()
    with open(place, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[:3] = b"D/X"
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [change.path for change in files.repo.status().changes if not change.is_noise] == [b"d/x"]
    files.commit()
    with open(place, "r+b") as file:
        file.write(b"D/Y")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.lstat(place).st_size == before.st_size
    files.commit("the same size, the same time, other content")
    assert (files.elsewhere() / "d/x").read_text() == "D/Y"
