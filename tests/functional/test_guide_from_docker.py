"""The guide for people who come from ``docker commit`` works word for word, with Docker itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.test_guides import follow
from tests.support.cli import Layerctl
from tests.support.engines import Docker, docker_daemon
from tests.support.mounts import unmount_below

pytestmark = pytest.mark.xdist_group("interop")


@pytest.fixture
def docker(busybox_tar: Path) -> Iterator[Docker]:
    """A daemon that has the image ``app:1``."""
    with tempfile.TemporaryDirectory(prefix="lctl-") as name:
        with docker_daemon(Path(name)) as engine:
            engine("import", "--message", "The base of app", busybox_tar, "app:1")
            yield engine
        unmount_below(Path(name))


def test_guide(layerctl: Layerctl, docker: Docker) -> None:
    layerctl.env["DOCKER_HOST"] = docker.socket
    follow(layerctl, "from-docker-commit")
