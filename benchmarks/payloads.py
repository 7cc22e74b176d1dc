"""Write layers: what a container has changed, the same for all tools, with content that no other run has."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MEGABYTE = 1 << 20

#: Run with a root directory ("" for the container's own) and the payload's folder. A file that is there is replaced,
#: not written to: it may be a hardlink to what a tool keeps.
_APPLY = """\
set -e
mkdir -p "$1/srv/work"
cp -a --remove-destination "$2/work/." "$1/srv/work/"
while read -r path; do rm -rf "$1/$path"; done <"$2/deleted"
"""


@dataclass(frozen=True, slots=True)
class Payload:
    """A folder with ``work``, which becomes ``/srv/work``, a list ``deleted``, and the script ``apply``."""

    folder: Path

    def apply(self, root: Path) -> None:
        """Changes a rootfs that is visible here."""
        subprocess.run(["sh", self.folder / "apply", root, self.folder], check=True)


def make(folder: Path, fill: Callable[[Path], None], deleted: str = "") -> Payload:
    """Makes a payload whose ``work`` is filled by a function."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    fill(folder / "work")
    (folder / "apply").write_text(_APPLY)
    (folder / "deleted").write_text(f"{deleted}\n" if deleted else "")
    return Payload(folder)


def one_file(work: Path) -> None:
    """Three bytes."""
    (work / "file").write_bytes(random.randbytes(3))


def small_files(count: int) -> Callable[[Path], None]:
    """So many files of 100 to 4,000 bytes, a hundred in each directory; their content does not compress."""

    def fill(work: Path) -> None:
        for number in range(count):
            directory = work / f"d{number // 100:04}"
            if number % 100 == 0:
                directory.mkdir()
            (directory / f"f{number:06}").write_bytes(random.randbytes(random.randrange(100, 4000)))

    return fill


def large_files(count: int, size: int) -> Callable[[Path], None]:
    """So many files of so many bytes that do not compress."""

    def fill(work: Path) -> None:
        for number in range(count):
            with open(work / f"large{number:03}", "wb") as file:
                for start in range(0, size, _MEGABYTE):
                    file.write(os.urandom(min(_MEGABYTE, size - start)))

    return fill


def together(*fills: Callable[[Path], None]) -> Callable[[Path], None]:
    """All of it."""

    def fill(work: Path) -> None:
        for one in fills:
            one(work)

    return fill
