"""Traps 1 to 10: what overlayfs writes for a deletion, and what only looks like it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from layerctl import CommitId
from layerctl.errors import BadArchive, CannotExport, UnsafeWriteLayer
from tests.oracle import assert_same, listing
from tests.property.stored import marks, rescan
from tests.support.archives import Member, directory, entry, simple_layout, tar_of
from tests.support.exporting import layers_of
from tests.support.mounts import mount_at, unmount_below
from tests.support.namespaced import Namespaced
from tests.unit.ops.conftest import Box


def _files(source: Path) -> None:
    for name in ("d/sub", "e"):
        (source / name).mkdir(parents=True)
    for name in ("a", "b", "c", "d/x", "d/y", "d/sub/z", "e/x"):
        (source / name).write_text(name)


@pytest.fixture
def files(box: Box) -> Box:
    box.base(_files)
    return box


def _layer(box: Box) -> Path:
    return box.store.layers.fs(box.repo.show()[0].commit.layer.id)


def _whiteouts(box: Box) -> set[bytes]:
    return {path for path, text in rescan(_layer(box)).entries.items() if text is None}


def _behind_the_mount(box: Box) -> Path:
    """The write layer while nothing is mounted, for marks that this kernel does not make by itself."""
    unmount_below(box.root)
    return box.upper


def _import(box: Box, *layers: bytes) -> Path:
    """An image of these layers, checked out."""
    simple_layout(box.top / "image", layers)
    commit = box.repo.import_image(f"oci:{box.top / 'image'}", branch="image").commits[-1]
    return box.elsewhere(str(commit))


def test_trap_01_whiteouts_are_no_hardlink_group(files: Box) -> None:
    for name in ("a", "b", "c", "d/x"):
        (files.root / name).unlink()
    inodes = {(files.upper / name).stat().st_ino for name in ("a", "b", "c", "d/x")}
    files.commit()
    assert len(inodes) == 1, "this kernel does not share whiteouts: the test shows nothing"
    assert _whiteouts(files) == {b"a", b"b", b"c", b"d/x"}
    assert "%hardlinks" not in os.listdir(files.root)
    assert files.repo.show()[0].commit.layer.deleted == 4


def test_trap_01_nobody_makes_a_whiteout_by_hand(files: Box) -> None:
    with pytest.raises(PermissionError):
        os.mknod(files.root / "a-whiteout", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    assert files.repo.status().changes == ()


def test_trap_02_no_whiteout_where_nothing_is_below(files: Box) -> None:
    """One in an opaque directory, or in one that is new, would be listed and could not be looked at."""
    shutil.rmtree(files.root / "d")
    (files.root / "d").mkdir()
    (files.root / "d/x").write_text("again")
    (files.root / "new").mkdir()
    (files.root / "new/file").write_text("new")
    (files.root / "new/file").unlink()
    files.commit("anew")
    assert _whiteouts(files) == {b"d/y", b"d/sub"}
    (files.root / "d/x").unlink()
    shutil.rmtree(files.root / "new")
    files.commit("gone")
    assert _whiteouts(files) == {b"d/x", b"new"}
    assert {node.kind for node in listing(files.elsewhere()).nodes.values()} == {"dir", "file"}


def test_trap_03_whiteouts_that_are_attributes_of_a_file(files: Box) -> None:
    """And the mark of a directory that holds such, ``x``, hides nothing by itself."""
    upper = _behind_the_mount(files)
    (upper / "d").mkdir()
    os.setxattr(upper / "d", "trusted.overlay.opaque", b"x")
    (upper / "d/x").touch()
    os.setxattr(upper / "d/x", "trusted.overlay.whiteout", b"y")
    files.repo.checkout()
    assert not (files.root / "d/x").exists()
    files.repo.commit("one file less")
    assert _whiteouts(files) == {b"d/x"}
    assert sorted(os.listdir(files.elsewhere() / "d")) == ["sub", "y"]


def test_trap_04_opaque_means_something_only_over_a_directory(files: Box) -> None:
    shutil.rmtree(files.root / "d")
    (files.root / "d").mkdir()
    (files.root / "a").unlink()
    (files.root / "a").mkdir()
    (files.root / "new").mkdir()
    assert os.getxattr(files.upper / "d", "trusted.overlay.opaque") == b"y"
    upper = _behind_the_mount(files)
    os.setxattr(upper / "new", "trusted.overlay.opaque", b"y")
    files.repo.checkout()
    files.commit()
    assert _whiteouts(files) == {b"d/x", b"d/y", b"d/sub"}
    assert not list(marks(_layer(files)))


def test_trap_05_an_opaque_mark_of_the_other_namespace_deletes_nothing(files: Box) -> None:
    os.setxattr(files.root / "d", "user.overlay.opaque", b"y")
    assert os.getxattr(files.upper / "d", "user.overlay.opaque") == b"y"
    files.commit()
    assert sorted(os.listdir(files.elsewhere() / "d")) == ["sub", "x", "y"]


def test_trap_05_deletions_hold_in_a_user_namespace(namespaced: Namespaced) -> None:
    namespaced.script(
        """
        rm -r rootfs/d; mkdir rootfs/d; echo new > rootfs/d/new; rm rootfs/a; mkdir rootfs/a
        getfattr --only-values -n user.overlay.opaque .layerctl/worktrees/default/upper/d
        layerctl commit -m deleted
        layerctl worktree add other HEAD --at other
        test "$(ls other/d)" = new; test -d other/a
        """
    )
    documents = [json.loads(path.read_text()) for path in (namespaced.top / ".layerctl/layers").glob("*/layer.json")]
    assert {document["namespace"] for document in documents} == {"user"}


def test_trap_06_attributes_named_like_marks_are_data(files: Box) -> None:
    for key in ("opaque", "redirect", "metacopy", "overlay.opaque"):
        os.setxattr(files.root / "d", f"trusted.overlay.{key}", b"y")
    assert os.getxattr(files.upper / "d", "trusted.overlay.overlay.opaque") == b"y"
    files.commit()
    other = files.elsewhere()
    assert os.getxattr(other / "d", "trusted.overlay.opaque") == b"y"
    assert sorted(os.listdir(other / "d")) == ["sub", "x", "y"]


def test_trap_06_an_archive_with_marks_hides_nothing(files: Box) -> None:
    marked = directory("d", pax_headers={"SCHILY.xattr.trusted.overlay.opaque": "y"})
    root = _import(files, tar_of(directory("d"), entry("d/x", b"x")), tar_of(marked, entry("d/new", b"new")))
    assert sorted(os.listdir(root / "d")) == ["new", "x"]
    assert "trusted.overlay.opaque" not in os.listxattr(root / "d")


def test_trap_07_no_mark_of_overlayfs_reaches_a_listing_an_id_or_an_archive(files: Box) -> None:
    """The same change is made in a write layer full of marks, and as an import that has none."""
    for name in ("a", "d/x"):
        os.chmod(files.root / name, 0o600)
    found = {key for top, *_ in os.walk(files.upper) for key in os.listxattr(top)} | {*os.listxattr(files.upper / "a")}
    assert {"trusted.overlay.origin", "trusted.overlay.impure"} <= found
    files.commit()
    listed = subprocess.run(
        ["git", "--git-dir", files.layout.git, "grep", "-ah", "", "HEAD"], capture_output=True, check=True
    )
    assert b"digest=blake3" in listed.stdout
    assert b"overlay" not in listed.stdout
    (_, archive) = layers_of(files.layout.root, CommitId(str(files.repo.resolve("HEAD"))))[1]
    assert b"overlay" not in archive
    ids = set()
    for name in ("one", "two"):
        other = files.repo.add_worktree(name, "HEAD~1", detach=True)
        for path in ("d/x", "a") if name == "one" else ("a", "d/x"):
            os.chmod(Path(other.mountpoint) / path, 0o600)
        ids.add(type(files.repo).open(files.home, worktree=name).commit(name).layer.id)
    assert ids == {files.repo.show()[0].commit.layer.id}


def test_trap_08_redirects_and_metadata_copies_are_off_and_refused(files: Box) -> None:
    mount = mount_at(files.root)
    assert mount is not None
    assert "redirect_dir=nofollow" in mount.options
    assert not {"metacopy=on", "index=on"} & {*mount.options.split(",")}
    os.chmod(files.root / "a", 0o600)
    assert (files.upper / "a").read_text() == "a"
    head = files.repo.resolve("HEAD")
    os.setxattr(files.upper / "a", "trusted.overlay.metacopy", b"")
    with pytest.raises(UnsafeWriteLayer, match="metacopy on /a"):
        files.repo.commit("half a file")
    assert files.repo.resolve("HEAD") == head


def test_trap_09_a_file_that_is_called_like_a_whiteout(files: Box) -> None:
    (files.root / "d/.wh.x").write_text("real")
    (files.root / "d/.wh..wh..opq").write_text("real")
    files.commit()
    assert sorted(os.listdir(files.elsewhere() / "d")) == [".wh..wh..opq", ".wh.x", "sub", "x", "y"]
    with pytest.raises(CannotExport, match=r"^/d/\.wh\."):
        layers_of(files.layout.root, files.repo.resolve("HEAD"))


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh..."])
def test_trap_09_a_whiteout_of_nothing_is_an_error(files: Box, name: str) -> None:
    with pytest.raises(BadArchive, match="no whiteout of anything"):
        _import(files, tar_of(directory("d")), tar_of(directory("d"), entry(f"d/{name}")))
    assert not list((files.layout.root / "tmp").iterdir())


@pytest.mark.parametrize("first", [True, False])
def test_trap_09_an_opaque_mark_may_come_before_or_after(files: Box, first: bool) -> None:
    mark, sibling = entry("d/.wh..wh..opq"), entry("d/new", b"new")
    members: list[Member] = [mark, sibling] if first else [sibling, mark]
    root = _import(files, tar_of(directory("d"), entry("d/x", b"x")), tar_of(directory("d"), *members))
    assert os.listdir(root / "d") == ["new"]


def test_trap_10_renaming_a_directory_from_below(files: Box) -> None:
    with pytest.raises(OSError) as caught:
        os.rename(files.root / "d", files.root / "moved")
    assert caught.value.errno == errno.EXDEV
    assert files.repo.status().changes == ()
    before = listing(files.root / "d")
    subprocess.run(["mv", files.root / "d", files.root / "moved"], check=True)
    files.commit()
    assert_same(before, files.elsewhere() / "moved", ignore=["mtime_ns"])
    (files.root / "new").mkdir()
    (files.root / "new").rename(files.root / "moved/new")
    files.commit("a new directory can be renamed")
