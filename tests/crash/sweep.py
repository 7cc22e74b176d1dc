"""The crash sweep: a command is killed right before each of its system calls that changes something.

``python -m tests.crash.sweep`` does all of them for all verbs; ``tests/crash/test_sweep.py`` does a few for each. What
was done is kept in ``build/crash-sweep.jsonl``, so an interrupted sweep goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from layerctl.errors import LayerctlError
from tests.crash.cases import CASES, EPOCH_NS, Box, Case, make_base
from tests.crash.state import (
    State,
    assert_sound,
    differences,
    digests_of,
    image_listing,
    read_state,
    visible,
    write_layers,
)
from tests.crash.strace import Call, Ended, Runner
from tests.oracle import compare, listing
from tests.support.cli import Layerctl
from tests.support.mounts import unmount_below

_PROCESSES = 2
_SYNCED = hashlib.sha256(b"synced\n").hexdigest()
_REPORT = Path("build/crash-sweep.jsonl")


@dataclass(frozen=True, slots=True)
class Template:
    """A case's repository before its command, and what is known about the command.

    Attributes:
        case: the case.
        folder: the repository, nothing mounted; to be copied.
        calls: what the command does, in order.
        before: the state before.
        after: the state after.
    """

    case: Case
    folder: Path
    calls: tuple[Call, ...]
    before: State
    after: State

    @property
    def durable(self) -> int:
        """The index of the call with which the operation has happened; in the middle where there is none."""
        renames = (index for index, call in enumerate(self.calls) if _records_operation(call))
        return next(renames, len(self.calls) // 2)


class Area:
    """A folder on a filesystem of its own (in memory, where syncing costs nothing) in which one point after the other
    is tried.

    Args:
        folder: an empty directory.
        make_place: gives the directory for repositories, if not one in there.
    """

    def __init__(self, folder: Path, make_place: Callable[[Path], Path] = lambda folder: folder) -> None:
        self.folder = folder
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "none", folder], check=True)
        (folder / "home").mkdir()
        self._place = make_place(folder) / "place"
        self.box = Box(self._place)
        self.cli = Layerctl(self._place, folder / "home")
        self.runner = Runner(self._place, self.cli.env, folder)
        self._base = folder / "base"
        make_base(Box(self._base))
        unmount_below(self._base)

    def close(self) -> None:
        """Takes every mount away."""
        unmount_below(self.folder, lazily=True)

    def template(self, case: Case, *, keep: bool = False) -> Template:
        """Prepares a case and runs its command twice, undisturbed; good until the next one, unless it is kept."""
        folder = self.folder / (f"template of {case}" if keep else "template")
        self._fill(self._base, empty=case.starts_empty)
        if not case.starts_empty:
            self.box.mount()
            case.prepare(self.box)
            unmount_below(self._place)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cp", "-a", self._place, folder], check=True)
        with self.point(folder, case):
            self.cli(*case.args)
            again = read_state(self.box.dot)
        with self.point(folder, case):
            before = read_state(self.box.dot)
            calls = self.runner.record(*case.args)
            assert_sound(self.box.dot)
            after = read_state(self.box.dot)
        assert not (found := differences(again, after)), f"two runs differ: {found}"
        return Template(case, folder, tuple(calls), before, after)

    @contextmanager
    def base_mounted(self) -> Iterator[Box]:
        """A mounted copy of the repository with which every case begins."""
        with self.point(self._base, CASES[-1]):
            yield self.box

    @contextmanager
    def point(self, folder: Path, case: Case) -> Iterator[Callable[[], None]]:
        """A mounted copy of a template, and whoever sits in it; gives a function that does what a reboot does."""
        self._fill(folder)
        if not case.starts_empty:
            self.box.mount()
            if not case.untouched:
                work_in(self.box.root)
        sitter = subprocess.Popen(["sleep", "600"], cwd=self.box.root) if case.busy else None

        def reboot() -> None:
            if sitter is not None:
                sitter.kill()
                sitter.wait()
            unmount_below(self._place, lazily=True)

        try:
            yield reboot
        finally:
            reboot()

    def _fill(self, folder: Path, *, empty: bool = False) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        if empty:
            self._place.mkdir()
        else:
            subprocess.run(["cp", "-a", folder, self._place], check=True)

    def fault(self, template: Template, call: Call, fault: str) -> Ended:
        """Runs the command with something happening at one of its calls."""
        return self.runner.run_with_fault(call, fault, *template.case.args)

    def run(self, *args: str) -> Ended:
        """Runs a command that must succeed."""
        ended = self.runner.run(*args)
        assert ended.code == 0, f"layerctl {args}: {ended}"
        return ended


def work_in(root: Path) -> None:
    """An application writes two files, one of which it syncs, as a careful one does: the content, then the name."""
    for name in ("unsynced", "synced"):
        with open(root / name, "w") as file:
            file.write(f"{name}\n")
            file.flush()
            os.utime(file.fileno(), ns=(EPOCH_NS, EPOCH_NS))
            if name == "synced":
                os.fsync(file.fileno())
    fd = os.open(root, os.O_RDONLY)
    os.utime(fd, ns=(EPOCH_NS, EPOCH_NS))
    os.fsync(fd)
    os.close(fd)


def _records_operation(call: Call) -> bool:
    return call.name.startswith("rename") and '/pending.json"' in call.text and "/ops/" not in call.text


def kill(area: Area, template: Template, call: Call, *, reboot: bool = False) -> str:
    """Kills the command before one of its calls, then sees that all is well.

    Args:
        area: where.
        template: the case.
        call: the call that must not be made any more.
        reboot: every mount is gone, too, when the next command comes.

    Returns:
        ``before``, ``after`` or, if the call was not met, ``done``.
    """
    with area.point(template.folder, template.case) as take_all_away:
        ended = area.fault(template, call, "signal=KILL")
        assert ended.was_killed or ended.code == 0, ended
        if reboot:
            take_all_away()
        reached = recovered(area, template)
        go_on(area, template, reached, same=not (reboot and template.case.busy))
        return reached if ended.was_killed else "done"


def recovered(area: Area, template: Template, *, forgive: Callable[[State], State] = lambda state: state) -> str:
    """The next command finds the state before or the state after; says which.

    Args:
        area: where.
        template: the case.
        forgive: takes out of a state what may differ.
    """
    box, case = area.box, template.case
    if case.starts_empty:
        return "after" if (box.dot / "format").exists() else "before"
    area.run("status")
    _mount_again(area)
    assert_sound(box.dot)
    state = read_state(box.dot)
    missing = _precious(template) - _contents(box.dot, state)
    if case.piecewise:
        forgive = visible
    found, before, after = (forgive(each) for each in (state, template.before, template.after))
    from_before, from_after = differences(before, found), differences(after, found)
    assert not from_before or not from_after, _report(from_before, from_after)
    assert not missing or (case.drops and not from_after), f"lost: {missing}"
    return "before" if not from_before else "after"


def go_on(area: Area, template: Template, reached: str, *, same: bool = True) -> None:
    """The same command works where it was not done; where it was, the next commit works. Nothing is left lying about.

    Args:
        area: where.
        template: the case.
        reached: what :func:`recovered` said.
        same: whether the command will do just what it did undisturbed: whoever made the rootfs busy is still there.
    """
    box = area.box
    if reached == "before":
        area.run(*template.case.args)
    if reached == "before" and same:
        _mount_again(area)
        found = differences(template.after, read_state(box.dot))
        assert not found, "\n".join(found[:20])
    elif not template.case.starts_empty:
        (box.root / "later").write_text("later\n")
        shown = listing(box.root)
        made = json.loads(area.run("--json", "commit", "-m", "later").out)["commit"]
        found = compare(shown, image_listing(box.dot, made))
        assert not found, "\n".join(found[:20])
    assert_sound(box.dot)
    area.run("status")  # whatever comes next deletes what was being made
    area.run("fsck")
    _assert_tidy(box.dot)


def _mount_again(area: Area) -> None:
    """What was mounted before is so after a reboot once it is asked for."""
    for worktree in area.box.repo.list_worktrees():
        if worktree.dirty is not None and not worktree.mounted:
            area.run("checkout", "-w", worktree.name)


def _assert_tidy(dot: Path) -> None:
    left = [*dot.joinpath("tmp").iterdir(), *dot.glob("git/*.lock"), *dot.joinpath("git/refs").rglob("*.lock")]
    assert not left, left
    assert not (dot / "journal/pending.json").exists()


def _precious(template: Template) -> set[str]:
    """What the write layers held, and what :func:`work_in` synced."""
    synced = set() if template.case.untouched else {_SYNCED}
    return {node.sha256 for node in write_layers(template.folder / ".layerctl")} | synced


def _contents(dot: Path, state: State) -> set[str]:
    found = {node.sha256 for node in write_layers(dot)}
    for tree in (*state.shown.values(), *state.images.values()):
        found |= digests_of(tree)
    return found


def _report(from_before: list[str], from_after: list[str]) -> str:
    parts = ["neither before nor after; from before:", *from_before[:15], "from after:", *from_after[:15]]
    return "\n".join(parts)


def sample(template: Template, count: int) -> list[int]:
    """Indices of calls, evenly spread, and those around the one with which the operation has happened."""
    last, middle = len(template.calls) - 1, template.durable
    spread = {last * part // (count - 1) for part in range(count)}
    return sorted(index for index in spread | {middle, middle + 1} if 0 <= index <= last)


def main(arguments: list[str]) -> int:
    """Sweeps the verbs that are named, or all; every call, and the reboot after every fourth."""
    chosen = [case for case in CASES if not arguments or case.name in arguments]
    _REPORT.parent.mkdir(parents=True, exist_ok=True)
    done = _done()
    with ProcessPoolExecutor(_PROCESSES) as pool:
        results = list(pool.map(_sweep_case, [case.name for case in chosen], repeat(done)))
    for case, counts in zip(chosen, results, strict=True):
        print(f"{case.name:32}{counts['points']:5} kill points{counts['failed']:5} failed", flush=True)
    print(f"{'in all':32}{sum(c['points'] for c in results):5}      {sum(c['failed'] for c in results):10} failed")
    return 1 if any(counts["failed"] for counts in results) else 0


def _sweep_case(name: str, done: set[tuple[str, int, bool]]) -> Counter[str]:
    case = next(case for case in CASES if case.name == name)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="layerctl-sweep-") as folder:
        area = Area(Path(folder))
        try:
            template = area.template(case)
            for index, call in enumerate(template.calls):
                for reboot in (False, True)[: 1 + (index % 4 == 0)]:
                    counts["points"] += 1
                    if (name, index, reboot) not in done:
                        counts["failed"] += _try(area, template, index, call, reboot)
        finally:
            area.close()
    return counts


def _try(area: Area, template: Template, index: int, call: Call, reboot: bool) -> bool:
    try:
        outcome = kill(area, template, call, reboot=reboot)
    except (AssertionError, LayerctlError, OSError, subprocess.SubprocessError) as exc:
        print(f"FAILED {template.case} {index} {call} {reboot=}: {exc}"[:1500], flush=True)
        return True
    line = {"case": template.case.name, "index": index, "reboot": reboot, "call": str(call), "outcome": outcome}
    with _REPORT.open("a") as report:
        report.write(json.dumps(line) + "\n")
    return False


def _done() -> set[tuple[str, int, bool]]:
    if not _REPORT.exists():
        return set()
    lines = map(json.loads, _REPORT.read_text().splitlines())
    return {(line["case"], line["index"], line["reboot"]) for line in lines}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
