"""What is in a hooks folder.

::

    hooks/
      pre-commit                    the hook of an event
      pre-commit.d/secrets          more hooks of it, called after that one in the order of their names
      commit-msg.sample             a sample: no hook
      pre-commit.secrets.sample     a sample that becomes pre-commit.d/secrets

Names in an ``EVENT.d`` folder are letters, digits, ``-`` and ``_``, as run-parts(8) has it, so that no editor's backup
and no ``.sample`` is ever run.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from layerctl.hooks.events import EVENTS
from layerctl.model.hook import HookState
from layerctl.values import frozen

SAMPLE = ".sample"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+\Z")
_COMMENT = re.compile(r'\s*(?:#+\s*|//+\s*|--\s+|/\*+\s*|;+\s*|")(?P<text>\w.*)|"""(?P<doc>\w.*)')
_LOOK_AT = 2048


@frozen
class HookFile:
    """A file in a hooks folder.

    Attributes:
        name: its event, or ``EVENT.NAME``; without ``.sample``.
        event: None if no event has its name.
        path: where it is.
        state: whether it is run.
    """

    name: str
    event: str | None
    path: Path
    state: HookState

    @property
    def trouble(self) -> str | None:
        """Why it is not run, if it has the name of a hook."""
        if self.state is HookState.NOT_EXECUTABLE:
            return "is not executable"
        if self.state is not HookState.BROKEN:
            return None
        return "is a symlink that leads nowhere" if not self.path.exists() else "is no regular file"

    @property
    def summary(self) -> str:
        """The first comment in it, if it begins with one."""
        try:
            with open(self.path, "rb") as file:
                lines = file.read(_LOOK_AT).decode(errors="replace").splitlines()
        except OSError:
            return ""
        first = next((line for line in lines if line.strip() and not line.startswith("#!")), "")
        found = _COMMENT.match(first)
        text = (found["text"] or found["doc"] or "") if found else ""
        return text.partition(". ")[0].removesuffix('"""').rstrip(".")


def read_folder(folder: Path) -> list[HookFile]:
    """Everything in a hooks folder that is a hook, could be one, or was meant to be one; sorted by name."""
    found = [*_top(folder), *(hook for event in EVENTS for hook in _more(folder, event))]
    return sorted(found, key=lambda hook: (hook.event or "~", hook.name, hook.path))


def hooks_of_event(folder: Path, event: str) -> list[HookFile]:
    """An event's hooks in the order in which they are called, those included that cannot be called."""
    path = folder / event
    first = [HookFile(event, event, path, _state(path))] if os.path.lexists(path) else []
    return [*first, *_more(folder, event)]


def is_sample(path: Path) -> bool:
    """Whether a file is a sample by its name."""
    return path.name.endswith(SAMPLE)


def place_of(folder: Path, name: str) -> Path:
    """Where the hook ``EVENT`` or ``EVENT.NAME`` has to be in order to run."""
    event, dot, rest = name.partition(".")
    return folder / f"{event}.d" / rest if dot else folder / event


def sample_of(folder: Path, name: str) -> Path:
    """Where the sample of that hook is."""
    return folder / f"{name}{SAMPLE}"


def _top(folder: Path) -> Iterator[HookFile]:
    for path in _children(folder):
        if is_sample(path):
            name = path.name.removesuffix(SAMPLE)
            event = _event_of(name)
            if event is not None:
                yield HookFile(name, event, path, HookState.SAMPLE)
        elif path.name in EVENTS:
            yield HookFile(path.name, path.name, path, _state(path))
        elif _looks_like_a_hook(path):
            yield HookFile(path.name, None, path, HookState.UNKNOWN)


def _looks_like_a_hook(path: Path) -> bool:
    """An executable under a name that no event has: a slip of the pen, such as ``precommit``."""
    return _PLAIN.match(path.name) is not None and _state(path) is HookState.ACTIVE


def _event_of(name: str) -> str | None:
    event, dot, rest = name.partition(".")
    is_known = event in EVENTS and (not dot or _PLAIN.match(rest) is not None)
    return event if is_known else None


def _more(folder: Path, event: str) -> list[HookFile]:
    return [
        HookFile(f"{event}.{path.name}", event, path, _state(path))
        for path in _children(folder / f"{event}.d")
        if _PLAIN.match(path.name)
    ]


def _children(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _state(path: Path) -> HookState:
    """Git's rule: a hook is what access(2) calls executable."""
    try:
        mode = path.stat().st_mode
    except OSError:  # leads nowhere, or in a circle
        return HookState.BROKEN
    if not stat.S_ISREG(mode):
        return HookState.BROKEN
    return HookState.ACTIVE if os.access(path, os.X_OK) else HookState.NOT_EXECUTABLE
