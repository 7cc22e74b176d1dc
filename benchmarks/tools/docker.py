"""Docker, with a daemon of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.clock import BenchmarkFailed, Commands
from benchmarks.daemons import descendants
from benchmarks.payloads import Payload
from benchmarks.tools.tool import Ability, Tool, first_line

_PATIENCE_SECONDS = 60


class Docker(Tool):
    """Images and stopped containers of a daemon; the network is none, as the machine may have no bridge."""

    name = "docker"
    abilities = frozenset(Ability)

    @contextmanager
    def started(self) -> Iterator[None]:
        own = [f"--data-root={self.top}/data", f"--exec-root={self.top}/exec", f"--pidfile={self.top}/pid"]
        flags = ["-H", self._socket, "--bridge=none", "--iptables=false", "--ip6tables=false"]
        log = self.top / "log"
        with open(log, "wb") as output:
            daemon = subprocess.Popen(
                ["dockerd", *own, *flags], env=dict(self.place.env), stdout=output, stderr=output, process_group=0
            )
        try:
            self._wait_for(daemon)
            self._pid = daemon.pid
            yield
        finally:
            _end(daemon)

    def version(self) -> str:
        return first_line(self.call("docker", "--version"))

    def daemons(self) -> Sequence[int]:
        return descendants(self._pid)

    def clear(self) -> None:
        self._has_base = False
        for image in self._docker("images", "-q").split():
            self._docker("rmi", "-f", image)

    def importing(self, image: str) -> Commands:
        return [self._argv("import", str(self.place.base), image)]

    def open(self, box: str, image: str) -> None:
        self._image = image

    def write(self, box: str, payload: Payload) -> None:
        volume = f"{payload.folder}:/payload:ro"
        self._docker(*self._run(box), "-v", volume, self._image, "sh", "/payload/apply", "", "/payload")

    def committing(self, box: str, image: str) -> Commands:
        return [self._argv("commit", box, image)]

    def close(self, box: str, image: str | None = None) -> None:
        self._docker("rm", "-f", box)
        if image is not None:
            self._docker("rmi", image)

    def running(self, image: str) -> Commands:
        return [self._argv("run", "--rm", "--network", "none", image, "true")]

    def listing(self, box: str) -> Commands:
        return [self._argv("diff", box)]

    def going_back(self, box: str, image: str) -> Commands:
        return [self._argv("rm", "-f", box), self._argv(*self._run(box), image, "true")]

    def logging(self, image: str) -> Commands:
        return [self._argv("history", image)]

    @property
    def _socket(self) -> str:
        return f"unix://{self.top}/docker.sock"

    def _run(self, box: str) -> list[str]:
        return ["run", "--name", box, "--network", "none"]

    def _argv(self, *args: str) -> list[str]:
        return ["docker", "-H", self._socket, *args]

    def _docker(self, *args: str) -> str:
        return self.call(*self._argv(*args))

    def _wait_for(self, daemon: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and daemon.poll() is None:
            if subprocess.run(self._argv("info"), env=dict(self.place.env), capture_output=True).returncode == 0:
                return
            time.sleep(0.25)
        raise BenchmarkFailed(f"dockerd does not start: {(self.top / 'log').read_text()[-1500:]}")


def _end(daemon: subprocess.Popen[bytes]) -> None:
    """Asks it to end, with its containers and its containerd, and insists in the end."""
    daemon.terminate()
    try:
        daemon.wait(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
