"""A pager, as Git uses one."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType


class Pager:
    """Feeds a pager; leaving the block waits for it.

    A user who quits it early ends the block with BrokenPipeError, which is no error; Ctrl-C belongs to the pager.

    Args:
        command: for the shell.
        environment: for the pager.
    """

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            command, shell=True, env=environment, stdin=subprocess.PIPE, encoding="utf-8", errors="surrogateescape"
        )

    def write(self, text: str) -> None:
        """Shows text."""
        assert self._child.stdin is not None
        self._child.stdin.write(text)

    def __enter__(self) -> Pager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> bool:
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        self._wait()
        return kind is not None and issubclass(kind, BrokenPipeError | KeyboardInterrupt)

    def _wait(self) -> None:
        while self._child.returncode is None:
            with suppress(KeyboardInterrupt):
                self._child.wait()
