"""Podman, with storage of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.clock import BenchmarkFailed, Commands
from benchmarks.payloads import Payload
from benchmarks.tools.tool import Ability, Tool

#: Small enough to be allowed in a container that runs the benchmark itself.
_RUN = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "none"]


class Podman(Tool):
    """Images and stopped containers; no daemon."""

    name = "podman"
    abilities = frozenset(Ability)

    @contextmanager
    def started(self) -> Iterator[None]:
        try:
            yield
        finally:
            with suppress(BenchmarkFailed):
                self._podman("rm", "-f", "-a", "-t", "0")

    def clear(self) -> None:
        self._has_base = False
        self._podman("rmi", "-f", "-a")

    def importing(self, image: str) -> Commands:
        return [self._argv("import", str(self.place.base), _named(image))]

    def open(self, box: str, image: str) -> None:
        self._image = _named(image)

    def write(self, box: str, payload: Payload) -> None:
        volume = f"{payload.folder}:/payload:ro"
        self._podman("run", "--name", box, *_RUN, "-v", volume, self._image, "sh", "/payload/apply", "", "/payload")

    def committing(self, box: str, image: str) -> Commands:
        return [self._argv("commit", box, _named(image))]

    def close(self, box: str, image: str | None = None) -> None:
        self._podman("rm", "-f", "-i", "-t", "0", box)
        if image is not None:
            self._podman("rmi", _named(image))

    def running(self, image: str) -> Commands:
        return [self._argv("run", "--rm", *_RUN, _named(image), "true")]

    def listing(self, box: str) -> Commands:
        return [self._argv("diff", box)]

    def going_back(self, box: str, image: str) -> Commands:
        run = self._argv("run", "--name", box, *_RUN, _named(image), "true")
        return [self._argv("rm", "-f", "-t", "0", box), run]

    def logging(self, image: str) -> Commands:
        return [self._argv("history", _named(image))]

    def _argv(self, *args: str) -> list[str]:
        storage = ["--root", f"{self.top}/root", "--runroot", f"{self.top}/run", "--storage-driver", "overlay"]
        return ["podman", *storage, "--runtime", "runc", *args]

    def _podman(self, *args: str) -> str:
        return self.call(*self._argv(*args))


def _named(image: str) -> str:
    return f"localhost/{image}:latest"
