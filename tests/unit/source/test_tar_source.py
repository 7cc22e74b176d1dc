"""Tar archives as sources: files, pipes, standard input; what unpacking keeps is tested with unpack."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from layerctl.errors import BadArchive, LimitExceeded, SourceNotFound, UsageError
from layerctl.model.imports import ImportLimits
from tests.oracle import Listing, assert_same
from tests.support.archives import COMPRESS, digest_of, docker_archive, entry, simple_layout, tar_of
from tests.support.importing import Import
from tests.support.scans import assert_describes


@pytest.mark.parametrize("form", COMPRESS)
@pytest.mark.parametrize("how", ["file", "stdin"])
def test_every_compression(
    load: Import, workdir: Path, busybox_tar: Path, busybox_tar_tree: Listing, form: str, how: str
) -> None:
    """The content decides, not the name."""
    data = COMPRESS[form](busybox_tar.read_bytes())
    (workdir / "rootfs.image").write_bytes(data)
    image = load("-", stdin=data) if how == "stdin" else load(workdir / "rootfs.image")
    [layer] = image.layers
    assert_describes(layer.scan, layer.fs)
    assert_same(busybox_tar_tree, layer.fs)
    assert layer.diff_id == digest_of(busybox_tar.read_bytes())
    assert image.label == ("standard input" if how == "stdin" else str(workdir / "rootfs.image"))


def test_a_named_pipe(load: Import, workdir: Path) -> None:
    """As ``layerctl import <(make-a-rootfs)`` gives one."""
    os.mkfifo(workdir / "pipe")
    writer = threading.Thread(target=(workdir / "pipe").write_bytes, args=(tar_of(entry("f", b"x")),))
    writer.start()
    try:
        assert list(load(workdir / "pipe").layers[0].scan.root.files) == [b"f"]
    finally:
        writer.join()


@pytest.mark.parametrize("form", COMPRESS)
def test_cut_data_is_one_error(load: Import, workdir: Path, form: str) -> None:
    data = COMPRESS[form](tar_of(entry("f", os.urandom(50_000))))
    for size in (0, 1, 5, 600, len(data) // 2):
        (workdir / "cut").write_bytes(data[:size])
        for spec, stdin in ((workdir / "cut", None), ("-", data[:size])):
            with pytest.raises(BadArchive):
                load(spec, stdin=stdin)


def test_a_bomb_is_refused_early(load: Import) -> None:
    bomb = COMPRESS["zst"](tar_of(entry("zeros", bytes(200 << 20))))
    with pytest.raises(LimitExceeded):
        load("-", stdin=bomb, limits=ImportLimits(max_ratio=10))
    with pytest.raises(LimitExceeded):
        load("-", stdin=bomb, limits=ImportLimits(max_bytes=100 << 20))


def test_a_broken_stream_does_not_wait_for_the_rest(load: Import, workdir: Path) -> None:
    """Nobody closes the other end of the pipe: the error must come by itself."""
    os.mkfifo(workdir / "pipe")
    keeper = os.open(workdir / "pipe", os.O_RDWR)
    try:
        os.write(keeper, b"no archive at all " * 100)
        with pytest.raises(BadArchive, match="not a tar archive"):
            load(workdir / "pipe")
    finally:
        os.close(keeper)


def test_images_are_no_rootfs(load: Import, workdir: Path) -> None:
    archive = docker_archive(workdir / "d.tar", {("app:1",): [tar_of(entry("f"))]})
    with pytest.raises(UsageError) as caught:
        load(archive)
    assert f"docker-archive:{archive}" in (caught.value.hint or "")
    layout = simple_layout(workdir / "image", [tar_of(entry("f"))]).archive(workdir / "o.tar")
    with pytest.raises(UsageError) as caught:
        load(layout)
    assert f"oci-archive:{layout}" in (caught.value.hint or "")
    with pytest.raises(UsageError) as caught:
        load("-", stdin=COMPRESS["gz"](archive.read_bytes()))
    assert "docker-archive:FILE" in (caught.value.hint or "")


def test_a_rootfs_may_hold_such_names_too(load: Import) -> None:
    data = tar_of(entry("manifest.json", b"[]"), entry("etc/passwd", b""))
    assert b"manifest.json" in load("-", stdin=data).layers[0].scan.root.files


def test_a_symlink_to_an_archive_is_followed(load: Import, workdir: Path) -> None:
    (workdir / "a.tar").write_bytes(tar_of(entry("f")))
    os.symlink("a.tar", workdir / "link")
    assert load(workdir / "link").layers


def test_what_is_no_file(load: Import) -> None:
    with pytest.raises(UsageError):
        load("/dev/null")
    with pytest.raises(UsageError):
        load("-")
    with pytest.raises(SourceNotFound):
        load("/nothing/there")


def test_progress_goes_up_to_the_size_of_the_file(load: Import, workdir: Path) -> None:
    (workdir / "a.tar").write_bytes(tar_of(entry("f", bytes(5 << 20))))
    seen: list[tuple[str, int, int | None]] = []
    load(workdir / "a.tar", progress=lambda *report: seen.append(report))
    size = (workdir / "a.tar").stat().st_size
    assert {(stage, total) for stage, _, total in seen} == {("unpacking", size)}
    done = [report[1] for report in seen]
    assert done == sorted(done)
    assert done[-1] == size


@pytest.mark.parametrize("flags", [["--format=ustar"], ["--format=gnu", "-b", "1"], ["-H", "v7"]])
def test_the_archive_of_another_tar(load: Import, workdir: Path, flags: list[str]) -> None:
    (workdir / "source").mkdir()
    (workdir / "source/f").write_text("x")
    subprocess.run(["tar", *flags, "-C", workdir / "source", "-czf", workdir / "a", "."], check=True)
    assert (load(workdir / "a").layers[0].fs / "f").read_text() == "x"
