"""Paths as users type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerctl.cli.rootpaths import root_path, root_paths
from tests.unit.cli.conftest import FakeRepository

TOP = Path("/srv/app/rootfs")


@pytest.mark.parametrize(
    ("text", "here", "path"),
    [
        ("/etc", "/srv/app", b"etc"),
        ("etc", "/srv/app", b"etc"),
        ("./etc//x/", "/srv/app", b"etc/x"),
        ("rootfs/etc/motd", "/srv/app", b"etc/motd"),
        ("rootfs", "/srv/app", b""),
        ("/srv/app/rootfs/etc", "/", b"etc"),
        ("/srv/app/rootfs/", "/", b""),
        ("/srv/app/rootfsx", "/", b"srv/app/rootfsx"),
        ("motd", "/srv/app/rootfs/etc", b"etc/motd"),
        ("../motd", "/srv/app/rootfs/etc", b"motd"),
        (".", "/srv/app/rootfs/etc", b"etc"),
        ("/usr", "/srv/app/rootfs/etc", b"usr"),
        ("../../../x", "/srv/app", b"x"),
        (".", "/srv/app", b""),
        ("/", "/srv/app", b""),
        ("//etc", "/srv/app", b"etc"),
        ("caf\u00e9", "/srv/app", "caf\u00e9".encode()),
        ("a\udcff", "/srv/app", b"a\xff"),
    ],
)
def test_root_path(text: str, here: str, path: bytes) -> None:
    assert root_path(text, TOP, Path(here)) == path


def test_without_a_mount_point() -> None:
    assert root_path("./etc/../usr/") == b"usr"


def test_a_mount_point_behind_a_symlink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real/etc").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "real/etc")
    repository = FakeRepository(mountpoint=tmp_path / "link")
    assert root_paths(repository, ["motd"]) == [b"etc/motd"]  # type: ignore[arg-type]
