"""Hard-link groups while a layer is being built, in which names still come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath


class LinkGroups:
    """Which paths are names of one file. A file with one name need not be known here."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[RootPath, set[RootPath]] = {}

    def join(self, path: RootPath, other: RootPath) -> None:
        """Makes ``other`` a further name of the file at ``path``."""
        group = self._groups.setdefault(path, {path})
        group.add(other)
        self._groups[other] = group

    def together(self, path: RootPath, other: RootPath) -> bool:
        """Whether both are names of one file."""
        return path == other or other in self._groups.get(path, ())

    def drop(self, path: RootPath) -> None:
        """Forgets a name that is gone."""
        group = self._groups.pop(path, None)
        if group is not None:
            group.discard(path)

    def groups(self) -> tuple[tuple[RootPath, ...], ...]:
        """All groups of two or more, sorted."""
        distinct = {id(group): group for group in self._groups.values() if len(group) > 1}
        return tuple(sorted(tuple(sorted(group)) for group in distinct.values()))
