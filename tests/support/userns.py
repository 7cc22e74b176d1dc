"""Running a command as root of a user namespace of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Who root of the namespace is outside, and how many ids there are.
OUTSIDE, COUNT = 100_000, 65_536
_NEWUSER, _NEWNS = 0x10000000, 0x20000


def run_as_namespace_root(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> str:
    """Runs a command with ids 0 to 65535 of its own, fails unless it succeeds, and returns what it printed."""
    argv = [sys.executable, __file__, *command]
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def _main(argv: list[str]) -> int:
    ready, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        if ctypes.CDLL(None).unshare(_NEWUSER | _NEWNS):
            os._exit(111)
        os.write(ready[1], b"x")
        os.read(mapped[0], 1)
        os.setgroups([])
        os.setgid(0)
        os.setuid(0)
        os.execvp(argv[0], argv)
    os.read(ready[0], 1)
    for kind in ("uid", "gid"):
        Path(f"/proc/{child}/{kind}_map").write_text(f"0 {OUTSIDE} {COUNT}\n")
    os.write(mapped[1], b"x")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
