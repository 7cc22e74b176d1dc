"""How verbs call hooks."""

from __future__ import annotations

import json
import math
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import UsageError
from layerctl.hooks import Hooks
from layerctl.model.operation import Operation, RefMove

if TYPE_CHECKING:
    from layerctl.model.change import Change
    from layerctl.ops.context import Context

_NONE = "0" * 40
_FALSE = {"false", "no", "off", "0"}
_SECONDS = 60.0


def hooks_of(context: Context, rootfs: Path | None = None) -> Hooks:
    """The hooks of a repository, ready to run for its worktree.

    Args:
        context: whose.
        rootfs: the mount point of a worktree that is only just made.
    """
    git = context.store.git
    root = context.layout.root
    environment = {
        "PATH": context.search_path,
        "LANG": "C.UTF-8",
        "HOME": "/root" if os.geteuid() == 0 else "/",
        "LAYERCTL_REPO": str(root),
        "LAYERCTL_WORKTREE": context.worktree.name,
        "LAYERCTL_ROOTFS": str(rootfs or _mountpoint(context)),
        "LAYERCTL_AUTHOR_NAME": context.author.name,
        "LAYERCTL_AUTHOR_EMAIL": context.author.email,
    }
    return Hooks(
        folder=hooks_folder(context),
        directory=root.parent,
        environment=environment,
        seconds=time_limit(context),
        say=context.say,
        advise=(git.config_get("advice.ignoredHook") or "true").lower() not in _FALSE,
        holders=context.store.holders,
    )


def _mountpoint(context: Context) -> Path | str:
    """Where the worktree is mounted; empty while it is being made."""
    return context.worktree.mountpoint if context.worktree.exists else ""


def hooks_folder(context: Context) -> Path:
    """Where the hooks of a repository are."""
    configured = context.store.git.config_get("core.hooksPath")
    return context.layout.root.parent / configured if configured else context.layout.hooks


def time_limit(context: Context) -> float:
    """How many seconds a hook may take.

    Raises:
        UsageError: the configured value is none.
    """
    value = context.store.git.config_get("hooks.timeout")
    try:
        seconds = float(value) if value else _SECONDS
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(
            f"hooks.timeout must be a number of seconds above 0, not {value!r}",
            hint="'layerctl config hooks.timeout 60' sets the default",
        )
    return seconds


def offer_changes(context: Context, hooks: Hooks) -> None:
    """Lets ``pre-commit`` see, and refuse, the changes: one JSON document a line on its standard input.

    Each hook gets them as they are when it starts: the one before it may have changed the rootfs.
    """
    head = context.head()
    hooks.run("pre-commit", stdin=lambda: change_lines(context), old=head.hex if head else None)


def change_lines(context: Context) -> bytes:
    """What differs from HEAD, one JSON document a line."""
    from layerctl.ops.status import uncommitted  # noqa: PLC0415 - only for a hook that there is

    return lines_of(uncommitted(context))


def lines_of(changes: Iterable[Change]) -> bytes:
    """Changes as hooks get them: one JSON document a line."""
    return "".join(f"{json.dumps(change_document(change))}\n" for change in changes).encode()


def offer_message(context: Context, hooks: Hooks, message: str) -> str:
    """Lets ``commit-msg`` see, change or refuse the message, in a file named as its argument."""
    if not hooks.of("commit-msg"):
        return message
    with message_file(context, message) as path:
        hooks.run("commit-msg", str(path))
        return path.read_text(errors="surrogateescape").rstrip("\n")


@contextmanager
def message_file(context: Context, message: str) -> Iterator[Path]:
    """A file that holds a commit message for as long as a hook works on it."""
    with context.store.staging("message") as folder:
        path = folder / "COMMIT_EDITMSG"
        path.write_text(message.rstrip("\n") + "\n", errors="surrogateescape")
        yield path


@contextmanager
def transaction(context: Context, operation: Operation) -> Iterator[None]:
    """Asks ``reference-transaction`` before an operation that moves refs is made, and tells it afterwards.

    Called under the repository's apply lock, as Git calls it with the refs locked: what the hook was shown is what
    happens.
    """
    moves = [move for move in operation.moves if isinstance(move, RefMove)]
    hooks = hooks_of(context) if moves else None
    if hooks is None or not hooks.of("reference-transaction"):
        yield
        return
    lines = "".join(f"{move.old or _NONE} {move.new or _NONE} {move.ref}\n" for move in moves).encode()
    hooks.run("reference-transaction", "prepared", stdin=lines)
    try:
        yield
    except BaseException:
        if not context.store.journal.has_pending:  # otherwise it has happened, and is finished later
            hooks.notify("reference-transaction", "aborted", stdin=lines)
        raise
    hooks.notify("reference-transaction", "committed", stdin=lines)


def change_document(change: Change) -> dict[str, object]:
    """A change as hooks and ``--json`` show it; see ``docs/json.md``."""
    document: dict[str, object] = {
        "kind": change.kind.value,
        "path": change.path.decode(errors="replace"),
        "what": [aspect.value for aspect in change.what],
        "old_size": change.old.size if change.old is not None else None,
        "new_size": change.new.size if change.new is not None else None,
    }
    try:
        change.path.decode()
    except UnicodeDecodeError:
        document["path_b64"] = b64encode(change.path).decode()
    return document
