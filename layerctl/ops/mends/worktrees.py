"""Putting worktrees right: their small files as the operation log last wrote them, their folders made anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import Damaged, UsageError
from layerctl.layer.metadata import apply_root_metadata
from layerctl.layer.xattrs import drop_inherited_acls
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.listing import parse_entry
from layerctl.model.operation import FileMove
from layerctl.model.worktree import Head, WorktreeRecord
from layerctl.mount.overlay import is_upper_in_use
from layerctl.ops.checks.refs import last_good
from layerctl.ops.mends.mender import Mender, Unrepairable
from layerctl.snapshot.walk import entry_text
from layerctl.store.rawrefs import head_target
from layerctl.store.record import load_record
from layerctl.store.revisions import head_ref
from layerctl.store.worktrees import DEFAULT, Worktree, record_text

if TYPE_CHECKING:
    from layerctl.model.problem import Problem


def mend_missing(mender: Mender, problem: Problem) -> None:
    """Makes a worktree's folder; the next look finds what is missing in it."""
    mender.path(problem).mkdir(mode=0o700)
    mender.durability.sync_dir(mender.layout.worktrees)


def mend_head(mender: Mender, problem: Problem) -> None:
    """Writes HEAD as the log has it; else as the ref that follows it says."""
    worktree = _worktree(mender, problem)
    text = _logged(mender, worktree.head_path)
    if text is None or not _is_possible(mender, worktree, text):
        text = _from_ref(mender, worktree).to_text()
    mender.replace_file(mender.path(problem), text.encode())


def mend_record(mender: Mender, problem: Problem) -> None:
    """Writes the record as the log has it; else one that says what is sure."""
    worktree = _worktree(mender, problem)
    text = _logged(mender, worktree.record_path)
    base = _base_in(text)
    if text is None or (base is not None and not _exists(mender, base.hex)):
        text = record_text(_guess(mender, worktree), mender.layout)
    mender.replace_file(mender.path(problem), text.encode())


def mend_branch(mender: Mender, problem: Problem) -> None:
    """Makes the branch that a HEAD names: where its reflog, or the ref that follows HEAD, has it."""
    worktree = _worktree(mender, problem)
    head = mender.survey.worktrees[worktree.name].head
    assert head is not None and head.ref is not None
    followed = mender.survey.refs.get(head_ref(worktree.name))
    target = last_good(mender.survey, head.ref) or (followed.target if followed is not None else None)
    if target is None or not _exists(mender, target):
        raise Unrepairable("nothing says where the branch was")
    mender.replace_file(mender.layout.git / head.ref, target.encode() + b"\n")


def mend_ref(mender: Mender, problem: Problem) -> None:
    """Makes the ref that follows HEAD."""
    worktree = _worktree(mender, problem)
    head = mender.survey.worktrees[worktree.name].head
    if head is None:
        raise Unrepairable("its HEAD cannot be read")
    branch = mender.survey.refs.get(head.ref) if head.ref is not None else None
    target = head.commit.hex if head.commit is not None else branch.target if branch is not None else None
    if target is None or not _exists(mender, target):
        raise Unrepairable("its HEAD leads nowhere")
    mender.replace_file(mender.layout.git / head_ref(worktree.name), target.encode() + b"\n")


def mend_folder(mender: Mender, problem: Problem) -> None:
    """Makes an empty write layer or work folder."""
    path = mender.path(problem)
    worktree = _worktree(mender, problem)
    if is_upper_in_use(worktree.upper, mender.layout.tmp):
        raise Unrepairable("the write layer is mounted; unmount it first")
    if path.name not in ("upper", "work"):
        raise Unrepairable("it is no folder of a worktree")
    mender.set_aside(path)
    path.mkdir(mode=0o700)
    drop_inherited_acls(bytes(path))
    if path.name == "upper":
        _give_root_metadata(mender, worktree, path)
    mender.durability.sync_filesystem(mender.layout.root)


def _worktree(mender: Mender, problem: Problem) -> Worktree:
    parts = Path(os.fsdecode(problem.path)).parts
    if parts[0] != "worktrees" or parts[1] not in mender.survey.worktrees:
        raise Unrepairable("it belongs to no worktree")
    return Worktree(parts[1], mender.layout)


def _logged(mender: Mender, path: str) -> str | None:
    """What the operation log last wrote to a small file."""
    for number in sorted(mender.survey.operations, reverse=True):
        for move in reversed(mender.survey.operations[number].moves):
            if isinstance(move, FileMove) and move.path == path and move.new is not None:
                return move.new
    return None


def _exists(mender: Mender, oid: str) -> bool:
    return mender.survey.git.has(ObjectId(bytes.fromhex(oid)))


def _taken(mender: Mender, worktree: Worktree) -> set[str | None]:
    """The branches that other worktrees have."""
    others = (found for found in mender.survey.worktrees.values() if found.name != worktree.name)
    return {found.head.branch for found in others if found.head is not None}


def _is_possible(mender: Mender, worktree: Worktree, text: str) -> bool:
    try:
        head = Head.from_text(text)
    except UsageError:
        return False
    if head.commit is not None:
        return _exists(mender, head.commit.hex)
    return head.branch not in _taken(mender, worktree) and head.ref in mender.survey.refs


def _from_ref(mender: Mender, worktree: Worktree) -> Head:
    followed = mender.survey.refs.get(head_ref(worktree.name))
    if followed is None or followed.target is None:
        if worktree.name != DEFAULT:
            raise Unrepairable("nothing says where it was")
        return Head(branch=(head_target(mender.layout.git) or "refs/heads/main").removeprefix("refs/heads/"))
    taken = _taken(mender, worktree)
    names = [ref.name.removeprefix("refs/heads/") for ref in mender.survey.refs.values() if ref.name != followed.name]
    branches = [
        name
        for name in names
        if not name.startswith("refs/")
        and name not in taken
        and mender.survey.refs[f"refs/heads/{name}"].target == followed.target
    ]
    usual = "main" if worktree.name == DEFAULT else worktree.name
    if usual in branches or len(branches) == 1:
        return Head(branch=usual if usual in branches else branches[0])
    return Head(commit=CommitId(followed.target))


def _base_in(text: str | None) -> CommitId | None:
    if text is None:
        return None
    try:
        return WorktreeRecord.from_json(load_record(text.encode(), Path("worktree.json"))).base
    except (Damaged, UsageError, KeyError, TypeError, ValueError):
        return None


def _guess(mender: Mender, worktree: Worktree) -> WorktreeRecord:
    """A record for a worktree of which the log says nothing.

    Raises:
        Unrepairable: it has uncommitted changes, and nothing says which commit they lie on.
    """
    followed = mender.survey.refs.get(head_ref(worktree.name))
    try:
        dirty = bool(os.listdir(worktree.upper))
    except OSError:
        dirty = False
    if dirty:
        raise Unrepairable("nothing says which commit its uncommitted changes lie on")
    name = "rootfs" if worktree.name == DEFAULT else f"rootfs-{worktree.name}"
    base = CommitId(followed.target) if followed is not None and followed.target is not None else None
    return WorktreeRecord(base, str(mender.layout.root.parent / name))


def _give_root_metadata(mender: Mender, worktree: Worktree, upper: Path) -> None:
    """The root of a write layer is the container's ``/``."""
    record = mender.survey.worktrees[worktree.name].record
    commit = mender.survey.commits.get(record.base) if record is not None and record.base is not None else None
    if commit is None or commit.snapshot is None:
        return
    text = entry_text(mender.survey.git, commit.snapshot, b"")
    fd = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        apply_root_metadata(fd, parse_entry(text or b""), mender.survey.namespace)
    finally:
        os.close(fd)
