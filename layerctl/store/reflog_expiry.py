"""Letting old reflog entries go. Source: git-gc(1), ``gc.reflogExpire`` and ``gc.reflogExpireUnreachable``.

libgit2 can do that, pygit2 cannot; a reflog is a text file, one line an entry, the newest last.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from layerctl.model.ids import ObjectId
from layerctl.values import frozen

_NULL = b"0" * 40
LetsGo = Callable[[str, tuple[ObjectId, ...], int], bool]


@frozen
class ReflogFile:
    """A reflog as it will be.

    Attributes:
        path: the file.
        ref: the ref that it belongs to.
        kept: its remaining lines.
        dropped: how many lines go.
    """

    path: Path
    ref: str
    kept: tuple[bytes, ...]
    dropped: int

    def ids(self) -> set[ObjectId]:
        """Every object that the remaining lines name."""
        return {oid for line in self.kept for oid in _ids(line)}


def read_reflogs(git: Path, lets_go: LetsGo) -> list[ReflogFile]:
    """Every reflog below a Git folder.

    Args:
        git: the folder.
        lets_go: told the ref, the ids that an entry names and its time in seconds.
    """
    logs = git / "logs"
    found = sorted(path for path in (logs / "HEAD", *logs.glob("refs/**/*")) if path.is_file())
    return [_read(path, str(path.relative_to(logs)), lets_go) for path in found]


def _read(path: Path, ref: str, lets_go: LetsGo) -> ReflogFile:
    lines = path.read_bytes().splitlines(keepends=True)
    kept = tuple(line for line in lines if not lets_go(ref, _ids(line), _time(line)))
    return ReflogFile(path, ref, kept, len(lines) - len(kept))


def _ids(line: bytes) -> tuple[ObjectId, ...]:
    """The ids before and after, without the null id, which is none."""
    return tuple(ObjectId(bytes.fromhex(word.decode())) for word in line.split(b" ", 2)[:2] if word != _NULL)


def _time(line: bytes) -> int:
    return int(line.partition(b"\t")[0].split(b" ")[-2])
