"""Shell completion: verbs, options and names. Loads the module of the verb at hand, and never a repository."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import typer.main

from layerctl.cli.app import WHEN, app
from layerctl.cli.known import Known
from layerctl.cli.parsing import Subverbs
from layerctl.cli.verbs import VERBS
from layerctl.errors import LayerctlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from layerctl.cli.session import Session

#: Per shell, a script for its start-up file.
SCRIPTS = {
    "bash": """\
_layerctl() {
    local IFS=$'\\n'
    COMPREPLY=($(_LAYERCTL_COMPLETE=bash "${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o bashdefault -F _layerctl layerctl
""",
    "zsh": """\
#compdef layerctl
_layerctl() {
    local -a found
    found=("${(@f)$(_LAYERCTL_COMPLETE=zsh "${words[1]}" "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then
        _describe layerctl found
    else
        _files
    fi
}
if [[ "${funcstack[1]}" == _layerctl ]]; then
    _layerctl "$@"
else
    compdef _layerctl layerctl
fi
""",
    "fish": """\
function __layerctl_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    env _LAYERCTL_COMPLETE=fish $before "$current" 2>/dev/null
end
complete -c layerctl -a '(__layerctl_complete)'
""",
}

#: Arguments that are revisions, as the help calls them.
_REVISIONS = {"REV", "BAD", "GOOD", "RANGE", "REV[:PATH]", "REV PATH", "PATTERN REV"}
#: What may stand before a revision: the other end of a range, ``^``.
_BEFORE = re.compile(r".*\.\.\.?|\^")
_NOTHING = Known(None)

_VALUES = {"--color": WHEN, "--network": ("none", "host")}

Candidate = tuple[str, str]

#: Groups look nothing up in a context.
_NOBODY: Any = None


def complete(session: Session, shell: str) -> None:
    """Prints candidates for the last word, as a shell wants them."""
    words = session.words or ("",)
    for name, description in candidates(words, _known(session, words)):
        session.out.line(_format(shell, name, description))


def _known(session: Session, words: Sequence[str]) -> Known:
    """The repository that the command line is about."""
    for option, value in pairwise(words):
        if option == "-C":
            with suppress(OSError):
                os.chdir(value)
        elif option == "--repo":
            session.repo = value
    try:
        return Known.around(session.start())
    except (LayerctlError, OSError):
        return Known(None)


def candidates(words: Sequence[str], known: Known = _NOTHING) -> Iterator[Candidate]:
    """What the last word can become, with a short description.

    Args:
        words: of the command line without the program's name, up to and with the word at the cursor.
        known: names of the repository.
    """
    *before, current = words
    if "--" in before:
        return
    command, taken = _command(before)
    if before and (values := _VALUES.get(before[-1])):
        found: Iterator[Candidate] = ((value, "") for value in values)
    elif before and (names := _option_values(command, before[-1], known)):
        found = names
    elif before and before[-1].startswith("-") and _takes_value(command, before[-1]):
        return
    elif current.startswith("-"):
        found = _options(command)
    else:
        found = _words(command, taken, before, current, known)
    yield from ((name, text) for name, text in found if name.startswith(current))


def _command(before: Sequence[str]) -> tuple[Any, int]:
    """The innermost verb that is named, and how many arguments of it are there already."""
    command: Any = typer.main.get_command(app)
    taken, skip = 0, False
    for word in before:
        if skip or word.startswith("-"):
            skip = not skip and _takes_value(command, word)
        elif isinstance(command, Subverbs):
            command = command.get_command(_NOBODY, word) or command
        else:
            taken += 1
    return command, taken


def _takes_value(command: Any, word: str) -> bool:
    return any(word in param.opts and not param.is_flag for param in command.params if hasattr(param, "is_flag"))


def _options(command: Any) -> Iterator[Candidate]:
    for param in command.params:
        if param.param_type_name == "option":
            yield from ((name, param.help or "") for name in (*param.opts, *param.secondary_opts))
    yield "--help", "Show this message and exit."


def _option_values(command: Any, option: str, known: Known) -> Iterator[Candidate] | None:
    if option in ("-w", "--worktree"):
        return _named(known.worktrees(), "worktree")
    metavar = next((param.metavar for param in command.params if option in param.opts), None)
    return _revisions(known) if metavar == "REV" else None


def _named(names: Iterable[str], what: str) -> Iterator[Candidate]:
    return ((name, what) for name in names)


def _revisions(known: Known, prefix: str = "") -> Iterator[Candidate]:
    branches, tags = set(known.branches()), set(known.tags())
    for name in known.revisions():
        yield prefix + name, "branch" if name in branches else "tag" if name in tags else ""


def _words(command: Any, taken: int, before: Sequence[str], current: str, known: Known) -> Iterator[Candidate]:
    if isinstance(command, Subverbs):
        for name in command.list_commands(_NOBODY):
            yield name, VERBS[name].summary if name in VERBS else ""
        return
    match _argument(command, taken):
        case "SHELL":
            yield from ((shell, "") for shell in SCRIPTS)
        case "REF":
            yield from _named([*known.revisions()[:1], *known.branches()], "")
        case "NAME":
            yield from _of_name(command, before, known)
        case metavar if metavar in _REVISIONS and (metavar != "PATTERN REV" or taken):
            end = _BEFORE.match(current)
            yield from _revisions(known, end[0] if end else "")


def _argument(command: Any, taken: int) -> str | None:
    """What the next argument is called in the help."""
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    if not arguments or (taken >= len(arguments) and arguments[-1].nargs != -1):
        return None
    metavar: str | None = arguments[min(taken, len(arguments) - 1)].metavar
    return metavar


def _of_name(command: Any, before: Sequence[str], known: Known) -> Iterator[Candidate]:
    """Names of things that are there; a new one is for the user to think of."""
    deletes = bool({"-d", "-D", "--delete", "-f", "--force"}.intersection(before))
    if "hook" in before and command.name in ("run", "enable", "disable"):
        yield from _named(known.hooks(), "")
    elif "worktree" in before and command.name == "remove":
        yield from _named([name for name in known.worktrees() if name != "default"], "")
    elif command.name == "branch" and deletes:
        yield from _named(known.branches(), "")
    elif command.name == "tag" and deletes:
        yield from _named(known.tags(), "")


def _format(shell: str, name: str, description: str) -> str:
    if not description or shell == "bash":
        return name
    if shell == "zsh":
        escaped = name.replace(":", "\\:")
        return f"{escaped}:{description}"
    return f"{name}\t{description}"
