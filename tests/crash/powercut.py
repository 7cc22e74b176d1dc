"""Power cuts: the filesystem stops writing at once, without flushing its log, and is mounted again.

``FS_IOC_SHUTDOWN`` (ext4, xfs) is what xfstests uses for that: what was not synced is lost, as with a disk that loses
its power. ``python -m tests.crash.powercut`` does many rounds, half of them right after a command returned, half at a
random moment while it runs.
"""

from __future__ import annotations

import fcntl
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.crash.cases import CASES, Case
from tests.crash.state import without_unsynced
from tests.crash.sweep import Area, Template, go_on, recovered
from tests.support.mounts import unmount_below

_FS_IOC_SHUTDOWN = 0x8004587D
_NOLOGFLUSH = 2
_MEGABYTES = {"ext4": 64, "xfs": 320}
_ROUNDS = 50
_USUAL_SECONDS = 0.2


class Disk:
    """A filesystem in a file that can lose its power.

    Args:
        folder: a directory for the file and the mount point.
        fstype: ``ext4`` or ``xfs``.
    """

    def __init__(self, folder: Path, fstype: str) -> None:
        self._image, self.point = folder / "disk.img", folder / "disk"
        with open(self._image, "wb") as file:
            file.truncate(_MEGABYTES[fstype] << 20)
        subprocess.run([f"mkfs.{fstype}", "-q", self._image], check=True, capture_output=True)
        self.point.mkdir()
        self._mount()

    def cut(self) -> None:
        """Stops all writing, at once."""
        fd = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _FS_IOC_SHUTDOWN, struct.pack("I", _NOLOGFLUSH))
        finally:
            os.close(fd)

    def boot(self) -> None:
        """Every mount is gone; the filesystem replays its log."""
        unmount_below(self.point, lazily=True)
        deadline = time.monotonic() + 20
        while self._is_attached():  # detached overlays keep it until the kernel has torn them down
            assert time.monotonic() < deadline, "the filesystem is still in use"
            time.sleep(0.02)
        self._mount()

    def _mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self.point], check=True)

    def _is_attached(self) -> bool:
        return bool(subprocess.run(["losetup", "-j", self._image], capture_output=True, check=True).stdout)


class Machine:
    """An area whose repositories lie on a disk that can lose its power.

    Args:
        folder: an empty directory.
        fstype: the disk's filesystem.
        seed: for the moments.
    """

    def __init__(self, folder: Path, fstype: str, seed: int) -> None:
        self._choose = random.Random(seed)
        self.area = Area(folder, partial(self._add_disk, fstype))
        self._templates: dict[str, Template] = {}
        self._seconds: dict[str, float] = {}

    def _add_disk(self, fstype: str, folder: Path) -> Path:
        self.disk = Disk(folder, fstype)
        return self.disk.point

    def round(self, case: Case, *, returned: bool) -> str:
        """Cuts the power right after a command returned, or at a random moment before; says what was there then."""
        template = self.template(case)
        with self.area.point(template.folder, case) as reboot:
            os.sync()
            try:
                self._run_and_cut(case, returned=returned)
            finally:
                reboot()
                self.disk.boot()
            reached = recovered(self.area, template, forgive=without_unsynced)
            assert reached == "after" or not returned, "returned work is gone"
            go_on(self.area, template, reached, same=False)
        return reached

    def template(self, case: Case) -> Template:
        """The case on this disk; made once."""
        if case.name not in self._templates:
            self._templates[case.name] = self.area.template(case, keep=True)
        return self._templates[case.name]

    def _run_and_cut(self, case: Case, *, returned: bool) -> None:
        started = self.area.runner.start(*case.args)
        begin = time.monotonic()
        started.go()
        if returned:
            ended = started.wait()
            self.disk.cut()
            self._seconds[case.name] = time.monotonic() - begin
        else:
            time.sleep(self._choose.uniform(0, self._seconds.get(case.name, _USUAL_SECONDS)))
            self.disk.cut()
            ended = started.wait()
        assert "internal error" not in ended.err, ended
        assert ended.code == 0 or (not returned and ended.code in (5, 6)), ended


@contextmanager
def machine(fstype: str, seed: int) -> Iterator[Machine]:
    """A machine in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="layerctl-power-cut-") as folder:
        made = Machine(Path(folder), fstype, seed)
        try:
            yield made
        finally:
            made.area.close()


def main(arguments: list[str]) -> int:
    """So many rounds (50) on each filesystem, or on the one that is named."""
    rounds = next((int(word) for word in arguments if word.isdigit()), _ROUNDS)
    failed = 0
    for fstype in [word for word in arguments if word in _MEGABYTES] or _MEGABYTES:
        seed = int(time.time())
        counts: Counter[str] = Counter()
        with machine(fstype, seed) as box:
            for number in range(rounds):
                case, returned = CASES[number // 2 % len(CASES)], number % 2 == 0
                try:
                    reached = box.round(case, returned=returned)
                    counts[f"{'returned' if returned else 'interrupted'}, {reached}"] += 1
                except AssertionError as exc:
                    failed += 1
                    print(f"FAILED {fstype} {seed=} {number=} {case} {returned=}: {exc}"[:1500], flush=True)
        print(f"{fstype}: {rounds} power cuts survived but {failed}; {dict(counts)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
