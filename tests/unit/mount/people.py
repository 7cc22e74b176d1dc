"""Processes that use a rootfs, each in its own way. Each prints "ready" and lives until its input ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAMS = {
    "working directory": "import os; os.chdir(root)",
    "root directory": "import os; os.chroot(root)",
    "reader": "held = open(root + '/held')",
    "writer": "held = open(root + '/held', 'a')",
    "writer of an unlinked file": "import os; held = open(root + '/held', 'a'); os.unlink(root + '/held')",
    "shared mapping": (
        "import mmap; file = open(root + '/held', 'r+b'); held = mmap.mmap(file.fileno(), 0); file.close()"
    ),
    "nameless file": "import os; held = os.open(root, os.O_TMPFILE | os.O_RDWR)",
    "other namespace": None,
}
#: Ways in which a rootfs can be used, and whether the user can write.
WAYS = list(_PROGRAMS)
WRITERS = ["writer", "writer of an unlinked file", "shared mapping", "nameless file"]


@contextmanager
def using(root: Path, way: str) -> Iterator[subprocess.Popen[str]]:
    """Somebody uses a rootfs; a file ``held`` with content must be there."""
    program = _PROGRAMS[way]
    if program is None:
        command = ["unshare", "-m", "sh", "-c", "echo ready; read -r x"]
    else:
        action = "\nfor line in sys.stdin:\n  exec(line)\n  print('done', flush=True)\n"
        code = f"import sys\nroot = sys.argv[1]\n{program}\nprint('ready', flush=True)" + action
        command = [sys.executable, "-c", code, str(root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def tell(process: subprocess.Popen[str], statement: str) -> None:
    """Lets a process (no one in another namespace) run one line of Python with its ``held``."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(statement + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"
