"""Calling the hooks of an event."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import HookRefused
from layerctl.hooks.events import EVENTS, Event
from layerctl.hooks.folder import HookFile, hooks_of_event
from layerctl.model.hook import HookState
from layerctl.values import field, frozen

if TYPE_CHECKING:
    from layerctl.hooks.process import Ending

#: What a hook reads: bytes, or what makes them at the moment in which one starts.
Stdin = bytes | Callable[[], bytes]


@frozen
class Hooks:
    """The hooks of one repository.

    Attributes:
        folder: where they are.
        directory: where they run.
        environment: what they find in theirs, besides what depends on the event.
        seconds: how long one may take.
        say: is given each hook's output while it runs: its name and the text.
        advise: whether a hook that cannot run is worth a hint.
        holders: process ids of the commands that wait for this one, because it runs in a hook of theirs.
    """

    folder: Path
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    say: Callable[[str, str], None] = lambda name, text: None
    advise: bool = True
    holders: Sequence[int] = ()
    _advised: set[Path] = field(default_factory=set)

    def run(
        self, name: str, *arguments: str, stdin: Stdin = b"", old: str | None = None, new: str | None = None
    ) -> None:
        """Calls the hooks of an event, until one refuses.

        Args:
            name: the event.
            arguments: for their command lines.
            stdin: what they may read.
            old: commit before, for ``LAYERCTL_OLD``.
            new: commit after, for ``LAYERCTL_NEW``.

        Raises:
            HookRefused: it is an event that can be refused, and a hook exited non-zero, took too long or could not be
                started.
        """
        event = EVENTS[name]
        for hook in self.of(name):
            problem = self.call(hook, event, arguments, stdin=stdin, old=old, new=new).problem
            if problem is None:
                continue
            if event.can_refuse:
                raise HookRefused(f"the hook {hook.name} {problem}", hint=_hint(hook, event))
            self.say(hook.name, problem)

    def notify(self, name: str, *arguments: str, stdin: Stdin = b"") -> None:
        """Calls the hooks of an event that cannot be refused any more; what goes wrong is only said."""
        for hook in self.of(name):
            problem = self.call(hook, EVENTS[name], arguments, stdin=stdin).problem
            if problem is not None:
                self.say(hook.name, problem)

    def of(self, name: str) -> list[HookFile]:
        """The hooks of an event that can be called; says once of each of the others that it cannot."""
        found = hooks_of_event(self.folder, name)
        for hook in found:
            if hook.trouble is not None and self.advise and hook.path not in self._advised:
                self._advised.add(hook.path)
                self.say(hook.name, f"{hook.path} {hook.trouble} and was ignored ({_remedy(hook)})")
        return [hook for hook in found if hook.state is HookState.ACTIVE]

    def call(
        self,
        hook: HookFile,
        event: Event,
        arguments: Sequence[str],
        *,
        stdin: Stdin = b"",
        old: str | None = None,
        new: str | None = None,
    ) -> Ending:
        """Runs one hook to its end, whatever its file is called."""
        from layerctl.hooks.process import run_program  # noqa: PLC0415 - most events have no hook

        return run_program(
            [os.fspath(hook.path), *arguments],
            stdin=stdin if isinstance(stdin, bytes) else stdin(),
            directory=self.directory,
            environment=self._environment(event, old, new),
            seconds=self.seconds,
            show=lambda text: self.say(hook.name, text),
        )

    def _environment(self, event: Event, old: str | None, new: str | None) -> dict[str, str]:
        holders = [*self.holders, *([os.getpid()] if event.holds else [])]
        return {
            **self.environment,
            "LAYERCTL_HOOK": event.name,
            "LAYERCTL_OLD": old or "",
            "LAYERCTL_NEW": new or "",
            "LAYERCTL_HOLDERS": " ".join(map(str, holders)),
        }


def _hint(hook: HookFile, event: Event) -> str:
    skip = f"; {event.skipped_by} skips it" if event.skipped_by else ""
    return f"nothing was changed; the hook is {hook.path}{skip}"


def _remedy(hook: HookFile) -> str:
    if hook.state is HookState.NOT_EXECUTABLE:
        return f"'layerctl hook enable {hook.name}' makes it executable"
    return "'layerctl config advice.ignoredHook false' leaves this message out"
