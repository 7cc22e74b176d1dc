"""What a verb takes: declared once beside the function that does it, and read in two ways.

A command line as it should be is read by :mod:`layerctl.cli.quick` in next to no time. Help, and what to say of any
other command line, is typer's business (:mod:`layerctl.cli.typed`), which takes longer to load than most verbs to run.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from layerctl.cli.session import Session

#: How the words of a verb are read: ``plain``; what follows ``--`` are ``paths``; so it is after ``revisions``, and
#: ``-5`` is ``-n 5``; a ``command`` of its own, nothing after whose first word is ours.
Words = Literal["plain", "paths", "revisions", "command"]

#: What ``--network`` takes.
NETWORKS = ("none", "host")

_Function = TypeVar("_Function", bound="Callable[..., int | None]")


class Option:
    """An option.

    Args:
        names: as typed; ``--on/--off`` for a flag with an opposite.
        metavar: what its value is called; None for a flag.
        help: one line.
        choices: the values that there are; any by default.
        show_default: tell the default value in the help.
    """

    __slots__ = ("choices", "help", "metavar", "names", "show_default")

    def __init__(
        self,
        *names: str,
        help: str,
        metavar: str | None = None,
        choices: tuple[str, ...] = (),
        show_default: bool = True,
    ) -> None:
        self.names = names
        self.help = help
        self.metavar = metavar
        self.choices = choices
        self.show_default = show_default


class Argument:
    """An argument.

    Args:
        metavar: what it is called.
        help: one line.
    """

    __slots__ = ("help", "metavar")

    def __init__(self, *, metavar: str, help: str) -> None:
        self.metavar = metavar
        self.help = help


class Parameter:
    """An option or an argument of a function.

    Attributes:
        name: the function's name for it.
        declared: what the command line has to say of it.
        hint: its type, without the declaration.
        default: what it is where it is not given.
        required: it must be given.
    """

    __slots__ = ("declared", "default", "hint", "name", "required")

    def __init__(self, name: str, hint: Any, default: Any, *, required: bool) -> None:
        self.name = name
        self.hint = hint.__origin__
        self.declared: Option | Argument = hint.__metadata__[0]
        self.default = default
        self.required = required

    @property
    def is_flag(self) -> bool:
        """It takes no value."""
        return self.hint in (bool, bool | None)

    @property
    def is_many(self) -> bool:
        """It may be given more than once."""
        return self.hint in (list[str], list[str] | None)

    @property
    def is_number(self) -> bool:
        """Its value is a whole number."""
        return self.hint in (int, int | None)


class Command:
    """A verb, or a verb of a verb.

    Attributes:
        function: does it; takes the session and what is declared.
        words: how its words are read.
        epilog: examples for its help.
        usage: its arguments in the help, where they are not as declared.
    """

    def __init__(
        self,
        function: Callable[..., int | None],
        words: Words = "plain",
        epilog: str | None = None,
        usage: tuple[str, ...] = (),
    ) -> None:
        self.function = function
        self.words: Words = words
        self.epilog = epilog
        self.usage = usage

    @cached_property
    def own(self) -> tuple[Parameter, ...]:
        """What it takes beside what every verb takes."""
        return _parameters(self.function)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All that it takes."""
        return (*self.own, *shared())

    def run(self, session: Session, values: Mapping[str, Any]) -> int:
        """Does it.

        Args:
            session: what this run is about; the shared options are noted there.
            values: by the names of :attr:`parameters`.

        Returns:
            The exit status.
        """
        own = dict(values)
        session.out.json |= own.pop("shared_json")
        session.out.quiet |= own.pop("shared_quiet")
        session.worktree = own.pop("shared_worktree") or session.worktree
        return self.function(session, **own) or 0


class App:
    """The commands of one module: a verb, or the verbs of a verb.

    Args:
        about: the help of a verb of verbs; without it, this is one verb.
        rewrite: makes the words of a verb of verbs begin with a verb, where users may leave it out.
    """

    def __init__(
        self, about: str | None = None, rewrite: Callable[[Sequence[str]], Sequence[str]] | None = None
    ) -> None:
        self.about = about
        self.rewrite = rewrite
        self.commands: dict[str, Command] = {}
        self.group = Command(_nothing)

    def command(
        self,
        name: str | None = None,
        *,
        words: Words = "plain",
        epilog: str | None = None,
        usage: tuple[str, ...] = (),
    ) -> Callable[[_Function], _Function]:
        """Makes a function one of the commands; the name is the function's by default."""

        def add(function: _Function) -> _Function:
            self.commands[name or function.__name__] = Command(function, words, epilog, usage)
            return function

        return add

    @property
    def single(self) -> Command:
        """The one verb that it is."""
        [command] = self.commands.values()
        return command


def _nothing(session: Session) -> None:
    """A verb of verbs does nothing by itself."""


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Of a function whose annotations are text; only those of parameters that are declared are evaluated."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    first = len(names) - len(defaults)
    found = []
    for index, name in enumerate(names):
        if name != "session":
            hint = eval(function.__annotations__[name], function.__globals__)
            default = defaults[index - first] if index >= first else None
            found.append(Parameter(name, hint, default, required=index < first))
    return tuple(found)


def _shared(
    shared_json: Annotated[bool, Option("--json", help="Print one JSON document.")] = False,
    shared_quiet: Annotated[bool, Option("-q", "--quiet", help="Say only what was asked for.")] = False,
    shared_worktree: Annotated[
        str | None, Option("-w", "--worktree", metavar="NAME", help="The worktree to work on.")
    ] = None,
) -> None:
    """The options that are understood before and after a verb; only the signature matters."""


_SHARED: list[tuple[Parameter, ...]] = []


def shared() -> tuple[Parameter, ...]:
    """The options that are understood before and after a verb."""
    if not _SHARED:
        _SHARED.append(_parameters(_shared))
    return _SHARED[0]
