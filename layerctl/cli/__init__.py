"""The command line: ``layerctl`` and ``python -m layerctl``.

Next to nothing is loaded here, so that Ctrl-C is quiet from the start.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        The exit status. Whatever went wrong has been said on stderr.
    """
    try:
        from layerctl.cli.command_line import run_command  # noqa: PLC0415 (an interrupt while modules load is an interrupt)

        return run_command(arguments)
    except KeyboardInterrupt as exc:
        return 128 + getattr(exc, "number", signal.SIGINT)
    finally:
        if arguments is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is done: only the interpreter's own end is left
