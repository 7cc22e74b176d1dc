"""Operations: one user action on a repository, as the moves that it makes.

A move says both what was and what shall be, so that a journal record is enough to finish an interrupted operation
(every move can be repeated without harm) and, later, to take it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from layerctl.values import field_names, frozen


@frozen
class RefMove:
    """A Git ref goes from one target to another; None is "does not exist".

    Attributes:
        ref: full name, ``refs/…``.
        old: object id in hex, or None.
        new: object id in hex, or None.
        message: for the reflog.
        keep: an undo leaves it alone.
    """

    ref: str
    old: str | None
    new: str | None
    message: str = ""
    keep: bool = False


@frozen
class FileMove:
    """A small file of the repository gets other content; None is "does not exist".

    Attributes:
        path: relative to ``.layerctl``.
        old: content before.
        new: content after.
        keep: an undo leaves it alone.
    """

    path: str
    old: str | None
    new: str | None
    keep: bool = False


@frozen
class Rename:
    """A file or directory of the repository gets another name; both relative to ``.layerctl``.

    Attributes:
        source: the name before.
        target: the name after; its parent is created.
        keep: an undo leaves it alone.
    """

    source: str
    target: str
    keep: bool = False


Move = RefMove | FileMove | Rename


@frozen
class Operation:
    """One recorded action.

    Attributes:
        number: position in the operation log, from 1.
        time: when, timezone-aware.
        author: ``Name <email>`` of who did it.
        verb: the layerctl verb.
        description: the command as typed, or a sentence.
        moves: in the order in which they are made.
        undoes: the number of the operation that this one takes back, if it is an undo.
    """

    number: int
    time: datetime
    author: str
    verb: str
    description: str
    moves: tuple[Move, ...]
    undoes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        return {
            "operation": self.number,
            "time": self.time.isoformat(),
            "author": self.author,
            "verb": self.verb,
            "description": self.description,
            "moves": [_move_to_json(move) for move in self.moves],
            "undoes": self.undoes,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Operation:
        """The inverse of :meth:`to_json`."""
        return cls(
            number=raw["operation"],
            time=datetime.fromisoformat(raw["time"]),
            author=raw["author"],
            verb=raw["verb"],
            description=raw["description"],
            moves=tuple(_move_from_json(move) for move in raw["moves"]),
            undoes=raw["undoes"],
        )


_TYPES: dict[str, type[RefMove] | type[FileMove] | type[Rename]] = {"ref": RefMove, "file": FileMove, "rename": Rename}


def _move_to_json(move: Move) -> dict[str, Any]:
    name = next(key for key, kind in _TYPES.items() if isinstance(move, kind))
    return {"type": name, **{field: getattr(move, field) for field in field_names(move)}}


def _move_from_json(raw: Mapping[str, Any]) -> Move:
    fields = dict(raw)
    return _TYPES[fields.pop("type")](**fields)
