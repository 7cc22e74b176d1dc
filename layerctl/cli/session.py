"""One run of the command line: what was asked for, and the repository it is about."""

from __future__ import annotations

import functools
import inspect
import os
import pwd
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from layerctl.cli.text import readable
from layerctl.errors import RepositoryNotFound
from layerctl.model.commit import Author
from layerctl.model.progress import Progress, silent
from layerctl.values import field, record

if TYPE_CHECKING:
    from layerctl.cli.output import Output
    from layerctl.cli.settings import Settings
    from layerctl.ops.repository import Repository

_DOT = ".layerctl"
_LONGEST_COMMAND = 400

Parameters = ParamSpec("Parameters")


@record
class Session:
    """What every verb gets.

    Attributes:
        settings: the environment.
        words: the command line, without the program's name.
        out: where output goes, and in which form.
        verb: the verb, once it is known.
        worktree: as ``-w`` names it.
        repo: as ``--repo`` names it.
        paths: what follows ``--``; None without it.
        started: when, seconds since the epoch.
    """

    settings: Settings
    words: tuple[str, ...]
    out: Output
    verb: str | None = None
    worktree: str | None = None
    repo: str | None = None
    paths: list[str] | None = None
    started: float = field(default_factory=time.time)

    def repository(self, *, progress: bool = True) -> Repository:
        """Opens the repository, which finishes whatever a crash interrupted.

        Args:
            progress: show a bar when it takes long.
        """
        from layerctl.ops.repository import Repository  # noqa: PLC0415 (pygit2 is slow to load)

        return Repository.open(
            self.start(),
            worktree=self.worktree or self.settings.worktree,
            author=self.author(),
            progress=self.progress() if progress else silent,
            search_path=self.settings.search_path,
            command=self.command,
            say=self.out.hook,
            holders=self.settings.holders,
            git_config=self.settings.git_config,
        )

    def start(self) -> Path:
        """Where the search for the repository begins."""
        named = self.repo or self.settings.repository
        here = Path.cwd()
        if named is None:
            return here
        folder = Path(named).resolve()
        top = folder.parent if folder.name == _DOT else folder
        if not (top / _DOT).is_dir():
            raise RepositoryNotFound(f"not a layerctl repository: {readable(named)}")
        return here if here.is_relative_to(top) and not _another_between(here, top) else top

    def author(self) -> Author | None:
        """Who the environment says that we are; None if it says nothing."""
        name, email = self.settings.author_name, self.settings.author_email
        if name is None and email is None:
            return None
        return Author(name or _user_name(), email or f"{_user_name()}@{os.uname().nodename}")

    def progress(self) -> Progress:
        """A progress bar, where there is somebody to look at it."""
        return self.out.progress() if self.out.shows_progress else silent

    @property
    def command(self) -> str:
        """What was typed, for the operation log; ``-e NAME=value`` of ``run`` may be a secret and stays out."""
        words = ["layerctl", *(self.words if self.verb != "run" else ("run",))]
        text = readable(shlex.join(words))
        return text if len(text) <= _LONGEST_COMMAND else text[: _LONGEST_COMMAND - 1] + "…"


def _another_between(here: Path, top: Path) -> bool:
    between = (folder for folder in (here, *here.parents) if folder != top and folder.is_relative_to(top))
    return any((folder / _DOT).is_dir() for folder in between)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _shared(
    shared_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    shared_quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say only what was asked for.")] = False,
    shared_worktree: Annotated[
        str | None, typer.Option("-w", "--worktree", metavar="NAME", help="The worktree to work on.")
    ] = None,
) -> None:
    """The options that are understood before and after a verb; only the signature matters."""


def takes_session(function: Callable[Concatenate[Session, Parameters], int | None]) -> Callable[..., int]:
    """Makes a typer command of a function: adds the shared options, passes the session, returns an exit status."""

    @functools.wraps(function)
    def command(
        ctx: typer.Context, shared_json: bool, shared_quiet: bool, shared_worktree: str | None, **values: Any
    ) -> int:
        session: Session = ctx.obj
        session.out.json = session.out.json or shared_json
        session.out.quiet = session.out.quiet or shared_quiet
        session.worktree = shared_worktree or session.worktree
        return function(session, **values) or 0  # type: ignore[call-arg]

    command.__signature__ = _signature(function)  # type: ignore[attr-defined]
    command.__annotations__ = {}
    del command.__wrapped__
    return command


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared = inspect.signature(_shared, eval_str=True).parameters.values()
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    return inspect.Signature([parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in (context, *own, *shared)])
