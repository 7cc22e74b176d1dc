"""From an exception to a message, a hint and an exit status: the one place."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback

import typer

from layerctl.cli.text import one_line, readable
from layerctl.errors import Damaged, LayerctlError, MachineLacks, NoPrivilege, NoSpace, PathConflict, UsageError
from layerctl.values import frozen

#: ``sysexits.h``: an internal software error.
_SOFTWARE = 70

_HINTS = {
    1: "'layerctl status' shows how things are",
    2: "see 'layerctl --help'",
    3: "'layerctl log --all --oneline' and 'layerctl worktree list' show what there is",
    4: "'layerctl status' and 'layerctl worktree list' show who is at work",
    5: "nothing was changed; look for a whole copy of what is damaged",
    6: "'layerctl doctor' shows what this machine can do",
}

_HINTS_BY_NAME = {
    "path-not-found": "'layerctl show REV:DIR' lists what a directory holds",
    "ref-not-found": "'layerctl branch' and 'layerctl tag' list what there is",
    "source-not-found": "see 'layerctl import --help' for what can be imported",
}

_ERRNO: dict[int, type[LayerctlError]] = {
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EACCES: NoPrivilege,
    errno.EPERM: NoPrivilege,
    errno.EIO: Damaged,
    errno.EROFS: MachineLacks,
    errno.EMFILE: MachineLacks,
    errno.ENFILE: MachineLacks,
    errno.ENOMEM: MachineLacks,
}


@frozen
class Failure:
    """How a command ends that did not do its work.

    Attributes:
        name: for scripts, kebab-case.
        message: one sentence on one line.
        hint: one line on what to do.
        exit_code: the exit status.
        paths: what is in conflict, if that is what stopped it.
    """

    name: str
    message: str
    hint: str
    exit_code: int
    paths: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Two lines for people."""
        return f"layerctl: {self.message}\n{self.hint_line()}"

    def hint_line(self) -> str:
        """The second of them."""
        return f"hint: {self.hint}\n"

    def to_json(self) -> str:
        """One document for scripts."""
        document: dict[str, object] = {"error": self.name, "message": self.message, "hint": self.hint}
        document["exit_code"] = self.exit_code
        if self.paths:
            document["paths"] = [readable(path) for path in self.paths]
        return readable(json.dumps(document, ensure_ascii=False)) + "\n"


def describe(exc: BaseException, command: str = "layerctl") -> Failure:
    """Says what an exception means.

    Args:
        exc: anything but an interrupt.
        command: ``layerctl VERB``, for hints.
    """
    if isinstance(exc, LayerctlError):
        return _expected(exc, command)
    if isinstance(exc, typer.TyperException):
        return _usage(exc, command)
    if isinstance(exc, OSError):
        code = exc.errno if exc.errno is not None else _code_in(str(exc))
        if code in _ERRNO:
            return _expected(_from_os(exc, code), command)
    if isinstance(exc, MemoryError):
        return _expected(MachineLacks("there is not enough memory", hint="free some memory and try again"), command)
    return _unexpected(exc)


def _expected(exc: LayerctlError, command: str) -> Failure:
    hint = exc.hint
    if hint is None:
        general = f"see '{command} --help'" if isinstance(exc, UsageError) else _HINTS.get(exc.exit_code, _HINTS[1])
        hint = _HINTS_BY_NAME.get(exc.name, general)
    paths = exc.paths if isinstance(exc, PathConflict) else ()
    return Failure(exc.name, one_line(exc.message), one_line(hint), exc.exit_code, paths)


def _usage(exc: typer.TyperException, command: str) -> Failure:
    ctx = getattr(exc, "ctx", None)
    where = ctx.command_path if ctx is not None else command
    text = one_line(exc.format_message()).rstrip(".")
    return Failure(UsageError.name, text[:1].lower() + text[1:], f"see '{where} --help'", UsageError.exit_code)


def _code_in(text: str) -> int | None:
    """The number of an error of which a library (libgit2) gave the words alone."""
    return next((code for code in _ERRNO if os.strerror(code) in text), None)


def _from_os(exc: OSError, code: int) -> LayerctlError:
    paths = [os.fsdecode(name) for name in (exc.filename, exc.filename2) if isinstance(name, str | bytes)]
    reason = os.strerror(code) if exc.errno is not None else str(exc)
    where = f": {' → '.join(paths)}" if paths else ""
    return _ERRNO[code](f"{reason[:1].lower()}{reason[1:]}{where}")


def _unexpected(exc: BaseException) -> Failure:
    text = one_line(f"{type(exc).__name__}: {exc}").rstrip(": ")
    return Failure("internal", f"internal error: {text}", _keep_traceback(exc), _SOFTWARE)


def _keep_traceback(exc: BaseException) -> str:
    import tempfile  # noqa: PLC0415 (slow to load, and mostly not needed)

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="layerctl-", suffix=".traceback", delete=False, errors="backslashreplace"
        ) as file:
            file.write(f"layerctl {' '.join(sys.argv[1:])}\n")
            traceback.print_exception(exc, file=file)
    except OSError:
        return "please report this, with what LAYERCTL_DEBUG=1 shows"
    return f"please report this; the details are in {file.name}"
