"""Directories as sources; what copying keeps is tested with copytree."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from layerctl.errors import UsageError
from tests.oracle import assert_same
from tests.support.archives import entry, simple_layout, tar_of
from tests.support.importing import Import
from tests.support.scans import assert_describes


def test_a_directory_is_one_layer(load: Import, busybox_rootfs: Path) -> None:
    image = load(busybox_rootfs)
    [layer] = image.layers
    assert_describes(layer.scan, layer.fs)
    assert_same(busybox_rootfs, layer.fs)
    assert (layer.diff_id, layer.message, layer.created, image.tags) == (None, None, None, ())
    assert image.label == str(busybox_rootfs)
    assert image.config.raw["os"] == "linux"


def test_a_directory_that_holds_the_staging_directory(load: Import, workdir: Path) -> None:
    (workdir / "f").touch()
    [layer] = load(workdir).layers
    assert set(layer.scan.root.files) == {b"f"}
    assert not layer.scan.root.dirs


def test_the_root_of_the_layer_is_as_the_root_of_the_source(load: Import, workdir: Path) -> None:
    """TRAPS 13, 22: an ACL of the store's folder does not leak in."""
    source = workdir / "source"
    source.mkdir(mode=0o750)
    (source / "d").mkdir()
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", workdir], check=True)
    [layer] = load(source).layers
    assert stat.S_IMODE(layer.fs.stat().st_mode) == 0o750
    assert_same(source, layer.fs)


def test_a_symlink_to_a_directory_is_followed(load: Import, workdir: Path) -> None:
    (workdir / "real").mkdir()
    (workdir / "real/f").touch()
    os.symlink("real", workdir / "link")
    assert list(load(workdir / "link").layers[0].scan.root.files) == [b"f"]


def test_an_oci_layout_is_no_rootfs(load: Import, workdir: Path) -> None:
    simple_layout(workdir / "image", [tar_of(entry("f"))])
    with pytest.raises(UsageError) as caught:
        load(workdir / "image")
    assert f"oci:{workdir / 'image'}" in (caught.value.hint or "")
