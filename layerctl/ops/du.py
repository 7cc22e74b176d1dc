"""``du``: what takes how much on disk, and for whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.layer.usage import inodes
from layerctl.model.ids import CommitId
from layerctl.model.results import DiskUsage, Share
from layerctl.store.worktrees import Worktree, list_worktrees
from layerctl.values import field, frozen, record

if TYPE_CHECKING:
    from layerctl.ops.context import Context

#: Kind and name, of a unit or of what holds it.
_Key = tuple[str, str]
#: In this order: a file that several have counts for the first.
_PARTS = ("layers", "write_layers", "parked", "runs", "git", "other")


@frozen
class _Unit:
    """A directory that comes and goes as a whole.

    Attributes:
        part: the kind of thing that it is.
        name: a layer's id, a worktree's name, or whatever tells it from others.
        path: where it is.
    """

    part: str
    name: str
    path: Path

    @property
    def key(self) -> _Key:
        """Kind and name."""
        return self.part, self.name


@record
class _Held:
    """Bytes that somebody holds."""

    size: int = 0
    alone: int = 0


@record
class _Files:
    """Files with names in several units, and how much the others take, by unit."""

    single: dict[_Unit, int] = field(default_factory=dict)
    linked: dict[tuple[int, int], tuple[int, set[_Unit]]] = field(default_factory=dict)

    def add(self, unit: _Unit) -> None:
        """Measures one unit."""
        alone = 0
        for inode in inodes(unit.path):
            if inode.is_dir or inode.links == 1:
                alone += inode.size
            else:
                self.linked.setdefault(inode.id, (inode.size, set()))[1].add(unit)
        self.single[unit] = self.single.get(unit, 0) + alone

    def add_folders(self, unit: _Unit, folders: Iterable[Path]) -> None:
        """Counts folders themselves, without what is in them."""
        self.single[unit] = sum(next(iter(inodes(folder))).size for folder in (unit.path, *folders))

    def __iter__(self) -> Iterator[tuple[int, set[_Unit]]]:
        """Bytes, and the units that have them."""
        yield from ((size, {unit}) for unit, size in self.single.items())
        yield from self.linked.values()


def disk_usage(context: Context) -> DiskUsage:
    """See :meth:`layerctl.ops.repository.Repository.disk_usage`."""
    files = _Files()
    for unit in _units(context):
        files.add(unit)
    files.add_folders(_Unit("other", ".", context.layout.root), _divided(context))
    git = context.store.git
    heads = {ref.removeprefix("refs/heads/"): CommitId(tip) for ref, tip in git.refs("refs/heads/").items()}
    tags = {ref.removeprefix("refs/tags/"): context.revisions.resolve(ref) for ref in git.refs("refs/tags/")}
    commits: dict[CommitId, str] = {}
    branches = {("branch", name): _layers(context, [tip], commits) for name, tip in heads.items()}
    tagged = {("tag", name): _layers(context, [tip], commits) for name, tip in tags.items()}
    worktrees = {
        ("worktree", worktree.name): _of_worktree(context, worktree, branches, commits)
        for worktree in list_worktrees(context.layout)
    }
    held = _held(files, {**branches, **tagged, **worktrees})
    return DiskUsage(
        parts=_parts(files),
        branches=_shares(held, branches),
        tags=_shares(held, tagged),
        worktrees=_shares(held, worktrees),
        commits=_commit_shares(context, files, commits),
    )


def _divided(context: Context) -> dict[Path, str]:
    layout = context.layout
    return {
        layout.layers: "layers",
        layout.compacted: "runs",
        layout.worktrees: "write_layers",
        layout.parked: "parked",
    }


def _units(context: Context) -> Iterator[_Unit]:
    """All of the repository, divided."""
    layout, divided = context.layout, _divided(context)
    for folder, part in divided.items():
        yield from (_Unit(part, path.name, path) for path in _children(folder) if path != layout.compacted)
    yield _Unit("git", "git", layout.git)
    rest = [path for path in _children(layout.root) if path not in (*divided, layout.git)]
    yield from (_Unit("other", path.name, path) for path in rest)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _layers(context: Context, tips: Iterable[CommitId], commits: dict[CommitId, str]) -> frozenset[_Key]:
    """The layers of commits and all their ancestors; notes which commit has which."""
    found = set()
    for commit in context.store.git.walk(list(tips), []):
        if commit not in commits:
            commits[commit] = context.store.commits.read(commit).layer.id.hex
        found.add(("layers", commits[commit]))
    return frozenset(found)


def _of_worktree(
    context: Context,
    worktree: Worktree,
    branches: Mapping[_Key, frozenset[_Key]],
    commits: dict[CommitId, str],
) -> frozenset[_Key]:
    head, base = worktree.head, worktree.record.base
    tips = {commit for commit in (head.commit, base) if commit is not None}
    own = branches.get(("branch", head.branch or ""), frozenset())
    return (_layers(context, tips, commits) - own) | {("write_layers", worktree.name)}


def _held(files: _Files, holders: Mapping[_Key, frozenset[_Key]]) -> dict[_Key, _Held]:
    by_unit: dict[_Key, set[_Key]] = {}
    for holder, units in holders.items():
        for unit in units:
            by_unit.setdefault(unit, set()).add(holder)
    found = {holder: _Held() for holder in holders}
    for size, units_of_file in files:
        having = [
            unit.key for unit in units_of_file if unit.part != "runs"
        ]  # these are derived, and go with the layers
        who = {holder for unit in having for holder in by_unit.get(unit, ())}
        is_alone = len(who) == 1 and all(unit in by_unit for unit in having)
        for holder in who:
            found[holder].size += size
            found[holder].alone += size if is_alone else 0
    return found


def _shares(held: Mapping[_Key, _Held], holders: Iterable[_Key]) -> tuple[Share, ...]:
    return tuple(Share(holder[1], held[holder].size, held[holder].alone) for holder in sorted(holders))


def _commit_shares(context: Context, files: _Files, commits: Mapping[CommitId, str]) -> tuple[Share, ...]:
    held = _held(files, {("commit", commit.hex): frozenset({("layers", layer)}) for commit, layer in commits.items()})
    shares = (
        Share(commit.hex, item.size, item.alone, context.store.commits.read(commit).subject)
        for commit in commits
        for item in (held["commit", commit.hex],)
    )
    return tuple(sorted(shares, key=lambda share: -share.size))


def _parts(files: _Files) -> dict[str, int]:
    found = dict.fromkeys(_PARTS, 0)
    for size, units in files:
        found[min((unit.part for unit in units), key=_PARTS.index)] += size
    return found
