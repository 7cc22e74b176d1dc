"""Makes a long history in one process, through the library, by the same calls that the command line makes.

``python -m benchmarks.history FOLDER COUNT`` adds commits to the repository of a folder whose rootfs is checked out,
until it has COUNT above the base image, and prints one JSON list: the seconds that each of them took, without what it
took to write the change. Durability is as it is by default.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from layerctl import Author, Repository

#: Files that the commits write in turn, in as many directories.
FILES = 200
_DIRECTORIES = 20


def main(folder: Path, count: int) -> None:
    """Adds commits until there are so many above the base image."""
    repository = Repository.open(folder, author=Author("Benchmark", "benchmark@example.org"))
    done = sum(1 for _ in repository.log()) - 1
    print(json.dumps([_commit(repository, number) for number in range(done + 1, count + 1)]))


def _commit(repository: Repository, number: int) -> float:
    _change(repository.mountpoint, number)
    start = time.perf_counter()
    repository.commit(f"change {number}")
    return time.perf_counter() - start


def _change(rootfs: Path, number: int) -> None:
    """Writes one small file, mostly one that was written before; each tenth time, deletes one, too."""
    _write(rootfs, number)
    if number % 10 == 0:
        _file(rootfs, number - 5).unlink(missing_ok=True)


def _write(rootfs: Path, number: int) -> None:
    file = _file(rootfs, number)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"written by change {number}\n" * 20)


def _file(rootfs: Path, number: int) -> Path:
    index = number % FILES
    return rootfs / f"srv/history/d{index % _DIRECTORIES:02}/f{index:03}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
