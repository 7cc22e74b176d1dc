"""Which Git objects some others lead to."""

from __future__ import annotations

from collections.abc import Iterable

import pygit2
from pygit2.enums import ObjectType

from layerctl.errors import Damaged
from layerctl.model.ids import CommitId, ObjectId

_SUBTREE = b"40000 "
_OID = 20


class Reachable:
    """All that is reached from the ids that it is given.

    Attributes:
        objects: every object.
        commits: the commits among them.
    """

    def __init__(self, repository: pygit2.Repository) -> None:
        self._odb = repository.odb
        self.objects: set[ObjectId] = set()
        self.commits: set[CommitId] = set()

    def add(self, starts: Iterable[ObjectId], *, strict: bool = True) -> None:
        """Follows more ids.

        Args:
            starts: ids of any objects.
            strict: False passes over what is not stored: what a reflog or garbage names may be gone.

        Raises:
            Damaged: an object is missing or broken.
        """
        todo = list(starts)
        while todo:
            oid = todo.pop()
            if oid not in self.objects:
                todo += self._follow(oid, strict)

    def _follow(self, oid: ObjectId, strict: bool) -> list[ObjectId]:
        try:
            kind, data = self._odb.read(pygit2.Oid(raw=oid))
        except (KeyError, pygit2.GitError) as exc:
            if strict:
                raise Damaged(f"Git object {oid.hex()} is missing or broken") from exc
            return []
        self.objects.add(oid)
        if kind == ObjectType.TREE:
            return self._tree(bytes(data))
        if kind == ObjectType.COMMIT:
            self.commits.add(CommitId(oid.hex()))
        return _named_in_header(bytes(data)) if kind in (ObjectType.COMMIT, ObjectType.TAG) else []

    def _tree(self, data: bytes) -> list[ObjectId]:
        """Subtrees are to be followed; blobs lead nowhere and need not be read."""
        found = []
        position = 0
        while position < len(data):
            end = data.index(b"\0", position) + 1
            oid = ObjectId(data[end : end + _OID])
            if data.startswith(_SUBTREE, position):
                found.append(oid)
            else:
                self.objects.add(oid)
            position = end + _OID
        return found


def _named_in_header(data: bytes) -> list[ObjectId]:
    lines = data.partition(b"\n\n")[0].split(b"\n")
    named = (line.split(b" ") for line in lines if line.startswith((b"tree ", b"parent ", b"object ")))
    return [ObjectId(bytes.fromhex(words[1].decode())) for words in named]
