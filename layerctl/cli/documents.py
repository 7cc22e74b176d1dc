"""The documents of ``--json``, one function a kind. They are a promise: ``docs/`` describes them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from layerctl.model.effects import effects

if TYPE_CHECKING:
    from layerctl.cli.render.stat import Totals
    from layerctl.model.blame import Blame
    from layerctl.model.change import Change
    from layerctl.model.commit import ImageCommit
    from layerctl.model.configdiff import ConfigChange
    from layerctl.model.entry import Entry
    from layerctl.model.ids import CommitId
    from layerctl.model.layer import LayerDescriptor
    from layerctl.model.operation import Operation
    from layerctl.model.packages import PackageChange, PackageDiff
    from layerctl.model.results import (
        Branch,
        CheckoutResult,
        CommitResult,
        Diff,
        ImportResult,
        LogEntry,
        PathView,
        ReflogLine,
        RestoreOperationResult,
        RollbackResult,
        Status,
        Tag,
        UndoResult,
        WorktreeInfo,
    )
    from layerctl.model.scan import RootPath
    from layerctl.model.search import FoundFile

Document = dict[str, Any]


def _hex(commit: CommitId | None) -> str | None:
    return commit.hex if commit is not None else None


def _bytes(key: str, value: bytes) -> Document:
    """Text, and the exact bytes where they are no UTF-8."""
    text = value.decode("utf-8", "replace")
    exact = {} if text.encode() == value else {f"{key}_b64": b64encode(value).decode()}
    return {key: text, **exact}


def path(value: RootPath) -> Document:
    """A path relative to the rootfs."""
    return _bytes("path", value)


def layer(descriptor: LayerDescriptor) -> Document:
    """A layer."""
    return {
        "id": descriptor.id.hex,
        "bytes": descriptor.size,
        "added": descriptor.added,
        "modified": descriptor.modified,
        "deleted": descriptor.deleted,
        "quiescence": descriptor.quiescence.value,
    }


def log_entry(entry: LogEntry) -> Document:
    """A commit with the names that point at it."""
    commit = entry.commit
    return {
        "commit": commit.id.hex,
        "parents": [parent.hex for parent in commit.parents],
        "refs": list(entry.refs),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "date": commit.date.isoformat(),
        "message": commit.message,
        "layer": layer(commit.layer),
    }


def change(value: Change) -> Document:
    """One path that differs."""
    return {
        "kind": value.kind.value,
        **path(value.path),
        "what": [aspect.value for aspect in value.what],
        "old_size": value.old.size if value.old is not None else None,
        "new_size": value.new.size if value.new is not None else None,
    }


def status(value: Status) -> Document:
    """The state of a worktree."""
    return {
        "worktree": value.worktree,
        "head": _hex(value.head),
        "branch": value.branch,
        "mountpoint": value.mountpoint,
        "base": _hex(value.base),
        "container": value.container,
        "changes": [change(item) for item in value.changes],
    }


def diff(value: Diff) -> Document:
    """Two states compared."""
    return {"from": _hex(value.old), "to": _hex(value.new), "changes": [change(item) for item in value.changes]}


def totals(value: Totals) -> Document:
    """What a diff weighs."""
    return {
        "added": value.added,
        "modified": value.modified,
        "deleted": value.deleted,
        "bytes_added": value.came,
        "bytes_removed": value.went,
    }


def packages(value: PackageDiff) -> Document:
    """What differs in packages, and what could not be read: two keys of a diff."""
    return {
        "packages": [_package_change(change) for change in value.changes],
        "unread": [{**path(unread.path), "reason": unread.reason} for unread in value.unread],
    }


def _package_change(value: PackageChange) -> Document:
    package = value.package
    return {
        "kind": value.kind.value,
        "ecosystem": package.ecosystem,
        "name": package.name,
        "architecture": package.architecture or None,
        **(_bytes("location", package.location) if package.location else {"location": None}),
        "old_version": value.old,
        "new_version": value.new,
    }


def config_changes(changes: Iterable[ConfigChange]) -> list[Document]:
    """What differs in an image config."""
    return [{"kind": item.kind.value, "key": item.key, "old": item.old, "new": item.new} for item in changes]


def show(entry: LogEntry, value: Diff) -> Document:
    """A commit and what it changed."""
    return {**log_entry(entry), "changes": [change(item) for item in value.changes]}


def path_view(commit: CommitId, view: PathView) -> Document:
    """One path of a commit."""
    children = [{**_bytes("name", name), **_entry(entry)} for name, entry in view.children]
    return {"commit": commit.hex, **path(view.path), **_entry(view.entry), "children": children}


def _entry(value: Entry) -> Document:
    document: Document = {
        "type": value.kind.value,
        "mode": f"{value.mode:04o}",
        "uid": value.uid,
        "gid": value.gid,
        "mtime_ns": value.mtime_ns,
        "size": value.size,
        "digest": f"blake3:{value.digest.hex()}" if value.digest is not None else None,
        "device": list(value.rdev) if value.rdev is not None else None,
        "xattrs": {name.decode("utf-8", "replace"): b64encode(data).decode() for name, data in value.xattrs},
    }
    return document | (_bytes("target", value.target) if value.target is not None else {"target": None})


def blame(value: Blame) -> Document:
    """Who last changed what; each commit once."""
    commits = {commit.id: commit for commit in value.commits}
    return {
        "commit": value.commit.hex,
        **path(value.path),
        "type": value.entry.kind.value,
        "entries": [
            {**_bytes("name", found.name), "type": found.entry.kind.value, "commit": found.commit.id.hex}
            for found in value.entries
        ],
        "lines": [
            {"line": found.number, **_bytes("text", found.content.removesuffix(b"\n")), "commit": found.commit.id.hex}
            for found in value.lines
        ],
        "commits": [_brief(commit) for commit in commits.values()],
    }


def _brief(value: ImageCommit) -> Document:
    return {
        "commit": value.id.hex,
        "author": {"name": value.author.name, "email": value.author.email},
        "date": value.date.isoformat(),
        "subject": value.subject,
    }


def grep(commit: CommitId | None, found: Iterable[FoundFile]) -> Document:
    """What matched; a file whose lines are not told is one match without a line."""
    matches: list[Document] = []
    for file in found:
        if not file.hits:
            matches.append({**path(file.path), "binary": file.binary, "line": None, "text": None})
        for hit in file.hits:
            matches.append({**path(file.path), "binary": False, "line": hit.number, **_bytes("text", hit.line)})
    return {"commit": _hex(commit), "matches": matches}


def worktree(value: WorktreeInfo) -> Document:
    """One worktree."""
    return {
        "name": value.name,
        "head": _hex(value.head),
        "branch": value.branch,
        "mountpoint": value.mountpoint,
        "mounted": value.mounted,
        "dirty": value.dirty,
        "container": value.container,
    }


def commit(value: CommitResult) -> Document:
    """A commit that was made."""
    return {"commit": value.commit.hex, "branch": value.branch, "layer": layer(value.layer)}


def checkout(value: CheckoutResult) -> Document:
    """A commit that was mounted."""
    return {"worktree": value.worktree, "commit": value.commit.hex, "mountpoint": value.mountpoint}


def rollback(value: RollbackResult) -> Document:
    """A step back."""
    return {"from": value.old.hex, "to": value.new.hex, "operation": value.operation, "parked": value.parked}


def undo(value: UndoResult) -> Document:
    """An operation that was taken back."""
    return {
        "operation": value.operation,
        "undone": value.undone,
        "description": value.description,
        "parked": value.parked,
    }


def restored_operation(value: RestoreOperationResult) -> Document:
    """An earlier state that is there again."""
    return {
        "operation": value.operation,
        "restored": value.restored,
        "taken_back": value.taken_back,
        "parked": value.parked,
    }


def imported(value: ImportResult) -> Document:
    """What an import made."""
    return {
        "commits": [item.hex for item in value.commits],
        "branch": value.branch,
        "tags": list(value.tags),
        "entries": value.entries,
        "bytes": value.size,
        "warnings": list(value.warnings),
    }


def tag(value: Tag) -> Document:
    """A tag."""
    return {"name": value.name, "commit": value.commit.hex, "message": value.message}


def branch(value: Branch) -> Document:
    """A branch."""
    return {
        "name": value.name,
        "commit": value.commit.hex,
        "worktree": value.worktree,
        "subject": value.subject,
    }


def deleted(name: str, was: CommitId) -> Document:
    """A tag or branch that is gone."""
    return {"name": name, "deleted": was.hex}


def reflog_line(value: ReflogLine) -> Document:
    """One step of a ref."""
    return {
        "selector": value.selector,
        "commit": _hex(value.commit),
        "message": value.message,
        "author": {"name": value.author.name, "email": value.author.email},
        "date": value.date.isoformat(),
    }


def operation(value: Operation) -> Document:
    """One operation."""
    return {
        "operation": value.number,
        "time": value.time.isoformat(),
        "author": value.author,
        "verb": value.verb,
        "description": value.description,
        "undoes": value.undoes,
        "moved": [
            {"what": effect.what, "name": effect.name, "from": effect.old, "to": effect.new}
            for effect in effects(value)
        ],
    }
