"""Deleting trees that a container made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from layerctl.layer.remove import remove_tree
from tests.support import rootfs

_PROJECT = Path(__file__).parents[3]


def test_one_of_everything_goes_and_nothing_else(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("stays")
    rootfs.make_busybox(tmp_path / "tree")
    (tmp_path / "tree/out").symlink_to(outside)
    (tmp_path / "tree/usr/out").symlink_to("../../outside")
    remove_tree(tmp_path / "tree")
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert (outside / "file").read_text() == "stays"


def test_a_symlink_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    (tmp_path / "tree").symlink_to("outside")
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "nothing")
    assert sorted(os.listdir(tmp_path)) == ["outside", "tree"]
    assert (tmp_path / "outside/file").exists()


def test_levels_may_outnumber_the_descriptors_of_a_process(tmp_path: Path) -> None:
    """Trap 20: 1024 descriptors are the usual limit, and a container may make any number of levels."""
    rootfs.make_deep(tmp_path / "tree", depth=200)
    program = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
        "from pathlib import Path; from layerctl.layer.remove import remove_tree; remove_tree(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "tree"], cwd=_PROJECT, check=True)
    assert os.listdir(tmp_path) == []


def test_what_cannot_go_stays_and_the_rest_goes(tmp_path: Path) -> None:
    """A mount point in the middle is no reason to stop."""
    for name in ("tree/a/x", "tree/kept/point", "tree/z/y"):
        (tmp_path / name).mkdir(parents=True)
    point = tmp_path / "tree/kept/point"
    subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    (point / "file").touch()
    remove_tree(tmp_path / "tree")
    assert sorted(path.name for path in (tmp_path / "tree").rglob("*")) == ["file", "kept", "point"]
    assert (point / "file").exists()
    subprocess.run(["umount", point], check=True)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    rootfs.make_deep(tmp_path / "tree", depth=20)
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "tree")
    assert len(os.listdir("/proc/self/fd")) == before
