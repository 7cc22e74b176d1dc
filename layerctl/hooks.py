"""Git-style hooks: executables that a verb asks before it acts and tells afterwards.

Source of the rules: githooks(5). A hook is a file in the hooks folder with the name of its event and an executable
bit; ``NAME.sample`` is none. A ``pre-*`` or ``commit-msg`` hook that exits non-zero stops the verb.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from layerctl.errors import HookRefused

EVENTS = (
    "pre-commit",
    "commit-msg",
    "post-commit",
    "pre-checkout",
    "post-checkout",
    "pre-rollback",
    "post-rollback",
    "pre-run",
    "post-run",
    "post-import",
)
_OUTPUT_LIMIT = 64 << 10


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of one repository.

    Attributes:
        folder: where they are.
        directory: where they run.
        environment: what they find in theirs.
        seconds: how long one may take.
        say: is given each hook's output: its name and the text.
    """

    folder: Path
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    say: Callable[[str, str], None] = lambda name, text: None

    def has(self, name: str) -> bool:
        """Whether a hook is there and switched on."""
        path = self.folder / name
        return path.is_file() and os.access(path, os.X_OK)

    def run(
        self, name: str, *arguments: str, stdin: bytes = b"", old: str | None = None, new: str | None = None
    ) -> None:
        """Runs a hook if there is one.

        Args:
            name: its event.
            arguments: for its command line.
            stdin: what it may read.
            old: commit before, for ``LAYERCTL_OLD``.
            new: commit after, for ``LAYERCTL_NEW``.

        Raises:
            HookRefused: it is one that can refuse, and it exited non-zero, took too long or could not be started.
        """
        if not self.has(name):
            return
        problem = self._execute(name, arguments, stdin, {"LAYERCTL_OLD": old or "", "LAYERCTL_NEW": new or ""})
        if problem is None:
            return
        if name.startswith("post-"):
            self.say(name, problem)
            return
        raise HookRefused(f"the hook {name} {problem}", hint=f"see {self.folder / name}")

    def _execute(self, name: str, arguments: tuple[str, ...], stdin: bytes, extra: dict[str, str]) -> str | None:
        """Runs a hook to its end; returns what went wrong with it, or None."""
        try:
            child = subprocess.Popen(
                [os.fspath(self.folder / name), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**self.environment, **extra},
                start_new_session=True,
            )
        except OSError as exc:
            reason = "has no valid interpreter line" if exc.errno == errno.ENOEXEC else exc.strerror
            return f"could not be started: {reason}"
        try:
            output, _ = child.communicate(stdin, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return f"took longer than {self.seconds:g} seconds and was ended"
        text = output[:_OUTPUT_LIMIT].decode(errors="replace").rstrip("\n")
        if text:
            self.say(name, text)
        return None if child.returncode == 0 else f"refused (exit status {child.returncode})"
