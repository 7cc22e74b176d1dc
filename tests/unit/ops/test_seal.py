"""From a write layer to a layer: nobody's later write reaches it, and nothing but the change is in it."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from layerctl import Quiescence
from layerctl.errors import NothingToCommit, RefMoved, UnsafeWriteLayer
from layerctl.ops import commit as commit_module
from layerctl.ops import seal as seal_module
from tests.oracle import assert_same, listing
from tests.support import rootfs
from tests.unit.mount.people import WAYS, WRITERS, tell, using
from tests.unit.ops.conftest import Box

_LATE = {
    "working directory": "open('late', 'w').write('late')",
    "root directory": "open('/late', 'w').write('late')",
    "reader": "open(root + '/late', 'w').write('late')",
    "writer": "held.write('late'); held.flush()",
    "writer of an unlinked file": "held.write('late'); held.flush()",
    "shared mapping": "held[:4] = b'late'",
    "nameless file": "os.write(held, b'late')",
}


def _with_held(source: Path) -> None:
    (source / "held").write_text("content")


# quiescence


@pytest.mark.parametrize("way", WAYS)
def test_later_writes_never_reach_the_layer(box: Box, way: str) -> None:
    """Trap 29."""
    box.base(_with_held)
    (box.root / "change").write_text("change")
    with using(box.root, way) as process:
        before = listing(box.root)
        made = box.repo.commit("busy")
        assert made.layer.quiescence is Quiescence.LIVE
        layer = box.store.layers.fs(made.layer.id)
        stored = listing(layer)
        if way in _LATE:
            tell(process, _LATE[way])
        assert_same(stored, layer)
        assert_same(before, box.elsewhere())
        (box.root / "more").write_text("by us")
        assert_same(stored, layer)
    assert (box.root / "more").read_text() == "by us"


@pytest.mark.parametrize("way", ["writer", "shared mapping"])
def test_a_writer_of_our_own_process_counts_too(box: Box, way: str) -> None:
    """It is not looked for, but the kernel knows of it."""
    box.base(_with_held)
    with ExitStack() as stack:
        file = stack.enter_context(open(box.root / "held", "r+b"))
        if way == "shared mapping":
            stack.enter_context(mmap.mmap(file.fileno(), 0))
            file.close()
        else:
            file.write(b"mine")
        (box.root / "change").write_text("change")
        assert box.repo.commit("x").layer.quiescence is Quiescence.LIVE
    assert box.repo.commit("y", allow_empty=True).layer.quiescence is Quiescence.SEALED


@pytest.mark.parametrize("way", ["writer", "shared mapping", "working directory"])
def test_a_mount_that_was_lazily_unmounted_still_counts(box: Box, way: str) -> None:
    """Trap 29: nobody sees the mount any more, but somebody writes through it."""
    box.base(_with_held)
    (box.root / "change").write_text("change")
    with using(box.root, way) as process:
        subprocess.run(["umount", "-l", box.root], check=True)
        made = box.repo.commit("after umount -l")
        assert made.layer.quiescence is Quiescence.LIVE
        layer = box.store.layers.fs(made.layer.id)
        stored = listing(layer)
        tell(process, _LATE[way])
        assert_same(stored, layer)
    box.repo.checkout()
    assert [change.path for change in box.repo.status().changes if not change.is_noise] == [
        b"late" if way == "working directory" else b"held"
    ]


def test_an_unmounted_rootfs_is_sealed_and_mounted_again(box: Box) -> None:
    box.base(_with_held)
    (box.root / "change").write_text("change")
    before = listing(box.root)
    subprocess.run(["umount", box.root], check=True)
    assert box.repo.commit("x").layer.quiescence is Quiescence.SEALED
    assert_same(before, box.root)


def test_a_sealed_commit_copies_nothing(box: Box) -> None:
    box.base(_with_held)
    (box.root / "big").write_bytes(b"x" * 100_000)
    inode = (box.upper / "big").stat().st_ino
    made = box.repo.commit("x")
    assert made.layer.quiescence is Quiescence.SEALED
    assert (box.store.layers.fs(made.layer.id) / "big").stat().st_ino == inode
    assert os.listdir(box.upper) == []


def test_an_open_reader_goes_on_reading_what_it_has_open(box: Box) -> None:
    box.base(_with_held)
    (box.root / "held").write_text("new")
    with using(box.root, "reader") as process:
        box.repo.commit("x")
        (box.root / "held").write_text("newer")
        tell(process, "assert held.read() in ('new', 'newer')")
    assert (box.elsewhere() / "held").read_text() == "new"


# a commit that does not happen


def _writable(box: Box) -> None:
    (box.root / "later").write_text("later")
    subprocess.run(["umount", box.root], check=True)
    box.repo.checkout()
    assert (box.root / "later").read_text() == "later"


def test_nothing_to_commit_leaves_the_rootfs_as_it_was(box: Box) -> None:
    before = box.base(_with_held)
    with pytest.raises(NothingToCommit):
        box.repo.commit("x")
    assert_same(before, box.root)
    assert box.repo.status().changes == ()
    _writable(box)


def test_a_file_that_was_only_copied_up_can_be_written_after_nothing_to_commit(box: Box) -> None:
    """Were the copy dropped while the mount is there, a write afterwards would go to the dropped one, and be lost."""
    box.base(_with_held)
    os.chown(box.root / "held", 0, 0)
    with open(box.root / "held") as reader:
        with pytest.raises(NothingToCommit):
            box.repo.commit("x")
        assert reader.read() == "content"
    with open(box.root / "held", "a") as file:
        file.write(" and more")
    assert (box.root / "held").read_text() == "content and more"
    subprocess.run(["umount", box.root], check=True)
    box.repo.checkout()
    assert (box.root / "held").read_text() == "content and more"


@pytest.mark.parametrize("where", ["scan", "objects", "operation"])
def test_a_commit_that_fails_leaves_the_rootfs_writable(box: Box, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    box.base(lambda source: (source / "d").mkdir())
    shutil.rmtree(box.root / "d")
    (box.root / "d").mkdir()
    (box.root / "d/new").write_text("x")
    before = listing(box.root)

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "scan":
            patch.setattr(seal_module, "read_view", fail)
        elif where == "objects":
            patch.setattr("layerctl.store.staged.StagedObjects.flush", fail)
        else:
            patch.setattr("layerctl.store.journal.Journal.perform", fail)
        with pytest.raises(OSError, match="No space"):
            box.repo.commit("x")
    assert_same(before, box.root)
    _writable(box)
    box.commit()


def test_a_head_that_moved_meanwhile_is_no_commit(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.base(_with_held)
    (box.root / "change").write_text("x")
    other = box.repo.create_branch("other").commit
    made = box.store.git.raw[other.hex]
    moved = box.store.git.raw.create_commit(None, made.author, made.committer, "moved", made.tree_id, [made.id])
    seal = commit_module.seal

    def meanwhile(*args: object) -> object:
        box.store.git.raw.references["refs/heads/main"].set_target(moved)
        return seal(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(commit_module, "seal", meanwhile)
    with pytest.raises(RefMoved):
        box.repo.commit("x")
    _writable(box)


# what no layer may hold


@pytest.mark.parametrize("mark", ["redirect", "metacopy"])
def test_a_write_layer_that_is_half_a_diff_is_refused(box: Box, mark: str) -> None:
    """Trap 8."""
    box.base(lambda source: (source / "d").mkdir())
    (box.root / "d/new").write_text("x")
    (box.root / "new").write_text("x")
    subprocess.run(["umount", box.root], check=True)
    os.setxattr(box.upper / ("d" if mark == "redirect" else "new"), f"trusted.overlay.{mark}", b"/elsewhere")
    for attempt in (box.repo.status, lambda: box.repo.commit("x")):
        with pytest.raises(UnsafeWriteLayer, match=mark):
            attempt()
    assert box.repo.resolve("HEAD") == box.repo.resolve("main")


# fidelity of single traps, through commit and checkout


def _linked(source: Path) -> None:
    (source / "d").mkdir()
    (source / "a").write_text("x")
    for name in ("b", "c", "d/e"):
        os.link(source / "a", source / name)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("chmod 600 b", id="chmod of one"),
        pytest.param("echo new > b", id="write through one"),
        pytest.param("chown 0:0 a", id="copy-up of the first"),
        pytest.param("chown 0:0 d/e", id="copy-up of the last"),
        pytest.param("cp -p a t && mv t a", id="the first replaced by an equal one"),
        pytest.param("ln c f", id="one more"),
        pytest.param("ln -f a b", id="two of them linked anew"),
        pytest.param("rm a", id="the first deleted"),
        pytest.param("mv a d/a", id="the first moved"),
        pytest.param("rm -r d && mkdir d", id="a directory with one deleted"),
    ],
)
def test_hard_links_partly_changed(box: Box, change: str) -> None:
    """Trap 11, and once more in a second commit over the first, in compacted form too."""
    box.base(_linked)
    for number in range(2):
        subprocess.run(["sh", "-c", change.replace(" f", f" f{number}")], cwd=box.root, capture_output=True)
        (box.root / "tick").write_text(str(number))
        box.commit()


def test_a_broken_group_whose_content_came_back_can_be_merged(box: Box) -> None:
    """The merged run must hold a path that none of its layers holds."""
    box.base(_linked)
    times = os.lstat(box.root / "a")
    (box.root / "a").write_text("other")
    box.commit()
    (box.root / "a").write_text("x")
    os.utime(box.root / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    box.commit()
    for number in range(4):
        (box.root / "tick").write_text(str(number))
        box.commit()
    image = next(entry.commit for entry in box.repo.log() if entry.commit.layer.depth == 4)
    run = box.store.layers._compacted(image, 1, lambda *args: None)
    assert os.path.lexists(run.fs / "b")
    assert_same(box.root, box.elsewhere())


def test_the_same_change_twice_in_one_history(box: Box) -> None:
    """One layer at two depths: overlayfs refuses one directory twice."""
    box.base(lambda source: (source / "f").write_text("0"))
    for content in ("1", "2", "1", "2", "1"):
        (box.root / "f").write_text(content)
        os.utime(box.root / "f", ns=(int(content), int(content)))
        box.commit(content)
    assert len({entry.commit.layer.id for entry in box.repo.log()}) == 3


def test_empty_commits_follow_each_other(box: Box) -> None:
    before = box.base(_with_held)
    for number in range(3):
        box.commit(str(number), allow_empty=True)
    assert_same(before, box.root)
    assert box.store.layers.stack(box.repo.resolve("HEAD"))[0].is_dir()


def test_an_empty_base_and_empty_commits(box: Box) -> None:
    box.base()
    for number in range(3):
        box.commit(str(number), allow_empty=True)


def test_a_partial_commit_takes_nothing_else(box: Box) -> None:
    """Hard-link partners that the layer has to hold come from the parent, not from the rootfs."""
    box.base(_linked)
    os.link(box.root / "a", box.root / "d/new")
    times = os.lstat(box.root / "b")
    (box.root / "b").write_text("y")
    os.utime(box.root / "b", ns=(times.st_atime_ns, times.st_mtime_ns))
    box.repo.commit("only a", paths=[b"a"])
    assert {(box.elsewhere() / name).read_text() for name in ("a", "b", "c", "d/e")} == {"x"}
    assert not (box.elsewhere() / "d/new").exists()


def test_a_partial_commit_leaves_the_rest_uncommitted(box: Box) -> None:
    box.base(lambda source: [(source / name).mkdir() for name in ("d", "e")])
    for name in ("d/x", "d/y", "e/x"):
        (box.root / name).write_text(name)
    before = listing(box.root)
    box.repo.commit("only d/x", paths=[b"d/x"])
    assert_same(before, box.root)
    assert [change.path for change in box.repo.status().changes if not change.is_noise] == [b"d/y", b"e/x"]
    assert sorted(os.listdir(box.elsewhere() / "d")) == ["x"]
    box.commit()


def test_a_path_in_a_new_directory_brings_the_directory(box: Box) -> None:
    box.base()
    (box.root / "new/er").mkdir(parents=True)
    (box.root / "new").chmod(0o711)
    (box.root / "new/er/x").write_text("x")
    (box.root / "new/y").write_text("y")
    box.repo.commit("x", paths=[b"new/er/x"])
    other = box.elsewhere()
    assert (other / "new/er/x").read_text() == "x"
    assert not (other / "new/y").exists()
    assert other.joinpath("new").stat().st_mode & 0o777 == 0o711


def test_excluded_paths_stay_uncommitted(box: Box) -> None:
    box.base()
    for name in ("keep.txt", "drop.log"):
        (box.root / name).write_text(name)
    (box.root / "cache/deep").mkdir(parents=True)
    (box.root / "cache/deep/x").touch()
    box.repo.commit("x", exclude=["*.log", "cache"])
    assert sorted(os.listdir(box.elsewhere())) == ["keep.txt"]
    assert {change.path for change in box.repo.status().changes if not change.is_noise} == {
        b"cache",
        b"cache/deep",
        b"cache/deep/x",
        b"drop.log",
    }


@pytest.mark.parametrize("amend", ["sealed", "busy", "base image"])
def test_an_amended_commit_is_the_whole_difference_to_its_parent(box: Box, amend: str) -> None:
    box.base(_linked)
    if amend != "base image":
        (box.root / "first").write_text("1")
        (box.root / "gone").write_text("1")
        box.commit()
        (box.root / "gone").unlink()
    (box.root / "second").write_text("2")
    os.chown(box.root / "b", 0, 0)
    if amend == "busy":
        with using(box.root, "working directory"):
            before = listing(box.root)
            box.repo.commit(None, amend=True)
            assert_same(before, box.elsewhere())
    else:
        box.commit(amend=True)
    assert len(list(box.repo.log())) == (1 if amend == "base image" else 2)


def test_amending_moves_no_content(box: Box) -> None:
    box.base()
    (box.root / "big").write_bytes(b"x" * 100_000)
    box.commit()
    inode = (box.store.layers.fs(box.repo.show()[0].commit.layer.id) / "big").stat().st_ino
    (box.root / "small").touch()
    box.commit(amend=True)
    assert (box.store.layers.fs(box.repo.show()[0].commit.layer.id) / "big").stat().st_ino == inode


def test_the_roots_own_metadata(box: Box) -> None:
    """Trap 22: a root made 0700 would shut everybody out."""

    def make(source: Path) -> None:
        source.chmod(0o1755)
        os.setxattr(source, "user.k", b"v")
        os.utime(source, ns=(1, 1_600_000_000_000_000_001))

    assert_same(box.base(make), box.root)
    box.repo.rollback("HEAD")
    assert box.root.stat().st_mode & 0o7777 == 0o1755
    box.root.chmod(0o711)
    os.removexattr(box.root, "user.k")
    box.commit()


def test_a_default_acl_around_the_repository_does_not_leak_in(box: Box) -> None:
    """Trap 13."""
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", box.top], check=True)
    box.base()
    subprocess.run(["setfacl", "-b", "-k", box.root], check=True)
    (box.root / "f").write_text("x")
    (box.root / "d").mkdir()
    box.commit()
    shown = listing(box.root)
    assert all(node.xattrs == () for node in shown.nodes.values())


def test_sparse_files_stay_sparse(box: Box) -> None:
    """Trap 18."""
    box.base()
    with open(box.root / "sparse", "wb") as file:
        file.truncate(100 << 20)
    box.commit()
    with using(box.root, "working directory"):
        with open(box.root / "sparse2", "wb") as file:
            file.truncate(100 << 20)
            file.seek(50 << 20)
            file.write(b"island")
        box.repo.commit("busy")
    other = box.elsewhere()
    assert (other / "sparse").stat().st_blocks == 0
    assert (other / "sparse2").stat().st_blocks * 512 <= 1 << 20
    assert_same(box.root, other)


@pytest.mark.parametrize("who", ["nobody", "working directory"])
def test_setuid_capabilities_and_nanoseconds(box: Box, who: str) -> None:
    """Traps 12 and 17."""
    box.base()
    (box.root / "tool").touch()
    os.chown(box.root / "tool", 1000, 1000)
    (box.root / "tool").chmod(0o6755)
    os.setxattr(box.root / "tool", "security.capability", rootfs.NET_RAW)
    (box.root / "link").symlink_to("nowhere")
    os.chown(box.root / "link", 1000, 5, follow_symlinks=False)
    for name in ("tool", "link"):
        os.utime(box.root / name, ns=(1, 1_700_000_000_123_456_789), follow_symlinks=False)
    before = listing(box.root)
    if who == "nobody":
        box.commit()
    else:
        with using(box.root, who):
            box.repo.commit("busy")
    assert_same(before, box.elsewhere())


def test_two_edits_of_equal_size_in_one_instant_are_a_change(box: Box) -> None:
    """Trap 17."""
    box.base(_with_held)
    times = os.lstat(box.root / "held")
    (box.root / "held").write_text("CONTENT")
    os.utime(box.root / "held", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert [change.path for change in box.repo.status().changes] == [b"held"]
    box.commit()
    assert (box.elsewhere() / "held").read_text() == "CONTENT"


@pytest.mark.parametrize(("depth", "name"), [(60, "d" * 100), (1030, "d")])
@pytest.mark.parametrize("who", ["nobody", "working directory"])
def test_paths_beyond_path_max_and_many_levels(box: Box, depth: int, name: str, who: str) -> None:
    """Trap 20."""
    box.base()
    rootfs.make_deep(box.root / "deep", depth=depth, name=name)
    before = listing(box.root)
    if who == "nobody":
        box.repo.commit("deep")
    else:
        with using(box.root, who):
            box.repo.commit("deep")
    assert_same(before, box.elsewhere())
    assert box.repo.status().changes == ()
    subprocess.run(["rm", "-rf", box.root / "deep"], check=True)
    box.repo.commit("gone")
    assert os.listdir(box.elsewhere()) == []


@pytest.mark.parametrize("way", ["nobody", *WRITERS[:1]])
def test_a_symlink_in_the_place_of_a_directory_is_never_followed(box: Box, way: str) -> None:
    """Trap 21."""
    outside = box.top / "outside"
    outside.mkdir()
    (outside / "x").write_text("secret")
    box.base(lambda source: ((source / "d").mkdir(), (source / "d/x").write_text("x"), _with_held(source)))
    shutil.rmtree(box.root / "d")
    (box.root / "d").symlink_to(outside)
    change: Callable[[], object] = lambda: box.repo.commit("swap")  # noqa: E731
    if way == "nobody":
        change()
    else:
        with using(box.root, way):
            change()
    other = box.elsewhere()
    assert (other / "d").is_symlink()
    assert (outside / "x").read_text() == "secret"
    box.repo.rollback()
    assert (box.root / "d/x").read_text() == "x"
