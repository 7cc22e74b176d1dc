"""What is written to last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layerctl.store import durable as durable_module
from layerctl.store.durable import Durability


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was synced and renamed, in order."""
    events: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(fd: int) -> None:
        events.append("fsync " + os.path.basename(os.readlink(f"/proc/self/fd/{fd}")).split(".")[0])
        fsync(fd)

    def note_rename(source: Path, target: Path) -> None:
        events.append(f"rename to {Path(target).name}")
        rename(source, target)

    monkeypatch.setattr(durable_module.os, "fsync", note_fsync)
    monkeypatch.setattr(durable_module.os, "rename", note_rename)
    return events


def test_data_is_on_disk_before_its_name_and_the_name_before_the_end(tmp_path: Path, synced: list[str]) -> None:
    Durability().write(tmp_path / "record", b"content")
    assert synced == ["fsync ", "rename to record", f"fsync {tmp_path.name}"]
    assert (tmp_path / "record").read_bytes() == b"content"


def test_without_durability_nothing_is_synced(tmp_path: Path, synced: list[str]) -> None:
    durability = Durability(enabled=False)
    durability.write(tmp_path / "record", b"content")
    durability.sync_dir(tmp_path)
    durability.sync_filesystem(tmp_path)
    assert synced == ["rename to record"]


def test_a_write_that_fails_leaves_the_old_content_and_no_garbage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durability = Durability()
    durability.write(tmp_path / "record", b"old")

    def full(fd: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(durable_module.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        durability.write(tmp_path / "record", b"new")
    assert os.listdir(tmp_path) == ["record"]
    assert (tmp_path / "record").read_bytes() == b"old"


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(durable_module.os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    Durability().write(tmp_path / "record", b"0123456789")
    assert (tmp_path / "record").read_bytes() == b"0123456789"


def test_a_record_is_private(tmp_path: Path) -> None:
    Durability().write(tmp_path / "record", b"")
    assert (tmp_path / "record").stat().st_mode & 0o777 == 0o600


def test_an_error_of_syncfs_is_no_success(tmp_path: Path) -> None:
    Durability().sync_filesystem(tmp_path)
    with pytest.raises(OSError):
        Durability().sync_filesystem(tmp_path / "none")
