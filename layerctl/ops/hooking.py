"""How verbs call hooks."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

from layerctl.errors import UsageError
from layerctl.hooks import Hooks
from layerctl.model.change import Change
from layerctl.ops.context import Context
from layerctl.ops.status import uncommitted


def hooks_of(context: Context) -> Hooks:
    """The hooks of a repository, ready to run for its worktree."""
    git = context.store.git
    folder = git.config_get("core.hooksPath")
    root = context.layout.root
    environment = {
        "PATH": context.search_path,
        "LANG": "C.UTF-8",
        "HOME": "/root" if os.geteuid() == 0 else "/",
        "LAYERCTL_REPO": str(root),
        "LAYERCTL_WORKTREE": context.worktree.name,
        "LAYERCTL_ROOTFS": str(context.worktree.mountpoint),
        "LAYERCTL_HOOK": "1",
    }
    return Hooks(
        folder=root.parent / folder if folder else context.layout.hooks,
        directory=root.parent,
        environment=environment,
        seconds=_seconds(git.config_get("hooks.timeout")),
        say=context.say,
    )


def offer_changes(context: Context, hooks: Hooks) -> None:
    """Lets ``pre-commit`` see, and refuse, the changes: one JSON document a line on its standard input."""
    if not hooks.has("pre-commit"):
        return
    lines = [json.dumps(change_document(change)) for change in uncommitted(context)]
    head = context.head()
    hooks.run("pre-commit", stdin="".join(line + "\n" for line in lines).encode(), old=head.hex if head else None)


def offer_message(context: Context, hooks: Hooks, message: str) -> str:
    """Lets ``commit-msg`` see, change or refuse the message, in a file named as its argument."""
    if not hooks.has("commit-msg"):
        return message
    with context.store.staging("message") as folder:
        path = Path(folder, "COMMIT_EDITMSG")
        path.write_text(message.rstrip("\n") + "\n", errors="surrogateescape")
        hooks.run("commit-msg", str(path))
        return path.read_text(errors="surrogateescape").rstrip("\n")


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


def _seconds(value: str | None) -> float:
    try:
        return float(value) if value else 60.0
    except ValueError as exc:
        raise UsageError(f"hooks.timeout is not a number of seconds: {value!r}") from exc
