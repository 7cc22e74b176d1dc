"""How long work tells whoever asked for it how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A callback that long work calls now and then.

    The library never talks to a terminal; the command line passes one of these in.
    """

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Reports progress.

        Args:
            stage: what is being done, a few words for people ("unpacking", "hashing").
            done: units done so far (bytes or entries, constant within a stage).
            total: units in all, where known.
        """


def silent(stage: str, done: int, total: int | None) -> None:
    """The progress of one who does not care."""
