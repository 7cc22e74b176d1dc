"""Umoci: an OCI layout, and bundles that are unpacked whole."""

from __future__ import annotations

import shutil

from benchmarks.clock import Commands
from benchmarks.payloads import Payload
from benchmarks.tools.tool import Tool


class Umoci(Tool):
    """Images in one layout. An image can be used only when unpacked, so that is a part of the import."""

    name = "umoci"

    def clear(self) -> None:
        self._has_base = False
        for name in ("layout", "imported"):
            shutil.rmtree(self.top / name, ignore_errors=True)

    def importing(self, image: str) -> Commands:
        named = ["--image", self._named(image)]
        return [
            ["umoci", "init", "--layout", self._layout],
            ["umoci", "new", *named],
            ["umoci", "raw", "add-layer", *named, self.place.base],
            ["umoci", "unpack", *named, self.top / "imported"],
        ]

    def open(self, box: str, image: str) -> None:
        self.call("umoci", "unpack", "--image", self._named(image), self.top / box)

    def write(self, box: str, payload: Payload) -> None:
        payload.apply(self.top / box / "rootfs")

    def committing(self, box: str, image: str) -> Commands:
        return [["umoci", "repack", "--image", self._named(image), self.top / box]]

    def close(self, box: str, image: str | None = None) -> None:
        shutil.rmtree(self.top / box)
        if image is not None:
            self.call("umoci", "rm", "--image", self._named(image))
            self.call("umoci", "gc", "--layout", self._layout)

    @property
    def _layout(self) -> str:
        return str(self.top / "layout")

    def _named(self, image: str) -> str:
        return f"{self._layout}:{image}"
