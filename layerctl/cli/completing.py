"""Shell completion: verbs and options. Loads the module of the verb at hand, and never a repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer.main

from layerctl.cli.app import WHEN, app
from layerctl.cli.parsing import Subverbs
from layerctl.cli.verbs import VERBS

if TYPE_CHECKING:
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

_VALUES = {"--color": WHEN, "--network": ("none", "host")}

Candidate = tuple[str, str]

#: Groups look nothing up in a context.
_NOBODY: Any = None


def complete(session: Session) -> bool:
    """Prints candidates for the last word if a shell asks for them; says whether it did."""
    shell = session.settings.completing
    if shell is None:
        return False
    for name, description in candidates(session.words or ("",)):
        session.out.line(_format(shell, name, description))
    return True


def candidates(words: Sequence[str]) -> Iterator[Candidate]:
    """What the last word can become, with a short description.

    Args:
        words: of the command line without the program's name, up to and with the word at the cursor.
    """
    *before, current = words
    if "--" in before:
        return
    command, taken = _command(before)
    if before and (values := _VALUES.get(before[-1])):
        found: Iterator[Candidate] = ((value, "") for value in values)
    elif current.startswith("-"):
        found = _options(command)
    else:
        found = _words(command, taken)
    yield from ((name, text) for name, text in found if name.startswith(current))


def _command(before: Sequence[str]) -> tuple[Any, bool]:
    """The innermost verb that is named, and whether arguments of it are there already."""
    command: Any = typer.main.get_command(app)
    taken, skip = False, False
    for word in before:
        if skip or word.startswith("-"):
            skip = not skip and _takes_value(command, word)
        elif isinstance(command, Subverbs):
            command = command.get_command(_NOBODY, word) or command
        else:
            taken = True
    return command, taken


def _takes_value(command: Any, word: str) -> bool:
    return any(word in param.opts and not param.is_flag for param in command.params if hasattr(param, "is_flag"))


def _options(command: Any) -> Iterator[Candidate]:
    for param in command.params:
        if param.param_type_name == "option":
            yield from ((name, param.help or "") for name in (*param.opts, *param.secondary_opts))
    yield "--help", "Show this message and exit."


def _words(command: Any, taken: bool) -> Iterator[Candidate]:
    if isinstance(command, Subverbs):
        for name in command.list_commands(_NOBODY):
            yield name, VERBS[name].summary if name in VERBS else ""
    elif command.name == "completion" and not taken:
        yield from ((shell, "") for shell in SCRIPTS)


def _format(shell: str, name: str, description: str) -> str:
    if not description or shell == "bash":
        return name
    if shell == "zsh":
        escaped = name.replace(":", "\\:")
        return f"{escaped}:{description}"
    return f"{name}\t{description}"
