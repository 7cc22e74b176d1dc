"""What differs between the packages of two states: only databases whose content differs are read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from layerctl.model.change import Aspect, Change
from layerctl.model.entry import Entry, Kind
from layerctl.model.packages import PackageChange, PackageDiff, PackageName, Unread
from layerctl.ops.content import whole_content
from layerctl.ops.packages.databases import Database, Installed, database_of

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.model.results import Diff
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context

_LARGEST = 1 << 30

#: Versions by package; of some, such as kernels, several are installed.
Packages = defaultdict[PackageName, set[str]]


def package_changes(context: Context, difference: Diff) -> PackageDiff:
    """See :meth:`layerctl.ops.repository.Repository.package_changes`."""
    before, after = Packages(set), Packages(set)
    unread: dict[RootPath, Unread] = {}
    for change in difference.changes:
        found = database_of(change.path) if _has_new_content(change) else None
        if found is None:
            continue
        for commit, entry, packages in ((difference.old, change.old, before), (difference.new, change.new, after)):
            if entry is None or entry.kind is not Kind.FILE or entry.size == 0:
                continue
            try:
                for package, version in _read(context, commit, change.path, entry, *found):
                    packages[package].add(version)
            except (ValueError, KeyError, ImportError) as exc:
                unread[change.path] = Unread(change.path, _reason(exc))
    names = sorted(before.keys() | after.keys())
    changes = (change for name in names for change in _changes(name, before[name], after[name]))
    return PackageDiff(tuple(changes), tuple(unread.values()))


def _has_new_content(change: Change) -> bool:
    return change.old is None or change.new is None or Aspect.CONTENT in change.what


def _read(
    context: Context, commit: CommitId | None, path: RootPath, entry: Entry, database: Database, match: re.Match[bytes]
) -> Iterator[Installed]:
    if database.read is None:
        raise _Refused(database.refusal)
    if entry.size > _LARGEST:
        raise _Refused("is too large to read")
    return database.read(match, whole_content(context, commit, path, entry))


class _Refused(ValueError):
    """A database that is not read at all."""


def _reason(error: Exception) -> str:
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, ImportError):
        return "cannot be read: this Python has no sqlite3"
    if isinstance(error, KeyError):
        return f"makes no sense: it lacks {error}"
    return f"makes no sense: {error}"


def _changes(package: PackageName, before: set[str], after: set[str]) -> Iterator[PackageChange]:
    gone, came = sorted(before - after), sorted(after - before)
    if len(gone) == len(came) == 1:
        yield PackageChange(package, gone[0], came[0])
        return
    yield from (PackageChange(package, version, None) for version in gone)
    yield from (PackageChange(package, None, version) for version in came)
