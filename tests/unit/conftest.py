"""Fixtures for what is read of files."""

from __future__ import annotations

import pytest

from layerctl.layer import scan, statcache


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the files that were read."""
    found: list[int] = []
    real = scan.digest_fd

    def counted(fd: int, size: int, **options: int | None) -> object:
        found.append(size)
        return real(fd, size, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(scan, "digest_fd", counted)
    return found


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does not make tests wait until files are old: the times of this kernel tell every change from the next."""
    monkeypatch.setattr(statcache, "_OLD", -(10**9))
