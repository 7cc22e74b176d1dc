"""Shell completion: verbs, options and names. Loads the module of the verb at hand, and never a repository."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING

from layerctl.cli.app import ROOT
from layerctl.cli.declare import Argument, Option
from layerctl.cli.known import Known
from layerctl.cli.verbs import VERBS, module_of
from layerctl.errors import LayerctlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from layerctl.cli.declare import App, Command
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

Candidate = tuple[str, str]


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
    place = _place(before)
    if before and (option := place.option(before[-1])) is not None and option.metavar is not None:
        found = _values(option, known)
    elif current.startswith("-"):
        found = _options(place.command)
    elif place.verbs:
        found = iter(place.verbs.items())
    else:
        found = _words(place, before, current, known)
    yield from ((name, text) for name, text in found if name.startswith(current))


class _Place:
    """Where on a command line the cursor is.

    Attributes:
        name: the innermost verb; empty for layerctl itself.
        command: what it takes.
        verbs: the verbs that can follow, each with a short description.
        taken: how many arguments are there already.
    """

    def __init__(self) -> None:
        self.name = ""
        self.command: Command = ROOT
        self.verbs: Mapping[str, str] = {name: verb.summary for name, verb in VERBS.items()}
        self.taken = 0
        self._app: App | None = None

    def option(self, name: str) -> Option | None:
        """What is declared of an option."""
        return next((option for option in _declared(self.command) if name in _names(option)), None)

    def enter(self, word: str) -> None:
        """Goes past a word that is no option."""
        if word not in self.verbs:
            self.taken += not self.verbs
            return
        self.name = word
        if self._app is not None:
            self.command, self.verbs = self._app.commands[word], {}
            return
        app: App = import_module(module_of(VERBS[word])).app
        if app.about is None:
            self.command, self.verbs = app.single, {}
        else:
            self._app, self.command, self.verbs = app, app.group, dict.fromkeys(app.commands, "")


def _place(before: Sequence[str]) -> _Place:
    place, skip = _Place(), False
    for word in before:
        if skip or word.startswith("-"):
            option = None if skip else place.option(word)
            skip = option is not None and option.metavar is not None
        else:
            place.enter(word)
    return place


def _declared(command: Command) -> Iterator[Option]:
    return (item.declared for item in command.parameters if isinstance(item.declared, Option))


def _names(option: Option) -> list[str]:
    return [name for names in option.names for name in names.split("/")]


def _options(command: Command) -> Iterator[Candidate]:
    for option in _declared(command):
        yield from ((name, option.help) for name in _names(option))
    yield "--help", "Show this message and exit."


def _values(option: Option, known: Known) -> Iterator[Candidate]:
    """What the value of an option can be; nothing where that is not known."""
    if option.choices:
        yield from _named(option.choices, "")
    elif "--worktree" in option.names:
        yield from _named(known.worktrees(), "worktree")
    elif option.metavar == "REV":
        yield from _revisions(known)


def _named(names: Iterable[str], what: str) -> Iterator[Candidate]:
    return ((name, what) for name in names)


def _revisions(known: Known, prefix: str = "") -> Iterator[Candidate]:
    branches, tags = set(known.branches()), set(known.tags())
    for name in known.revisions():
        yield prefix + name, "branch" if name in branches else "tag" if name in tags else ""


def _words(place: _Place, before: Sequence[str], current: str, known: Known) -> Iterator[Candidate]:
    match _argument(place):
        case "SHELL":
            yield from ((shell, "") for shell in SCRIPTS)
        case "REF":
            yield from _named([*known.revisions()[:1], *known.branches()], "")
        case "NAME":
            yield from _of_name(place.name, before, known)
        case metavar if metavar in _REVISIONS and (metavar != "PATTERN REV" or place.taken):
            end = _BEFORE.match(current)
            yield from _revisions(known, end[0] if end else "")


def _argument(place: _Place) -> str | None:
    """What the next argument is called in the help."""
    arguments = [item for item in place.command.own if isinstance(item.declared, Argument)]
    if not arguments or (place.taken >= len(arguments) and not arguments[-1].is_many):
        return None
    return arguments[min(place.taken, len(arguments) - 1)].declared.metavar


def _of_name(verb: str, before: Sequence[str], known: Known) -> Iterator[Candidate]:
    """Names of things that are there; a new one is for the user to think of."""
    deletes = bool({"-d", "-D", "--delete", "-f", "--force"}.intersection(before))
    if "hook" in before and verb in ("run", "enable", "disable"):
        yield from _named(known.hooks(), "")
    elif "worktree" in before and verb == "remove":
        yield from _named([name for name in known.worktrees() if name != "default"], "")
    elif verb == "branch" and deletes:
        yield from _named(known.branches(), "")
    elif verb == "tag" and deletes:
        yield from _named(known.tags(), "")


def _format(shell: str, name: str, description: str) -> str:
    if not description or shell == "bash":
        return name
    if shell == "zsh":
        escaped = name.replace(":", "\\:")
        return f"{escaped}:{description}"
    return f"{name}\t{description}"
