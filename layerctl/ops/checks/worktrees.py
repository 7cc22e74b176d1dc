"""Worktrees: what their small files say, and whether their write layers can be mounted."""

from __future__ import annotations

import os

from layerctl.errors import Damaged, UnsafeWriteLayer, UsageError
from layerctl.layer.content import EMPTY_DIGEST
from layerctl.layer.scan import LayerScanner
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.worktree import Head, WorktreeRecord
from layerctl.ops.checks.survey import FoundWorktree, Survey, names_in
from layerctl.store.record import load_record
from layerctl.store.refs import is_ref_name
from layerctl.store.revisions import head_ref
from layerctl.store.worktrees import DEFAULT, Worktree, check_name

_KNOWN = {"HEAD", "worktree.json", "bisect.json", "restoring", "lock", "stat-cache", "upper", "work", "empty"}


def check_worktrees(survey: Survey) -> None:
    """Reads every worktree's HEAD and record."""
    names = names_in(survey.layout.worktrees)
    if DEFAULT not in names:
        survey.error("missing-worktree", f"worktrees/{DEFAULT}", "is missing", repairable=True)
    for name in names:
        folder = survey.layout.worktrees / name
        try:
            check_name(name)
        except UsageError:
            survey.note("unknown-file", folder, "is no worktree", repairable=False)
            continue
        if not folder.is_dir() or folder.is_symlink():
            survey.note("unknown-file", folder, "is no worktree", repairable=False)
            continue
        _check(survey, Worktree(name, survey.layout))
    _check_branches(survey)


def _check(survey: Survey, worktree: Worktree) -> None:
    head_known = head_ref(worktree.name) in survey.refs
    if not (names_in(worktree.folder) or head_known) and worktree.name != DEFAULT:
        survey.note("leftover", worktree.folder, "is an empty folder", repairable=True)
        return
    found = FoundWorktree(worktree.name, _head(survey, worktree), _record(survey, worktree))
    survey.worktrees[worktree.name] = found
    if found.head is not None:
        _check_head(survey, worktree, found.head, found.record)
    if found.record is not None and found.record.base is not None:
        _need(survey, worktree, "worktree.json", "its base", found.record.base)
        if not head_known:
            text = f"{head_ref(worktree.name)}, which follows its HEAD, is missing"
            survey.warning("worktree-without-ref", worktree.folder, text, repairable=True)
        _check_write_layer(survey, worktree)
    for name in names_in(worktree.folder):
        if name not in _KNOWN:
            survey.stray(worktree.folder / name)


def _head(survey: Survey, worktree: Worktree) -> Head | None:
    path = worktree.folder / "HEAD"
    try:
        text = path.read_text()
        head = Head.from_text(text)
        if head.to_text() == text and (head.ref is None or is_ref_name(head.ref)):
            return head
    except FileNotFoundError:
        survey.error("missing-worktree-head", path, "is missing", repairable=True)
        return None
    except (OSError, UnicodeDecodeError, UsageError):
        pass
    survey.error("damaged-worktree-head", path, "names neither a branch nor a commit", repairable=True)
    return None


def _record(survey: Survey, worktree: Worktree) -> WorktreeRecord | None:
    path = worktree.folder / "worktree.json"
    try:
        record = WorktreeRecord.from_json(load_record(path.read_bytes(), path))
        if os.path.isabs(survey.layout.root.parent / record.mountpoint):
            return record
        text = "names no mount point"
    except FileNotFoundError:
        survey.error("missing-worktree-record", path, "is missing", repairable=True)
        return None
    except Damaged as exc:
        text = "does not match its checksum" if "checksum" in exc.message else "cannot be read"
    except (OSError, UsageError, KeyError, ValueError, TypeError, AttributeError):
        text = "cannot be understood"
    survey.error("damaged-worktree-record", path, text, repairable=True)
    return None


def _check_head(survey: Survey, worktree: Worktree, head: Head, record: WorktreeRecord | None) -> None:
    if head.commit is not None:
        _need(survey, worktree, "HEAD", "its HEAD", head.commit)
    elif head.ref not in survey.refs and (head_ref(worktree.name) in survey.refs or (record and record.base)):
        text = f"names the branch '{head.branch}', which does not exist"
        survey.error("worktree-without-branch", worktree.folder / "HEAD", text, repairable=True)


def _need(survey: Survey, worktree: Worktree, file: str, what: str, commit: CommitId) -> None:
    survey.roots.add(commit)
    if not survey.git.has(ObjectId(bytes.fromhex(commit.hex))):
        text = f"{what}, {commit.short}, does not exist"
        survey.error("worktree-to-nowhere", worktree.folder / file, text, commits=(commit,))


def _check_write_layer(survey: Survey, worktree: Worktree) -> None:
    for path, kind in ((worktree.upper, "missing-write-layer"), (worktree.work, "missing-work-folder")):
        if not path.is_dir() or path.is_symlink():
            survey.error(kind, path, "is missing", repairable=True)
    try:
        fd = os.open(worktree.upper, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return

    def note(path: bytes, error: OSError | UnsafeWriteLayer) -> None:
        text = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else error.message
        survey.error("unreadable-file", bytes(worktree.upper) + b"/" + path, text)

    scanner = LayerScanner(survey.namespace, known=lambda path, status: EMPTY_DIGEST, tolerant=True, unreadable=note)
    try:
        scanner.scan(fd)
    except (OSError, UnsafeWriteLayer) as exc:
        note(b"", exc)
    finally:
        os.close(fd)


def _check_branches(survey: Survey) -> None:
    holders: dict[str, list[str]] = {}
    for worktree in survey.worktrees.values():
        if worktree.head is not None and worktree.head.branch is not None:
            holders.setdefault(worktree.head.branch, []).append(worktree.name)
    for branch, names in holders.items():
        for name in names[1:]:
            text = f"the branch '{branch}' is checked out in the worktree '{names[0]}' too"
            survey.error("branch-checked-out-twice", f"worktrees/{name}/HEAD", text)
