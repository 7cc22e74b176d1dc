"""What the scenarios ask of a program."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from benchmarks.clock import BenchmarkFailed, Commands
from benchmarks.payloads import Payload

BASE = "base"


class Ability(Enum):
    """What not every program can do."""

    RUN = "runs containers"
    CHANGES = "lists what a container changed"
    HISTORY = "shows an image's history"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tool works.

    Attributes:
        top: an empty folder of its own.
        base: the archive of the base image.
        env: the environment of its commands.
    """

    top: Path
    base: Path
    env: Mapping[str, str]


class Tool:
    """A program that keeps images, and boxes: containers, bundles or worktrees that stand on an image.

    Methods that end in ``ing`` give the commands that the clock runs; the others do what is not measured. An image is
    named by a short word; ``base`` is there once :meth:`have_base` has been called.
    """

    name = ""
    abilities: frozenset[Ability] = frozenset()

    def __init__(self, place: Place) -> None:
        self.place = place
        self.top = place.top
        self._has_base = False

    @contextmanager
    def started(self) -> Iterator[None]:
        """Runs what the tool needs in the background, and ends it."""
        yield

    def version(self) -> str:
        """As the program says it."""
        return first_line(self.call(self.name, "--version"))

    def daemons(self) -> Sequence[int]:
        """Processes that work for the tool's commands."""
        return ()

    def have_base(self) -> None:
        """Imports the base image, unless it is there."""
        if not self._has_base:
            self.clear()
            for command in self.importing(BASE):
                self.call(*command)
            self.imported()

    def imported(self) -> None:
        """Says that the base image is there from now on."""
        self._has_base = True

    def clear(self) -> None:
        """Leaves no image of the base archive behind, so that the next import has all of it to do."""
        raise NotImplementedError

    def importing(self, image: str) -> Commands:
        """Makes an image of the base archive."""
        raise NotImplementedError

    def open(self, box: str, image: str) -> None:
        """Makes a box that stands on the image, unchanged."""
        raise NotImplementedError

    def write(self, box: str, payload: Payload) -> None:
        """Changes the box as the payload says, and leaves it unused."""
        raise NotImplementedError

    def committing(self, box: str, image: str) -> Commands:
        """Makes an image of the box."""
        raise NotImplementedError

    def close(self, box: str, image: str | None = None) -> None:
        """Removes the box, and the image made of it."""
        raise NotImplementedError

    @contextmanager
    def box(self, box: str, image: str, made: str | None = None) -> Iterator[None]:
        """Has a box, and removes it with the image made of it; not after an interrupt, when all of the store goes."""
        self.open(box, image)
        try:
            yield
        except BenchmarkFailed:
            with suppress(BenchmarkFailed):
                self.close(box, made)
            raise
        self.close(box, made)

    def leave(self, box: str) -> None:
        """Removes the box, and keeps the image made of it."""
        self.close(box)

    def running(self, image: str) -> Commands:
        """Runs ``true`` in a fresh box of the image, which is gone afterwards."""
        raise NotImplementedError

    def listing(self, box: str) -> Commands:
        """Lists what changed in the box."""
        raise NotImplementedError

    def going_back(self, box: str, image: str) -> Commands:
        """Makes the box one that stands unchanged on the image, and runs ``true`` in it."""
        raise NotImplementedError

    def logging(self, image: str) -> Commands:
        """Shows how the image came about."""
        raise NotImplementedError

    def chain(self, payloads: Sequence[Payload]) -> str:
        """Commits each of the payloads on top of the one before; returns the last image."""
        image = BASE
        for number, payload in enumerate(payloads):
            self.open("chain", image)
            self.write("chain", payload)
            for command in self.committing("chain", image := f"chain{number}"):
                self.call(*command)
            self.leave("chain")
        return image

    def call(self, *command: str | Path) -> str:
        """Runs a command that is not measured and returns what it says.

        Raises:
            BenchmarkFailed: it did not succeed.
        """
        done = subprocess.run(
            command, cwd=self.top, env=dict(self.place.env), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise BenchmarkFailed(f"{[*map(str, command)]} exited {done.returncode}: {done.stderr.strip()[-600:]}")
        return done.stdout


def first_line(text: str) -> str:
    """The first line, or nothing."""
    return text.strip().partition("\n")[0]
