"""System calls that fail, and disks that are full: a clear error, and the state before; or after, once it is recorded.

``python -m tests.crash.faults`` lets each system call that changes something fail with EIO and with ENOSPC, for all
verbs, and fills a small disk to the last few blocks.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.crash.cases import CASES, Case
from tests.crash.powercut import Machine, machine
from tests.crash.strace import Call, Ended
from tests.crash.sweep import Area, Template, go_on, recovered

#: What a full or failing disk makes fail.
_FALLIBLE = (
    *("rename", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "mknodat", "write", "pwrite64"),
    *("ftruncate", "copy_file_range", "fsync", "syncfs", "setxattr", "fsetxattr", "lsetxattr", "openat"),
)
#: Exit codes of what a machine lacks, and of damage: reading and writing fail with the same number.
_CODES = (5, 6)
#: A repair says on stdout what stays wrong.
_NOT_ALL = 5
_MOST_BLOCKS = 80


def fallible(template: Template) -> list[Call]:
    """The calls of a case that can fail in this way; what goes to the terminal is none of them."""
    return [
        call
        for call in template.calls
        if call.name in _FALLIBLE and not call.text.startswith(("1,", "2,")) and " = -1 " not in call.text
    ]


def fail(area: Area, template: Template, call: Call, error: str) -> str:
    """Lets one call fail; returns what came of it: ``before``, ``after`` or ``done``."""
    with area.point(template.folder, template.case):
        ended = area.fault(template, call, f"error={error}")
        if template.case.piecewise and ended.code == _NOT_ALL and ended.out:
            assert_reported(ended)
        else:
            assert_clear(ended)
        if template.case.piecewise and ended.code == 0:
            area.run("fsck")  # it said that it was done
        reached = recovered(area, template)
        assert template.case.piecewise or reached == "after" or ended.code != 0, f"it said that it was done: {ended}"
        go_on(area, template, reached)
    return "done" if ended.code == 0 else reached


def assert_clear(ended: Ended) -> None:
    """A command that failed says why, in one sentence with one hint, and with the right exit code."""
    if ended.code == 0:
        return
    lines = [line for line in ended.err.splitlines() if line.strip()]
    assert ended.code in _CODES, ended
    assert len(lines) == 2, ended
    assert lines[0].startswith("layerctl: "), ended
    assert lines[1].startswith("hint: "), ended


def assert_reported(ended: Ended) -> None:
    """A repair that could not do everything lists what stays wrong, and counts it."""
    *lines, summary = ended.out.splitlines()
    assert any(line.startswith(("error ", "warning ")) for line in lines), ended
    assert summary.startswith("checked ") and "all is well" not in summary, ended
    assert "internal error" not in ended.err and "Traceback" not in ended.err, ended


def fill(folder: Path, blocks: int) -> Path:
    """Fills a filesystem, then gives so many blocks back; returns the file that fills it.

    By what can still be had, not by what statvfs counts as free: ext4 keeps some of that for itself.
    """
    filler = folder / "filler"
    size = os.statvfs(folder).f_frsize
    with open(filler, "wb") as file:
        while _grow(file.fileno(), os.statvfs(folder).f_bfree, size):
            os.fsync(file.fileno())
        file.truncate(os.fstat(file.fileno()).st_size - blocks * size)
    os.sync()
    return filler


def _grow(fd: int, blocks: int, size: int) -> bool:
    """Adds so many blocks to a file, or as many as can be had; False if that is none."""
    while blocks:
        try:
            os.posix_fallocate(fd, os.fstat(fd).st_size, blocks * size)
        except OSError as exc:
            if exc.errno != errno.ENOSPC:
                raise
            blocks //= 2
        else:
            return True
    return False


def run_on_a_full_disk(machine: Machine, case: Case, blocks: int) -> str:
    """Runs a command with so many blocks left, then makes space; returns what came of it."""
    area, template = machine.area, machine.template(case)
    with area.point(template.folder, case):
        os.sync()
        filler = fill(machine.disk.point, blocks)
        ended = area.runner.run(*case.args)
        filler.unlink()
        assert_clear(ended)
        reached = recovered(area, template)
        assert reached == "after" or ended.code != 0 or template.case.piecewise, f"it said that it was done: {ended}"
        go_on(area, template, reached)
    return "done" if ended.code == 0 else reached


def main(arguments: list[str]) -> int:
    """Both sweeps, over the verbs that are named, or all."""
    chosen = [case for case in CASES if not arguments or case.name in arguments]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="layerctl-faults-") as folder:
        area = Area(Path(folder))
        try:
            for case in chosen:
                template = area.template(case)
                points = [(call, error) for call in fallible(template) for error in ("EIO", "ENOSPC")]
                failed += _count(case, "failing calls", [partial(fail, area, template, *point) for point in points])
        finally:
            area.close()
    with machine("ext4", seed=0) as box:
        for case in chosen:
            rounds = [partial(run_on_a_full_disk, box, case, blocks) for blocks in range(0, _MOST_BLOCKS, 2)]
            failed += _count(case, "full disks", rounds)
    return 1 if failed else 0


def _count(case: Case, what: str, rounds: list[Callable[[], str]]) -> int:
    counts: Counter[str] = Counter()
    for number, attempt in enumerate(rounds):
        try:
            counts[attempt()] += 1
        except AssertionError as exc:
            counts["failed"] += 1
            print(f"FAILED {case} {what} {number}: {exc}"[:1500], flush=True)
    print(f"{case.name:32}{len(rounds):5} {what}: {dict(counts)}", flush=True)
    return counts["failed"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
