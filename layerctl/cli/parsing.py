"""Typer's commands and groups in layerctl's own manner: plain values, readable help, paths after ``--``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from layerctl.cli.quick import spell_out, split_at_dashes
from layerctl.errors import UsageError

#: Parameters that each verb has beside its own; they end the list of options in its help.
SHARED = ("shared_json", "shared_quiet", "shared_worktree", "help")


class PlainValues:
    """Takes strings as they are, and whole numbers.

    Typer would build a pydantic validator for each parameter, which costs more time than ``layerctl log`` has.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter from its text."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if param.type_descriptor.annotation is int:
            return _whole_number(value, param, ctx)
        return value


def _whole_number(text: Any, param: Any, ctx: Any) -> int:
    try:
        return int(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is not a whole number", ctx=ctx, param=param) from exc


def _take_plain_values(params: Iterable[Any]) -> None:
    for param in params:
        if hasattr(param, "_runtime_param"):
            param._runtime_param = PlainValues()


class _PlainHelp:
    """The help option takes plain values as well."""

    def get_help_option(self, ctx: Any) -> Any:
        """``-h``, ``--help``."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        _take_plain_values([option])
        return option


class Verb(_PlainHelp, TyperCommand):
    """One verb.

    Attributes:
        usage: its arguments, where they are not as declared.
    """

    usage: tuple[str, ...] = ()

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        _take_plain_values(self.params)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``[OPTIONS]`` and the arguments as manual pages write them."""
        return ["[OPTIONS]", *(self.usage or (_usage(param) for param in _arguments(self.params)))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, the verb's own options, and those that every verb has."""
        _format_parameters(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The epilog as it is: lines of examples."""
        if self.epilog:
            formatter.write(f"\n{self.epilog.strip(chr(10))}\n")


class DashedPaths(Verb):
    """A verb whose arguments after ``--`` are paths."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Sets aside what follows ``--``."""
        before, paths = split_at_dashes(args)
        ctx.obj.paths = paths
        return super().parse_args(ctx, before)


class RevisionsAndPaths(DashedPaths):
    """The same, and its help says so; ``-5`` is ``-n 5``."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Adds the paths."""
        return [*super().collect_usage_pieces(ctx), "[-- PATH...]"]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Spells numbers out."""
        before, paths = split_at_dashes(args)
        dashed = ["--", *paths] if paths is not None else []
        return super().parse_args(ctx, [*spell_out(before), *dashed])


class CommandLine(Verb):
    """A verb that ends in a command of its own: nothing after that command's first word is ours."""

    allow_interspersed_args = False


class Subverbs(_PlainHelp, TyperGroup):
    """A verb of verbs, such as ``worktree``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.subcommand_metavar = "VERB ..."
        _take_plain_values(self.params)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the verb, or says which ones there are."""
        command = self.get_command(ctx, args[0])
        if command is None:
            raise _unknown_verb(ctx.command_path, args[0], self.list_commands(ctx))
        return args[0], command, args[1:]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Wants a verb."""
        if not args:
            raise UsageError(
                f"'{ctx.command_path}' needs a verb: {', '.join(self.list_commands(ctx))}",
                hint=f"see '{ctx.command_path} --help'",
            )
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The verbs first, then the options."""
        self.format_commands(ctx, formatter)
        _format_parameters(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One line a verb."""
        rows = [(name, command.get_short_help_str(limit=60)) for name, command in self.commands.items()]
        with formatter.section("Verbs"):
            formatter.write_dl(rows)


def _unknown_verb(where: str, name: str, known: Sequence[str]) -> UsageError:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{where} {near[0]}'?" if near else f"'{where} --help' lists the verbs"
    return UsageError(f"'{name}' is not a verb of {where}", hint=hint)


def _arguments(params: Iterable[Any]) -> list[Any]:
    return [param for param in params if param.param_type_name == "argument"]


def _usage(argument: Any) -> str:
    name = f"{argument.metavar or argument.name.upper()}{'...' if argument.nargs == -1 else ''}"
    return name if argument.required else f"[{name}]"


def _format_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    params = command.get_params(ctx)
    arguments = [(param.metavar or param.name.upper(), param.help or "") for param in _arguments(params)]
    options = [param for param in params if param.param_type_name == "option"]
    own = [param for param in options if param.name not in SHARED]
    shared = [param for param in options if param.name in SHARED]
    sections = (("Arguments", arguments), ("Options", _records(own, ctx)), ("As everywhere", _records(shared, ctx)))
    for title, rows in sections:
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def _records(options: Iterable[Any], ctx: Any) -> list[tuple[str, str]]:
    records = (option.get_help_record(ctx) for option in options)
    return [record for record in records if record is not None]
