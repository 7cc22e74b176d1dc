"""OSTree: a bare repository, and checkouts that are hardlinks into it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clock import Commands
from benchmarks.payloads import Payload
from benchmarks.tools.tool import Ability, Tool


class Ostree(Tool):
    """Images are branches. Device nodes cannot be stored: the archive it gets has none."""

    name = "ostree"
    abilities = frozenset({Ability.HISTORY})

    @contextmanager
    def started(self) -> Iterator[None]:
        # What follows /dev/ alone: the folder itself can be stored.
        shutil.copy(self.place.base, self._archive)
        subprocess.run(["tar", "--delete", "--wildcards", "-f", self._archive, "./dev/*"], stderr=subprocess.DEVNULL)
        yield

    def version(self) -> str:
        lines = self.call("ostree", "--version").splitlines()
        return next("ostree " + line.split("'")[1] for line in lines if "Version:" in line)

    def clear(self) -> None:
        self._has_base = False
        shutil.rmtree(self._repository, ignore_errors=True)
        self._ostree("init", "--mode=bare")

    def importing(self, image: str) -> Commands:
        return [self._argv("commit", "-b", image, "-s", image, f"--tree=tar={self._archive}")]

    def open(self, box: str, image: str) -> None:
        self._ostree("checkout", "--require-hardlinks", image, str(self.top / box))
        self._parent = self._ostree("rev-parse", image).strip()

    def write(self, box: str, payload: Payload) -> None:
        payload.apply(self.top / box)

    def committing(self, box: str, image: str) -> Commands:
        made = ["-b", image, "-s", image, f"--parent={self._parent}", f"--tree=dir={self.top / box}"]
        return [self._argv("commit", "--link-checkout-speedup", *made)]

    def close(self, box: str, image: str | None = None) -> None:
        shutil.rmtree(self.top / box)
        if image is not None:
            self._ostree("refs", "--delete", image)
            self._ostree("prune", "--refs-only")

    def logging(self, image: str) -> Commands:
        return [self._argv("log", image)]

    @property
    def _archive(self) -> Path:
        return self.top / "base.tar"

    @property
    def _repository(self) -> Path:
        return self.top / "repository"

    def _argv(self, verb: str, *args: str) -> list[str]:
        return ["ostree", verb, f"--repo={self._repository}", *args]

    def _ostree(self, verb: str, *args: str) -> str:
        return self.call(*self._argv(verb, *args))
