"""What the process's environment says: the only place that looks at it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from layerctl.values import frozen

#: What ``less`` is told where the user has no LESS of his own, as Git does: quit if it fits, keep colours and screen.
_LESS = "FRX"


@frozen
class Settings:
    """The environment, read once.

    Attributes:
        repository: LAYERCTL_REPO.
        worktree: LAYERCTL_WORKTREE.
        author_name: LAYERCTL_AUTHOR_NAME.
        author_email: LAYERCTL_AUTHOR_EMAIL.
        holders: LAYERCTL_HOLDERS: process ids of the commands in whose hook this one runs.
        no_color: NO_COLOR is set, or the terminal is a dumb one.
        pager: shell command that shows long output; empty for none.
        editor: shell command that edits commit messages; None if only git's configuration knows.
        search_path: PATH, and where this program is.
        debug: LAYERCTL_DEBUG=1: show tracebacks.
        completing: the shell that asks for completions, if one does.
        git_config: Git's config files of the user and the system, the strongest first; see git-config(1), "FILES".
        environment: all of it, for pager and editor.
    """

    repository: str | None
    worktree: str | None
    author_name: str | None
    author_email: str | None
    holders: tuple[int, ...]
    no_color: bool
    pager: str
    editor: str | None
    search_path: str | None
    debug: bool
    completing: str | None
    git_config: tuple[Path, ...]
    environment: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Reads the variables; an empty one counts as unset."""
        env = dict(os.environ if environment is None else environment)
        return cls(
            repository=env.get("LAYERCTL_REPO") or None,
            worktree=env.get("LAYERCTL_WORKTREE") or None,
            author_name=env.get("LAYERCTL_AUTHOR_NAME") or None,
            author_email=env.get("LAYERCTL_AUTHOR_EMAIL") or None,
            holders=tuple(int(word) for word in env.get("LAYERCTL_HOLDERS", "").split() if word.isdecimal()),
            no_color=bool(env.get("NO_COLOR")) or env.get("TERM") == "dumb",
            pager=_pager(env),
            editor=_first(env, "LAYERCTL_EDITOR", "GIT_EDITOR"),
            search_path=_search_path(env.get("PATH"), sys.argv[0]),
            debug=env.get("LAYERCTL_DEBUG", "") not in ("", "0"),
            completing=env.get("_LAYERCTL_COMPLETE") or None,
            git_config=_git_config(env),
            environment=env,
        )

    @property
    def fallback_editor(self) -> str:
        """The editor where git's configuration names none (``git var GIT_EDITOR``: VISUAL, EDITOR, then vi)."""
        return _first(self.environment, "VISUAL", "EDITOR") or "vi"

    def child_environment(self) -> dict[str, str]:
        """The environment for a pager."""
        return {"LESS": _LESS, "LV": "-c", **self.environment}


def _first(env: Mapping[str, str], *names: str) -> str | None:
    return next((env[name] for name in names if env.get(name)), None)


def _search_path(path: str | None, program: str) -> str | None:
    """PATH, and at its end where this program is: a hook can call it, however it was called itself."""
    folder, name = os.path.split(program)
    if name != "layerctl" or not folder or path is None or os.path.abspath(folder) in path.split(":"):
        return path
    return f"{path}:{os.path.abspath(folder)}"


def _git_config(env: Mapping[str, str]) -> tuple[Path, ...]:
    home = env.get("HOME")
    xdg = env.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
    user = ([Path(home, ".gitconfig")] if home else []) + ([Path(xdg, "git", "config")] if xdg else [])
    return (*user, Path("/etc/gitconfig"))


def _pager(env: Mapping[str, str]) -> str:
    """As ``git var GIT_PAGER``: the first variable that is set, even if it is empty, decides."""
    command = next((env[name] for name in ("LAYERCTL_PAGER", "GIT_PAGER", "PAGER") if name in env), "less")
    return "" if command.strip() in ("", "cat") else command
