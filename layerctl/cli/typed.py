"""Reading any command line with typer, from the same declarations: help, and what is wrong with what was typed."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.main

from layerctl import __version__
from layerctl.cli.app import ROOT
from layerctl.cli.declare import App, Command, Option, Parameter
from layerctl.cli.parsing import CommandLine, DashedPaths, RevisionsAndPaths, Subverbs, Verb
from layerctl.cli.text import one_line
from layerctl.cli.verbs import SECTIONS, VERBS, module_of
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from layerctl.cli.session import Session

    #: Does what a command is there for.
    Run = Callable[[Command, Session, Mapping[str, Any]], int]

#: For every ``typer.Typer`` here: completion, help and errors are layerctl's own.
_APP: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}

_CLASSES = {"plain": Verb, "paths": DashedPaths, "revisions": RevisionsAndPaths, "command": CommandLine}


class Verbs(Subverbs):
    """All verbs. Each one's module is imported when it is named, not before."""

    run: Run = staticmethod(Command.run)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Without any word: the help, and the exit status of a wrong call."""
        if not args:
            typer.echo(self.get_help(ctx), err=True)
            raise typer.Exit(UsageError.exit_code)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the verb, and notes its name for error messages."""
        found = super().resolve_command(ctx, args)
        ctx.obj.verb = args[0]
        return found

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, as the table has them."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Loads one."""
        if cmd_name not in VERBS:
            return None
        command = _typed(import_module(module_of(VERBS[cmd_name])).app, self.run)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table of verbs, by section; loads none of them."""
        width = max(len(name) for name in VERBS)
        for title, verbs in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(verb.name.ljust(width), verb.summary) for verb in verbs])


def run_typed(session: Session) -> int:
    """Does what the command line says.

    Returns:
        The exit status.

    Raises:
        UsageError: it makes no sense.
        LayerctlError: it could not be done.
    """
    group = command_line()
    try:
        with group.make_context("layerctl", list(session.words), obj=session) as ctx:
            result = group.invoke(ctx)
    except typer.Exit as exc:
        return exc.exit_code
    except typer.TyperException as exc:
        raise _wrong(exc, session) from exc
    return int(result or 0)


def command_line(run: Run = Command.run) -> Any:
    """The whole command line as a typer group.

    Args:
        run: what is called instead of a command.
    """
    kind = type("Verbs", (Verbs,), {"run": staticmethod(run)})
    app = typer.Typer(cls=kind, context_settings={"help_option_names": ["-h", "--help"]}, **_APP)
    app.callback()(_function(ROOT, run))
    return typer.main.get_command(app)


def _typed(app: App, run: Run) -> Any:
    """A verb, or a verb of verbs, as typer has it."""
    made = typer.Typer(cls=_rewriting(app), **_APP) if app.about is not None else typer.Typer(**_APP)
    if app.about is not None:
        made.callback(help=app.about)(_function(app.group, run))
    for name, command in app.commands.items():
        kind = type("Verb", (_CLASSES[command.words],), {"usage": command.usage})
        made.command(name, cls=kind, epilog=command.epilog)(_function(command, run))
    return typer.main.get_command(made)


def _rewriting(app: App) -> type[Subverbs]:
    if app.rewrite is None:
        return Subverbs
    rewrite = app.rewrite

    class Rewriting(Subverbs):
        """Puts the verb in that was left out."""

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            return super().parse_args(ctx, list(rewrite(args)))

    return Rewriting


def _function(command: Command, run: Run) -> Callable[..., int]:
    """A function with the signature that typer wants to see."""

    def function(ctx: typer.Context, **values: Any) -> int:
        return run(command, ctx.obj, values)

    kind = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("ctx", kind, annotation=typer.Context)
    function.__signature__ = inspect.Signature([context, *map(_parameter, command.parameters)])  # type: ignore[attr-defined]
    function.__annotations__ = {}
    function.__doc__ = command.function.__doc__
    return function


def _parameter(parameter: Parameter) -> inspect.Parameter:
    declared = parameter.declared
    typed: Any
    if isinstance(declared, Option):
        is_version = declared.names == ("--version",)
        typed = typer.Option(
            *declared.names,
            metavar=declared.metavar,
            help=declared.help,
            show_default=declared.show_default,
            is_eager=is_version,
            callback=_print_version if is_version else _check(declared.choices) if declared.choices else None,
        )
    else:
        typed = typer.Argument(metavar=declared.metavar, help=declared.help)
    default = inspect.Parameter.empty if parameter.required else parameter.default
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[parameter.hint, typed], default=default
    )


def _check(choices: tuple[str, ...]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in choices:
            raise typer.BadParameter(f"{value!r} is none of {', '.join(choices)}")
        return value

    return check


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"layerctl {__version__}")
        raise typer.Exit
    return wanted


def _wrong(exc: typer.TyperException, session: Session) -> UsageError:
    ctx = getattr(exc, "ctx", None)
    where = ctx.command_path if ctx is not None else f"layerctl {session.verb}" if session.verb else "layerctl"
    text = one_line(exc.format_message()).rstrip(".")
    return UsageError(text[:1].lower() + text[1:], hint=f"see '{where} --help'")
