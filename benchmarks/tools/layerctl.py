"""layerctl: a repository whose worktree is the box."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.clock import Commands
from benchmarks.payloads import Payload
from benchmarks.tools.tool import BASE, Ability, Tool

#: The console script, as users start it.
PROGRAM = str(Path(sys.executable).with_name("layerctl"))


class Layerctl(Tool):
    """Images are commits of the branch main; the one box is the worktree ``default``, mounted at ``rootfs``."""

    name = "layerctl"
    abilities = frozenset(Ability)

    @property
    def repository(self) -> Path:
        """The folder that holds ``.layerctl``."""
        return self.top / "box"

    @property
    def rootfs(self) -> Path:
        """The mount point."""
        return self.repository / "rootfs"

    def version(self) -> str:
        return self.call(PROGRAM, "--version").strip()

    def clear(self) -> None:
        self._has_base = False
        if self.rootfs.exists() and self.rootfs.is_mount():
            self.call("umount", self.rootfs)
        shutil.rmtree(self.repository, ignore_errors=True)
        self.call(PROGRAM, "init", self.repository)

    def importing(self, image: str) -> Commands:
        return [self.argv("import", str(self.place.base), "-m", image)]

    def imported(self) -> None:
        super().imported()
        self.layerctl("tag", BASE)
        self.layerctl("checkout")

    def open(self, box: str, image: str) -> None:
        """Nothing to do: the worktree always stands on the base image, unchanged."""

    def write(self, box: str, payload: Payload) -> None:
        payload.apply(self.rootfs)

    def committing(self, box: str, image: str) -> Commands:
        return [self.argv("commit", "-m", image)]

    def close(self, box: str, image: str | None = None) -> None:
        self.layerctl("rollback", "--discard", BASE)
        self.layerctl("gc", "--grace", "now")

    def leave(self, box: str) -> None:
        """Nothing to do: the worktree stands on the new commit already."""

    def running(self, image: str) -> Commands:
        return [self.argv("run", "--rev", image, "true")]

    def listing(self, box: str) -> Commands:
        return [self.argv("status")]

    def going_back(self, box: str, image: str) -> Commands:
        return [self.argv("rollback", "HEAD"), self.argv("run", "true")]

    def logging(self, image: str) -> Commands:
        return [self.argv("log")]

    def argv(self, *args: str) -> list[str]:
        """A command in the repository."""
        return [PROGRAM, "-C", str(self.repository), *args]

    def layerctl(self, *args: str) -> str:
        """Runs a command that is not measured."""
        return self.call(*self.argv(*args))
