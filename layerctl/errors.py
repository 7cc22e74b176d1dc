"""Every error that layerctl raises on purpose, in one tree.

::

    LayerctlError
    ├── Declined            1  a "no": nothing to commit, a dirty worktree, a hook refused
    │   ├── NothingToCommit
    │   ├── DirtyWorktree
    │   ├── NothingToUndo
    │   ├── HookRefused
    │   └── CannotExport
    ├── UsageError          2  the words of the call are wrong
    ├── NotFound            3
    │   ├── RepositoryNotFound
    │   ├── RevisionNotFound
    │   ├── RefNotFound
    │   ├── PathNotFound
    │   ├── WorktreeNotFound
    │   └── SourceNotFound
    ├── Conflict            4  something else holds it, or it exists already
    │   ├── AlreadyExists
    │   ├── BranchCheckedOut
    │   ├── Busy
    │   ├── ContainerRunning
    │   ├── MountpointInUse
    │   ├── PathConflict
    │   └── RefMoved
    ├── Damaged             5  data is not what it says it is
    │   ├── BadArchive
    │   ├── DigestMismatch
    │   ├── LimitExceeded
    │   ├── UnsafeRootfs
    │   ├── UnsafeWriteLayer
    │   └── UnsupportedFormat
    └── MachineLacks        6  kernel feature, runtime, privilege, space
        ├── NoPrivilege
        ├── NoRuntime
        ├── NoKernelFeature
        ├── NoSpace
        ├── RuntimeFailed
        └── Unfinished

Each class owns its exit code and its kebab-case ``name`` (used by ``--json``); each instance may carry a ``hint``: one
line that says what to do next. Translation to a message and an exit status happens once, in :mod:`layerctl.cli`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar

#: So many paths are named in a message.
_SHOWN = 10


class LayerctlError(Exception):
    """Base of all expected errors.

    Attributes:
        exit_code: the process's exit status when this error ends a command.
        name: a stable kebab-case identifier for scripts.
        default_hint: the hint used when the instance has none of its own.
    """

    exit_code: ClassVar[int] = 1
    name: ClassVar[str] = "error"
    default_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if hint is not None else self.default_hint


class Declined(LayerctlError):
    """A plain "no"; nothing was changed."""

    exit_code = 1
    name = "declined"


class NothingToCommit(Declined):
    """The rootfs equals HEAD and an empty commit was not asked for."""

    name = "nothing-to-commit"
    default_hint = "use --allow-empty to record a commit without changes"


class DirtyWorktree(Declined):
    """The write layer has changes that the verb would take away."""

    name = "dirty-worktree"
    default_hint = "commit them, or use --discard to park them"


class NothingToUndo(Declined):
    """The operation log has nothing that could be taken back."""

    name = "nothing-to-undo"


class HookRefused(Declined):
    """A ``pre-*`` or ``commit-msg`` hook exited non-zero or timed out."""

    name = "hook-refused"


class CannotExport(Declined):
    """The rootfs holds something that the target's format has no way to say."""

    name = "cannot-export"
    default_hint = "remove or rename it in a new commit, or export only what comes before it was made"


class UsageError(LayerctlError):
    """An argument that can never work, whatever the state."""

    exit_code = 2
    name = "usage"


class NotFound(LayerctlError):
    """Something that was named does not exist."""

    exit_code = 3
    name = "not-found"


class RepositoryNotFound(NotFound):
    """No ``.layerctl`` here or in any parent."""

    name = "repository-not-found"
    default_hint = "run 'layerctl init' to make one here"


class RevisionNotFound(NotFound):
    """A revision that names no commit."""

    name = "revision-not-found"
    default_hint = "'layerctl log --all --oneline' lists what there is"


class RefNotFound(NotFound):
    """A branch or tag that does not exist."""

    name = "ref-not-found"


class PathNotFound(NotFound):
    """A path that the rootfs or the commit does not have."""

    name = "path-not-found"


class WorktreeNotFound(NotFound):
    """A worktree that does not exist."""

    name = "worktree-not-found"
    default_hint = "'layerctl worktree list' shows the worktrees"


class SourceNotFound(NotFound):
    """An import source, or a reference inside one, that does not exist."""

    name = "source-not-found"


class Conflict(LayerctlError):
    """Somebody or something else is in the way."""

    exit_code = 4
    name = "conflict"


class AlreadyExists(Conflict):
    """The thing to be created is there already."""

    name = "already-exists"


class BranchCheckedOut(Conflict):
    """The branch is checked out in another worktree."""

    name = "branch-checked-out"
    default_hint = "use --detach, or -b NEW to start a branch of your own"


class Busy(Conflict):
    """Another command holds the repository or the worktree."""

    name = "busy"


class ContainerRunning(Conflict):
    """A container runs in the worktree."""

    name = "container-running"
    default_hint = "stop it first, or use --stop"


class MountpointInUse(Conflict):
    """The mount point holds files or another mount."""

    name = "mountpoint-in-use"
    default_hint = "use --at DIR to mount somewhere else"


class PathConflict(Conflict):
    """Paths that were changed on two sides, and not in the same way.

    Attributes:
        paths: what is in conflict: paths with a leading slash, then anything else, readable.
    """

    name = "path-conflict"

    def __init__(
        self, message: str, *, paths: Sequence[bytes] = (), more: Sequence[str] = (), hint: str | None = None
    ) -> None:
        self.paths = (*(f"/{os.fsdecode(path)}" for path in paths), *more)
        shown = f": {', '.join(self.paths[:_SHOWN])}" if self.paths else ""
        left = len(self.paths) - _SHOWN
        super().__init__(f"{message}{shown}{f' and {left:,} more' if left > 0 else ''}", hint=hint)


class RefMoved(Conflict):
    """A ref was moved by somebody else meanwhile."""

    name = "ref-moved"
    default_hint = "look at 'layerctl log' and try again"


class Damaged(LayerctlError):
    """Data that is not what it says it is."""

    exit_code = 5
    name = "damaged"
    default_hint = "'git --git-dir .layerctl/git fsck' checks the objects; keep everything as it is until then"


class BadArchive(Damaged):
    """An archive that is broken, truncated, hostile or of an unknown kind."""

    name = "bad-archive"
    default_hint = "get the archive again, or check how it was made"


class DigestMismatch(BadArchive):
    """A blob whose digest or size is not what its descriptor states."""

    name = "digest-mismatch"


class LimitExceeded(BadArchive):
    """An archive beyond a configured bound."""

    name = "limit-exceeded"
    default_hint = "raise the limit with 'layerctl config import.KEY VALUE' if the source is trusted"


class UnsafeRootfs(Damaged):
    """A rootfs that would lead an OCI runtime out of it."""

    name = "unsafe-rootfs"


class UnsafeWriteLayer(Damaged):
    """A write layer whose content depends on overlayfs features that layers never use."""

    name = "unsafe-write-layer"


class UnsupportedFormat(Damaged):
    """A repository that a newer layerctl made."""

    name = "unsupported-format"
    default_hint = "upgrade layerctl"


class MachineLacks(LayerctlError):
    """This machine cannot do it as it is."""

    exit_code = 6
    name = "machine-lacks"
    default_hint = "'layerctl doctor' shows what this machine can do"


class NoPrivilege(MachineLacks):
    """The operation needs privileges that the process does not have."""

    name = "no-privilege"
    default_hint = "run it as root, e.g. with sudo"


class NoRuntime(MachineLacks):
    """No OCI runtime was found."""

    name = "no-runtime"
    default_hint = "install runc or crun, e.g. 'apt-get install runc'"


class NoKernelFeature(MachineLacks):
    """The kernel is without a needed feature."""

    name = "no-kernel-feature"


class NoSpace(MachineLacks):
    """The disk or the quota is full."""

    name = "no-space"
    default_hint = "free some space and run the same command again"


class RuntimeFailed(MachineLacks):
    """The OCI runtime could not start the container."""

    name = "runtime-failed"


class Unfinished(MachineLacks):
    """An operation is recorded, so it has happened, but the disk refused a part of it."""

    name = "unfinished"
    default_hint = "free some space, or see what is wrong with the disk; the next command finishes it"
