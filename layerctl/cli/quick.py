"""Reading a command line that is as it should be, straight from the declarations.

Whatever is unusual (help, a mistake, an abbreviation, options run together) is left to :mod:`layerctl.cli.typed`.
What this understands, that understands in the same way.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from layerctl.cli.declare import Argument, Option
from layerctl.cli.verbs import VERBS, module_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from layerctl.cli.declare import App, Command, Parameter
    from layerctl.cli.session import Session

#: What a number of commits follows.
_COUNT = ("-n", "--max-count")


class Step(NamedTuple):
    """One of the commands that a command line names.

    Attributes:
        command: which.
        values: of its parameters, by name.
        paths: what follows ``--``, where that has a meaning of its own; None without.
    """

    command: Command
    values: dict[str, Any]
    paths: list[str] | None


class Call(NamedTuple):
    """A command line that was understood.

    Attributes:
        verb: the first verb.
        steps: the command itself, the verb, and perhaps a verb of that, with what each is given.
    """

    verb: str
    steps: tuple[Step, ...]

    def run(self, session: Session) -> int:
        """Does what it says, and returns the exit status."""
        session.verb = self.verb
        status = 0
        for command, values, session.paths in self.steps:
            status = command.run(session, values)
        return status


class _Unusual(Exception):
    """Somebody else must look at it."""


def read(root: Command, words: Sequence[str]) -> Call | None:
    """Reads a command line.

    Args:
        root: the command itself.
        words: without its name.

    Returns:
        None where it is not as it should be, or asks for what only typer can give.
    """
    try:
        values, rest = _options(root, words, stop=True)
        if not rest or rest[0] not in VERBS:
            return None
        verb, *rest = rest
        app: App = import_module(module_of(VERBS[verb])).app
        return Call(verb, (Step(root, values, None), *_verb(app, rest)))
    except _Unusual:
        return None


def _verb(app: App, words: Sequence[str]) -> Iterable[Step]:
    if app.about is None:
        return [_command(app.single, words)]
    values, rest = _options(app.group, app.rewrite(words) if app.rewrite else words, stop=True)
    if not rest or rest[0] not in app.commands:
        raise _Unusual
    return [Step(app.group, values, None), _command(app.commands[rest[0]], rest[1:])]


def _command(command: Command, words: Sequence[str]) -> Step:
    paths = None
    if command.words in ("paths", "revisions"):
        words, paths = split_at_dashes(words)
        if command.words == "revisions":
            words = spell_out(words)
    values, rest = _options(command, words, stop=command.words == "command")
    _arguments(command, rest, values)
    return Step(command, values, paths)


def split_at_dashes(words: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Words before ``--`` and after it; None where there is no ``--``."""
    if "--" not in words:
        return list(words), None
    where = list(words).index("--")
    return list(words[:where]), list(words[where + 1 :])


def spell_out(words: Sequence[str]) -> list[str]:
    """With ``-n 5`` for ``-5``; what follows ``-n`` stays what it is."""
    found: list[str] = []
    is_value = False
    for word in words:
        is_count = not is_value and word[:1] == "-" and word[1:].isdecimal()
        found += ("-n", word[1:]) if is_count else (word,)
        is_value = not is_value and word in _COUNT
    return found


def _options(command: Command, words: Sequence[str], *, stop: bool) -> tuple[dict[str, Any], list[str]]:
    """Values of the options, and what is left; from the first argument on, if there it must stop."""
    known = _names(command.parameters)
    values = {parameter.name: parameter.default for parameter in command.parameters}
    rest: list[str] = []
    coming = iter(words)
    for word in coming:
        if word == "--":
            rest += coming
        elif word[:1] != "-" or word == "-":
            rest.append(word)
            if stop:
                rest += coming
        else:
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            if name not in known or (equals and known[name][0].is_flag):
                raise _Unusual
            parameter, constant = known[name]
            given = constant if parameter.is_flag else _value(parameter, value if equals else next(coming, None))
            values[parameter.name] = [*(values[parameter.name] or ()), given] if parameter.is_many else given
    return values, rest


def _names(parameters: Iterable[Parameter]) -> dict[str, tuple[Parameter, bool]]:
    """Options by their names; of a flag, what the name makes of it."""
    found: dict[str, tuple[Parameter, bool]] = {}
    for parameter in parameters:
        if isinstance(parameter.declared, Option):
            for names in parameter.declared.names:
                on, _, off = names.partition("/")
                found[on] = parameter, True
                if off:
                    found[off] = parameter, False
    return found


def _value(parameter: Parameter, text: str | None) -> Any:
    declared = parameter.declared
    if text is None or (isinstance(declared, Option) and declared.choices and text not in declared.choices):
        raise _Unusual
    if not parameter.is_number:
        return text
    if not (text.isascii() and text.isdecimal()):
        raise _Unusual
    return int(text)


def _arguments(command: Command, words: Sequence[str], values: dict[str, Any]) -> None:
    """Shares words among the arguments; the last one may take many."""
    left = list(words)
    for parameter in command.own:
        if not isinstance(parameter.declared, Argument):
            continue
        if not left and parameter.required:
            raise _Unusual
        if parameter.is_many:
            values[parameter.name], left = left or parameter.default, []
        elif left:
            values[parameter.name] = _value(parameter, left.pop(0))
    if left:
        raise _Unusual
