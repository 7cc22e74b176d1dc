"""Buildah, with storage of its own."""

from __future__ import annotations

from pathlib import Path

from benchmarks.clock import Commands
from benchmarks.payloads import Payload
from benchmarks.tools.tool import Tool


class Buildah(Tool):
    """Images and working containers, which are written from outside."""

    name = "buildah"

    def clear(self) -> None:
        self._has_base = False
        self._buildah("rm", "-a")
        self._buildah("rmi", "-f", "-a")

    def importing(self, image: str) -> Commands:
        box = "importing"
        return [
            self._argv("from", "--name", box, "scratch"),
            self._argv("add", box, str(self.place.base), "/"),
            self._argv("commit", "--rm", box, _named(image)),
        ]

    def open(self, box: str, image: str) -> None:
        self._buildah("from", "--pull-never", "--name", box, _named(image))

    def write(self, box: str, payload: Payload) -> None:
        payload.apply(Path(self._buildah("mount", box).strip()))
        self._buildah("umount", box)

    def committing(self, box: str, image: str) -> Commands:
        return [self._argv("commit", box, _named(image))]

    def close(self, box: str, image: str | None = None) -> None:
        self._buildah("rm", box)
        if image is not None:
            self._buildah("rmi", _named(image))

    def _argv(self, *args: str) -> list[str]:
        storage = ["--root", f"{self.top}/root", "--runroot", f"{self.top}/run", "--storage-driver", "overlay"]
        return ["buildah", *storage, *args]

    def _buildah(self, *args: str) -> str:
        return self.call(*self._argv(*args))


def _named(image: str) -> str:
    return f"localhost/{image}:latest"
