"""TRAPS 28: mount targets that the runtime leaves in the write layer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerctl.runtime import Bind, Target, missing_targets, removable_targets
from tests.unit.runtime.conftest import Box


def _dirs(*paths: bytes) -> tuple[Target, ...]:
    return tuple(Target(path, True) for path in paths)


def _removable(created: tuple[Target, ...], upper: Path) -> set[bytes]:
    fd = os.open(upper, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return set(removable_targets(created, fd))
    finally:
        os.close(fd)


@pytest.fixture
def overlay(box: Box, tmp_path: Path) -> Iterator[tuple[Box, Path]]:
    """The box on an overlay, and its upperdir."""
    upper, work, merged = (tmp_path / name for name in ("upper", "work", "merged"))
    for path in (upper, work, merged):
        path.mkdir()
    options = f"lowerdir={box.rootfs},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    yield Box(box.top, merged, box.runtime), upper
    subprocess.run(["umount", merged], check=True)


def _tree(upper: Path) -> set[bytes]:
    return {os.fsencode(path.relative_to(upper)) for path in upper.rglob("*")}


def test_what_a_run_creates_was_foretold_and_can_go(overlay: tuple[Box, Path], tmp_path: Path) -> None:
    box, upper = overlay
    (box.rootfs / "links").mkdir()
    (box.rootfs / "links/abs").symlink_to("/behind/abs")
    (box.rootfs / "links/rel").symlink_to("../../../behind/rel")
    before = _tree(upper)
    binds = (
        Bind.of(tmp_path, "/vol/deep"),
        Bind.of(Path("/etc/hostname"), "//etc/./one/file/"),
        Bind.of(Path("/etc/hostname"), "/links/abs"),
        Bind.of(tmp_path, "/links/rel/below"),
        Bind.of(Path("/etc/hostname"), "/dev/not-in-the-rootfs"),
        Bind.of(Path("/etc/hostname"), "/etc/passwd"),
    )
    bundle = box.bundle("true", binds=binds, cwd="/home/me")
    created = missing_targets(bundle.spec)
    assert box.runtime.run(bundle).status == 0
    made = _tree(upper) - before - {b"etc"}
    assert {target.path for target in created} == made
    assert made >= {
        b"proc",
        b"dev",
        b"sys",
        b"vol/deep",
        b"etc/one/file",
        b"behind/abs",
        b"behind/rel/below",
        b"home/me",
    }
    assert all((upper / os.fsdecode(target.path)).is_dir() is target.is_dir for target in created)
    assert _removable(created, upper) == made


def test_nothing_is_missing_the_second_time(box: Box) -> None:
    assert {target.path for target in missing_targets(box.spec("true"))} == {b"dev", b"proc", b"sys"}
    box.run("true")
    assert missing_targets(box.spec("true")) == ()


def test_what_somebody_used_stays(overlay: tuple[Box, Path]) -> None:
    box, upper = overlay
    bundle = box.bundle(
        "sh",
        "-c",
        "echo x > file; chmod 0700 /srv/mode; touch /srv/owner/x; rm /srv/owner/x; chown 5 /srv/owner",
        cwd="/home/me",
        binds=(),
    )
    for name in ("mode", "owner"):
        (box.rootfs / "srv" / name).mkdir(parents=True)
    created = missing_targets(bundle.spec) + _dirs(b"srv", b"srv/mode", b"srv/owner")
    assert box.runtime.run(bundle).status == 0
    assert _removable(created, upper) == {b"proc", b"dev", b"sys"}


def test_untouched_means_as_the_runtime_made_it(tmp_path: Path) -> None:
    for name in ("plain", "full", "tagged", "link-target", "file"):
        (tmp_path / name).mkdir()
    (tmp_path / "full/x").touch()
    os.setxattr(tmp_path / "tagged", "user.note", b"mine")
    os.setxattr(tmp_path / "plain", "trusted.overlay.opaque", b"y")
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "empty").touch(0o644)
    (tmp_path / "written").write_text("x")
    (tmp_path / "one").touch()
    os.link(tmp_path / "one", tmp_path / "two")
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "whiteout", 0o20000, 0)
    files = tuple(
        Target(name, False) for name in (b"empty", b"written", b"one", b"fifo", b"whiteout", b"file", b"gone")
    )
    dirs = _dirs(b"plain", b"full", b"tagged", b"link", b"gone-too")
    assert _removable(files + dirs, tmp_path) == {b"empty", b"plain"}


def test_a_symlink_in_the_write_layer_is_never_followed(tmp_path: Path) -> None:
    upper, outside = tmp_path / "upper", tmp_path / "outside"
    (outside / "empty").mkdir(parents=True)
    upper.mkdir()
    (upper / "vol").symlink_to(outside)
    assert _removable(_dirs(b"vol/empty"), upper) == set()


def test_a_loop_of_symlinks_ends(box: Box) -> None:
    (box.rootfs / "loop").symlink_to("loop")
    missing_targets(box.spec("true", binds=(Bind.of(Path("/etc"), "/loop/x"),)))
