"""Container engines that no one here wrote, each with storage of its own: what they make is what layerctl must read.

Storage lives below a directory that the caller gives; nothing of the machine's own engines is touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import rootfs

_RECIPE = """\
FROM {base}
ENV MARK=x
RUN rm -r /usr/lib /etc/motd /home/app && mkdir /usr/lib && echo x > /usr/lib/x \
 && ln /etc/passwd /etc/passwd2 && chmod 4711 /etc/hostname && mkfifo /srv-fifo
ADD second.tar /
RUN rm /usr/lib/x && rm -r /odd/dirs && mkdir /odd/dirs && chmod 700 /etc && chown 1000:1000 /etc/group
CMD ["/bin/sh"]
"""


def make_context(context: Path, base: str) -> Path:
    """A build context: whiteouts, opaque directories, hardlinks, setuid, and an archive with xattrs on top."""
    tree = context.parent / "second"
    for name in ("usr/bin", "usr/lib/deep", "home"):
        (tree / name).mkdir(parents=True)
    (tree / "usr/bin/suid").write_text("#!/bin/sh\n")
    (tree / "usr/bin/suid").chmod(0o6755)
    (tree / "usr/bin/capable").write_text("#!/bin/sh\n")
    os.setxattr(tree / "usr/bin/capable", "security.capability", rootfs.NET_RAW)
    (tree / "usr/lib/deep/one").write_text("linked\n")
    os.link(tree / "usr/lib/deep/one", tree / "usr/lib/two")
    os.setxattr(tree / "usr/lib/deep/one", "user.note", b"\x00\xff")
    (tree / "home/app").symlink_to("/root")
    context.mkdir()
    rootfs.tar(tree, context / "second.tar", "--exclude=./home/shared")
    (context / "Dockerfile").write_text(_RECIPE.format(base=base))
    return context


@dataclass(frozen=True, slots=True)
class Docker:
    """A docker daemon of our own."""

    socket: str

    def __call__(self, *args: str | Path) -> str:
        env = {**os.environ, "DOCKER_BUILDKIT": "0"}
        done = subprocess.run(["docker", "-H", self.socket, *args], capture_output=True, text=True, env=env)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout

    def build(self, archive: Path, context: Path) -> None:
        """Imports the rootfs as ``box:1`` and builds ``box:2`` on it."""
        self("import", archive, "box:1")
        self("build", "-q", "--network", "none", "-t", "box:2", make_context(context, "box:1"))

    @contextmanager
    def tree(self, image: str, point: Path) -> Iterator[Path]:
        """The image as docker itself unpacked it, mounted read-only."""
        data = json.loads(self("inspect", image, "-f", "{{json .GraphDriver.Data}}"))
        lowers = ":".join([data["UpperDir"], data["LowerDir"]])
        point.mkdir()
        subprocess.run(["mount", "-t", "overlay", "none", "-o", f"ro,lowerdir={lowers}", point], check=True)
        try:
            yield point
        finally:
            subprocess.run(["umount", point], check=True)


@contextmanager
def docker_daemon(top: Path) -> Iterator[Docker]:
    """Starts dockerd with everything it owns below ``top`` (keep that path short: a socket lives there)."""
    socket = f"unix://{top}/docker.sock"
    command = ["dockerd", "--data-root", top / "data", "--exec-root", top / "exec", "-H", socket, "-p", top / "pid"]
    flags = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"]
    with open(top / "log", "wb") as log:
        daemon = subprocess.Popen([*command, *flags], stdout=log, stderr=log)
    try:
        _wait_for(socket, daemon, top / "log")
        yield Docker(socket)
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)


def _wait_for(socket: str, daemon: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if subprocess.run(["docker", "-H", socket, "info"], capture_output=True).returncode == 0:
            return
        assert daemon.poll() is None, log.read_text()
        time.sleep(0.25)
    raise AssertionError(log.read_text())


@dataclass(frozen=True, slots=True)
class Podman:
    """Podman with storage of our own."""

    top: Path

    def __call__(self, *args: str | Path) -> str:
        storage = ["--root", self.top / "root", "--runroot", self.top / "run", "--storage-driver", "overlay"]
        done = subprocess.run(["podman", *storage, *args], capture_output=True, text=True)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout

    def build(self, archive: Path, context: Path) -> None:
        """Imports the rootfs as ``box:1`` and builds ``box:2`` on it."""
        self("import", archive, "localhost/box:1")
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        options = ["-q", "--runtime", "runc", "--network", "none", "--layers", *limits]
        self("build", *options, "-t", "localhost/box:2", make_context(context, "localhost/box:1"))

    @contextmanager
    def tree(self, image: str) -> Iterator[Path]:
        """The image as podman itself mounts it."""
        yield Path(self("image", "mount", image).strip())
        self("image", "umount", image)


def skopeo(source: str, target: str, *options: str) -> str:
    """Copies an image between transports and returns the target."""
    subprocess.run(["skopeo", "copy", *options, source, target], check=True, capture_output=True)
    return target


def umoci(*args: str | Path) -> None:
    done = subprocess.run(["umoci", *args], capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stderr)
