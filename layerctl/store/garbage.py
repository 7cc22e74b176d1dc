"""Git objects that nothing leads to: finding them, and doing without them.

Young ones stay, and so does all that they lead to: plain Git may be making something in here (trap 42).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.store.packs import Loose, Pack, loose_objects, pack_objects, packs, unfinished
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.ids import ObjectId
    from layerctl.store.durable import Durability
    from layerctl.store.git import GitRepository
    from layerctl.store.reachable import Reachable

_UNFINISHED_SECONDS = 3600
#: Plain Git makes them from packs that will be gone.
_DERIVED = ("pack/multi-pack-index", "info/commit-graph", "info/packs")


@frozen
class GitGarbage:
    """What to do without.

    Attributes:
        wanted: objects for a new pack; None if the present packs are as they should be.
        packs: go when that is written.
        loose: go then, too.
        objects: how many objects nothing leads to among them.
        size: bytes that these take.
    """

    wanted: frozenset[ObjectId] | None
    packs: tuple[Pack, ...]
    loose: tuple[Loose, ...]
    objects: int
    size: int


def find_garbage(git: GitRepository, needed: Reachable, cutoff: float) -> GitGarbage:
    """Looks at every object that is stored.

    Args:
        git: where.
        needed: what must stay; what young garbage leads to is added to it.
        cutoff: garbage that was written since, seconds since the epoch, stays.
    """
    folder = git.path / "objects"
    loose, stored = list(loose_objects(folder)), packs(folder)
    sure = frozenset(needed.objects)
    young = {oid for oid, item in loose if item.modified >= cutoff and oid not in sure}
    young_packs = [pack for pack in stored if pack.modified >= cutoff and not sure.issuperset(pack.sizes)]
    young |= {oid for pack in young_packs for oid in pack.sizes if oid not in sure}
    needed.add(young, strict=False)
    stays = [pack for pack in stored if pack.pinned or pack in young_packs]
    goes = tuple(pack for pack in stored if pack not in stays)
    there = {oid for pack in stays for oid in pack.sizes}
    single = [(oid, item) for oid, item in loose if oid not in young or oid in there]
    known = {oid for pack in goes for oid in pack.sizes} | {oid for oid, _ in single}
    kept = needed.objects
    wanted = frozenset(oid for oid in known if oid in kept and oid not in there and (oid in sure or oid not in young))
    is_tidy = len(goes) <= 1 and {oid for pack in goes for oid in pack.sizes} == wanted
    garbage = known - kept
    size = sum(item.size for oid, item in single if oid in garbage)
    size += sum(length for pack in goes for oid, length in pack.sizes.items() if oid in garbage)
    return GitGarbage(
        None if is_tidy else wanted, () if is_tidy else goes, tuple(item for _, item in single), len(garbage), size
    )


def drop_garbage(git: GitRepository, garbage: GitGarbage, durability: Durability) -> None:
    """Packs what is needed, and then, once that is durable, deletes the rest.

    Raises:
        Damaged: the new pack is not what it should be; nothing was deleted.
    """
    folder = git.path / "objects"
    new = pack_objects(git.raw, garbage.wanted, durability) if garbage.wanted else None
    gone = [pack for pack in garbage.packs if pack.path != new]
    if gone:
        _delete(folder / name for name in _DERIVED)
        _delete(folder.glob("info/commit-graphs/*"))
    for pack in gone:
        _delete(pack.files())
    _delete(loose.path for loose in garbage.loose)
    _delete(path for path in unfinished(folder) if _age(path) > _UNFINISHED_SECONDS)
    for empty in folder.glob("[0-9a-f][0-9a-f]"):
        with suppress(OSError):
            empty.rmdir()


def _delete(paths: Iterable[Path]) -> None:
    for path in list(paths):
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
