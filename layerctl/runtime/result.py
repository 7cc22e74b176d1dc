"""What became of a command: its own exit status, or why it never started.

Statuses as ``docker run``: 127 no such command, 126 it cannot be executed, 125 the container could not be made; 128+n
for a death by signal n; 124, as timeout(1), for one that took too long.
"""

from __future__ import annotations

import json
import re

from layerctl.values import frozen

_TOO_LONG = 124
_HYBRID_HINT = "crun does not work with hybrid cgroups: install runc, or unmount /sys/fs/cgroup/unified"
_PREFIX = re.compile(r"(runc|crun) \w+ failed: (unable to start container process: )?|exec failed: (.*process: )?")
#: runc 1.1: ``exec: "x": executable file not found in $PATH``, ``exec: "/x": stat /x: no such file or directory``;
#: crun 1.8: ``executable file `x` not found in $PATH: No such file or directory``.
_NOT_FOUND = re.compile(
    r'exec: ".*": (executable file not found|stat .*: no such file)|executable file .* not found', re.S
)
#: runc: ``exec: "/x": permission denied``; crun: ``open executable: Operation not permitted``. Either: ``chdir …``.
_NOT_EXECUTABLE = re.compile(r'exec: "|open executable|chdir', re.S)


@frozen
class RunResult:
    """How a command in a container ended.

    Attributes:
        status: exit status for whoever asked for the command, 0 to 255.
        failure: why the command never started; None if it did. The runtime has shown it on stderr as well, unless the
            container has a terminal.
        hint: what to do about ``failure``, if that is known.
        stdout: what it printed, if that was captured.
        stderr: its error output, likewise.
    """

    status: int
    failure: str | None = None
    hint: str | None = None
    stdout: bytes = b""
    stderr: bytes = b""


def ended(returncode: int | None) -> RunResult:
    """The result of a command that did start, or whose runtime was ended by a signal; None if it took too long."""
    if returncode is None:
        return RunResult(_TOO_LONG)
    return RunResult(128 - returncode if returncode < 0 else returncode)


def failed_to_start(log: str) -> RunResult:
    """The result of a command that did not start.

    Args:
        log: the runtime's log, one JSON object a line.
    """
    message = last_error(log) or "the runtime failed without a message"
    hint = _HYBRID_HINT if "hybrid" in message else None
    if _NOT_FOUND.search(message):
        return RunResult(127, message, hint)
    return RunResult(126 if _NOT_EXECUTABLE.search(message) else 125, message, hint)


def last_error(log: str) -> str | None:
    """The last error of a log in JSON lines, without the runtime's framing; None if there is none."""
    for line in reversed(log.splitlines()):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("level") in ("error", "fatal") and record.get("msg"):
            return _PREFIX.sub("", str(record["msg"]), count=1).strip()
    return None
