"""The test inputs themselves: other tools agree that they are what they claim to be, and clean-up cleans up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle import Listing, compare, listing
from tests.support import rootfs
from tests.support.archives import docker_archive, entry, simple_layout, tar_of
from tests.support.engines import skopeo, umoci
from tests.support.mounts import mount_at, mounts_below, unmount_below

LAYERS = [tar_of(entry("a", b"1"), entry("b", b"2")), tar_of(entry(".wh.a"), entry("c", b"3"))]


@pytest.mark.parametrize("compression", ["gz", "plain"])
def test_umoci_reads_our_layouts(tmp_path: Path, compression: str) -> None:
    layout = simple_layout(tmp_path / "layout", LAYERS, compression=[compression] * 2)
    umoci("unpack", "--image", f"{layout.root}:latest", tmp_path / "bundle")
    assert {path.name for path in (tmp_path / "bundle/rootfs").iterdir()} == {"b", "c"}


def test_skopeo_reads_our_zstd_layouts_and_docker_archives(tmp_path: Path) -> None:
    layout = simple_layout(tmp_path / "layout", LAYERS, compression=["zst", "zst"])
    archive = docker_archive(tmp_path / "d.tar", {("app:1", "app:2"): LAYERS, ("other:1",): LAYERS[:1]})
    for number, source in enumerate([f"oci:{layout.root}:latest", f"docker-archive:{archive}:docker.io/library/app:2"]):
        target = skopeo(source, f"oci:{tmp_path / str(number)}:x", "--dest-compress-format=gzip")
        shown = subprocess.run(["skopeo", "inspect", target], capture_output=True, check=True)
        assert len(json.loads(shown.stdout)["Layers"]) == 2


def test_gnu_tar_keeps_all_but_the_hardlinks_of_devices(busybox_rootfs: Path, busybox_tar_tree: Listing) -> None:
    differences = compare(listing(busybox_rootfs), busybox_tar_tree)
    assert differences == ["hardlink group missing: [b'dev/null', b'dev/null2']"]


def test_unmounting_stays_below_its_directory(tmp_path: Path) -> None:
    inner, outer = tmp_path / "in ner", tmp_path / "outer"
    for point in (inner, outer):
        point.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    (inner / "deep").mkdir()
    subprocess.run(["mount", "--bind", outer, inner / "deep"], check=True)
    with open(inner / "deep/held", "w"):
        unmount_below(inner)
    assert mounts_below(inner) == []
    assert mount_at(outer) is not None
    unmount_below(outer)


@pytest.mark.parametrize("fstype", ["ext4", "xfs", "btrfs"])
def test_loop_mounts(loop_mount: Callable[..., Path], fstype: str) -> None:
    point = loop_mount("fs", megabytes=320, fstype=fstype)
    mount = mount_at(point)
    assert mount is not None
    assert mount.fstype == fstype


def test_a_sparse_file_allocates_little(busybox_rootfs: Path) -> None:
    assert rootfs.allocated(busybox_rootfs / "usr/lib/sparse") < 1 << 20
