"""Containers on the real runc. Nothing here is skipped: without root or runc these tests fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from layerctl.runtime import (
    Bundle,
    ContainerId,
    ContainerSpec,
    Process,
    RunResult,
    Runtime,
    Stdio,
    environment,
    find_runtime,
)

_LAUNCH = Path(__file__).with_name("launch.py")
_PROJECT = Path(__file__).parents[3]
SEARCH_PATH = os.defpath + ":/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Ran:
    result: RunResult
    out: str
    err: str

    @property
    def status(self) -> int:
        return self.result.status


@dataclass(frozen=True)
class Box:
    """A rootfs, a runtime, and short ways to use them."""

    top: Path
    rootfs: Path
    runtime: Runtime

    def spec(self, *argv: str, **fields: Any) -> ContainerSpec:
        process = {name: fields.pop(name) for name in ("cwd", "user", "tty", "size") if name in fields}
        container = fields.pop("id", None) or ContainerId.random()
        env = environment([], fields.pop("env", []), hostname=container.name, home="/root", term=None)
        return ContainerSpec(container, self.rootfs, Process(argv, env, **process), **fields)

    def bundle(self, *argv: str, **fields: Any) -> Bundle:
        spec = self.spec(*argv, **fields)
        return Bundle.create(self.top / "bundles" / spec.id.name, spec)

    def run(self, *argv: str, stdin: bytes = b"", **fields: Any) -> Ran:
        return self._run(lambda stdio: self.runtime.run(self.bundle(*argv, **fields), stdio=stdio), stdin)

    def sh(self, script: str, **fields: Any) -> str:
        """Output of a script that must succeed."""
        ran = self.run("sh", "-c", script, **fields)
        assert ran.status == 0, ran
        return ran.out

    def exec(self, container: ContainerId, *argv: str, stdin: bytes = b"", **process: Any) -> Ran:
        env = environment([], [], hostname="", home="/root", term=None)
        return self._run(lambda stdio: self.runtime.exec(container, Process(argv, env, **process), stdio=stdio), stdin)

    def start(self, script: str, **fields: Any) -> Bundle:
        bundle = self.bundle("sh", "-c", script, **fields)
        assert self.runtime.start(bundle) == RunResult(0)
        return bundle

    def _run(self, call: Any, stdin: bytes) -> Ran:
        (self.top / "in").write_bytes(stdin)
        names = ((self.top / "in", "rb"), (self.top / "out", "wb"), (self.top / "err", "wb"))
        with open(*names[0]) as source, open(*names[1]) as out, open(*names[2]) as err:
            result = call(Stdio(source.fileno(), out.fileno(), err.fileno()))
        return Ran(result, *((self.top / name).read_text("utf-8", "replace") for name in ("out", "err")))

    def command(self, *argv: str, tty: bool = False, program: Path | None = None) -> list[str]:
        """A process of its own that runs a container as layerctl would, for signals and terminals."""
        fields = {
            "project": str(_PROJECT),
            "program": str(program or self.runtime.program),
            "root": str(self.runtime.root),
            "rootfs": str(self.rootfs),
            "bundles": str(self.top / "bundles"),
            "argv": argv,
            "tty": tty,
        }
        return [sys.executable, str(_LAUNCH), json.dumps(fields)]


def make_rootfs(path: Path) -> Path:
    """busybox, account files, and no mount targets at all."""
    (path / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", path / "bin/busybox")
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in set(applets) - {"busybox"}:
        (path / "bin" / applet).symlink_to("busybox")
    for name in ("etc", "tmp", "root"):
        (path / name).mkdir()
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\napp:x:1001:\nwheel:x:10:root,app\naudio:x:29:app\n")
    return path


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(
        tmp_path,
        make_rootfs(tmp_path / "rootfs"),
        Runtime(find_runtime(("runc",), search_path=SEARCH_PATH), tmp_path / "run"),
    )
    yield box
    for state in box.runtime.list():
        box.runtime.delete(state.id, force=True)
