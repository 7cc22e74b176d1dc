"""The command line: ``layerctl`` and ``python -m layerctl``.

Next to nothing is loaded here, so that Ctrl-C is quiet from the start.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes a fifth of the time that ``layerctl --version`` has
    from collections.abc import Sequence
    from typing import NoReturn

__all__ = ["main", "program"]

#: New objects between two looks for cycles; there are hardly any, and start-up makes tens of thousands of objects.
_BETWEEN_COLLECTIONS = 50_000


def program() -> NoReturn:
    """The process from beginning to end: runs its command line.

    Everything is written and closed by then, so that the interpreter need not take itself apart, object by object.
    """
    gc.set_threshold(_BETWEEN_COLLECTIONS)
    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 (contextlib takes time to load)
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed, full, or not there: that was said already
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        The exit status. Whatever went wrong has been said on stderr.
    """
    words = tuple(sys.argv[1:] if arguments is None else arguments)
    try:
        if words == ("--version",) and _printed_version():
            return 0
        from layerctl.cli.command_line import run_command  # noqa: PLC0415 (an interrupt while modules load is an interrupt)

        return run_command(words)
    except KeyboardInterrupt as exc:
        return 128 + getattr(exc, "number", signal.SIGINT)
    finally:
        if arguments is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is done: only the interpreter's own end is left


def _printed_version() -> bool:
    """Whether the version could be printed; it does not take what other command lines need."""
    from layerctl import __version__  # noqa: PLC0415 (only for this)

    try:
        sys.stdout.write(f"layerctl {__version__}\n")
        sys.stdout.flush()
    except (OSError, AttributeError):
        return False  # whoever tells of failures will try again, and fail again
    return True
