"""A program that calls a runtime's ``exec --detach`` and stays until the command has ended, for its exit status.

In the foreground a runtime copies the command's output, and so goes on for as long as anything that the command left
in the background has that open. Detached, it hands on this program's own streams and ends at once; the command then
becomes a child of this process. Source: ``PR_SET_CHILD_SUBREAPER`` in ``prctl(2)``.

Run as a script, with nothing but the standard library: ``attend.py PID-FILE RUNTIME ARGUMENT…``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_CHILD_SUBREAPER = 36
_NO_CALL = 127


def attend(pid_file: str, argv: list[str]) -> int:
    """Returns the command's exit status (128+n after signal n); the runtime's own if that started none."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)  # the command gets it too, and may take its time
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("prctl failed")
    status = _wait(_call(argv))
    if status != 0:
        return status
    with open(pid_file) as file:
        return _wait(int(file.read()))


def _call(argv: list[str]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os.execv(argv[0], argv)
        finally:
            os._exit(_NO_CALL)
    return child


def _wait(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(attend(sys.argv[1], sys.argv[2:]))
