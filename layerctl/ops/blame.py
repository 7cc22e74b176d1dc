"""``blame``: which commit last changed each entry of a directory, or each line of a text file.

Blame is handed down from commit to parent along the history of the path: what a parent has as well is the parent's, or
one of its parents'; what no parent has is the commit's own. Source: git-blame(1), without its moves and copies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from layerctl.errors import Declined
from layerctl.layer.handles import split
from layerctl.model.blame import Blame, BlamedEntry, BlamedLine
from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.linediff import opcodes, split_lines
from layerctl.model.listing import parse_entry
from layerctl.ops.content import content, entry_at
from layerctl.snapshot.places import NOTHING, Place, Places

if TYPE_CHECKING:
    from layerctl.model.commit import ImageCommit
    from layerctl.model.scan import RootPath
    from layerctl.ops.context import Context
    from layerctl.store.commits import Outline

_LARGEST = 32 << 20
_SNIFF = 8000
_KEEP = 8

Key = TypeVar("Key")
#: What is still to be blamed on somebody: by what it is in the end, what it is in the commit at hand.
Pending = dict[Key, Key]
#: Of what a commit has, what one of its parents has too, and as what.
Inherit = Callable[[Pending[Key], CommitId, CommitId], Pending[Key]]


def blame(context: Context, path: RootPath, revision: str) -> Blame:
    """See :meth:`layerctl.ops.repository.Repository.blame`."""
    commit = context.read(revision)
    entry = entry_at(context, commit, revision, path)
    if entry.kind is Kind.FILE:
        return Blame(commit.id, path, entry, lines=tuple(_lines(context, commit, path, entry)))
    folder, name = (path, None) if entry.kind is Kind.DIR else split(path)
    return Blame(commit.id, path, entry, entries=tuple(_entries(context, commit, folder, name)))


def _hand_down(context: Context, start: CommitId, pending: Pending[Key], inherit: Inherit[Key]) -> dict[Key, CommitId]:
    """Whose each thing is."""
    found: dict[Key, CommitId] = {}
    waiting = {start: pending}
    for commit in context.store.git.walk([start], []):
        if not waiting:
            break
        mine = waiting.pop(commit, None)
        if not mine:
            continue
        for parent, theirs in _shares(context, commit, mine, inherit):
            waiting[parent] = waiting[parent] | theirs if parent in waiting else theirs
            whole = len(theirs) == len(mine)
            mine = {} if whole else {key: value for key, value in mine.items() if key not in theirs}
        found |= dict.fromkeys(mine, commit)
    return found


def _shares(
    context: Context, commit: CommitId, mine: Pending[Key], inherit: Inherit[Key]
) -> Iterator[tuple[CommitId, Pending[Key]]]:
    """What goes to which parent: all of it to one that has all of it, else to each what no earlier one has."""
    parents = context.store.commits.outline(commit).parents
    shares = [(parent, inherit(mine, commit, parent)) for parent in parents]
    whole = next(((parent, theirs) for parent, theirs in shares if len(theirs) == len(mine)), None)
    if whole is not None:
        yield whole
        return
    taken: set[Key] = set()
    for parent, theirs in shares:
        theirs = {key: value for key, value in theirs.items() if key not in taken}
        taken |= theirs.keys()
        if theirs:
            yield parent, theirs


# ---------------------------------------------------------------------------------------------------------- entries


def _entries(context: Context, commit: ImageCommit, folder: RootPath, only: bytes | None) -> Iterator[BlamedEntry]:
    """The entries of a directory, or one of them."""
    places = Places(context.store.git)
    members = _members(places, context.store.commits.outline(commit.id), folder)
    names = sorted(members) if only is None else [only]
    inherit = _inherit_entries(context, places, folder, members)
    found = _hand_down(context, commit.id, {name: name for name in names}, inherit)
    for name in names:
        place = members[name]
        text = place.text if place.tree is None else places.directory(place.tree).itself
        assert text is not None
        yield BlamedEntry(name, parse_entry(text), context.store.commits.read(found[name]))


def _members(places: Places, outline: Outline, folder: RootPath) -> dict[bytes, Place]:
    tree = places.at(outline.snapshot, folder).tree
    return places.members(tree) if tree is not None else {}


def _inherit_entries(
    context: Context, places: Places, folder: RootPath, members: Mapping[bytes, Place]
) -> Inherit[bytes]:
    def inherit(mine: Pending[bytes], commit: CommitId, parent: CommitId) -> Pending[bytes]:
        new, old = context.store.commits.outline(commit), context.store.commits.outline(parent)
        relinked = {_first(path, folder) for path in places.relinked(old.snapshot, new.snapshot, folder)}
        if not places.equal(old.snapshot, new.snapshot, folder):
            theirs = _members(places, old, folder)
            mine = {name: name for name in mine if theirs.get(name, NOTHING) == members[name]}
        return {name: name for name in mine if name not in relinked} if relinked else mine

    return inherit


def _first(path: RootPath, folder: RootPath) -> bytes:
    return path[len(folder) + 1 if folder else 0 :].split(b"/", 1)[0]


# ------------------------------------------------------------------------------------------------------------ lines


def _lines(context: Context, commit: ImageCommit, path: RootPath, entry: Entry) -> Iterator[BlamedLine]:
    if entry.size > _LARGEST:
        raise Declined(f"/{os.fsdecode(path)} is too large to blame line by line", hint=_log_hint(path))
    lines = split_lines(b"".join(content(context, commit.id, path, entry)))
    if b"\0" in b"".join(lines[:_SNIFF])[:_SNIFF]:
        raise Declined(f"/{os.fsdecode(path)} is a binary file: it has no lines to blame", hint=_log_hint(path))
    numbers = range(len(lines))
    found = _hand_down(context, commit.id, {number: number for number in numbers}, _inherit_lines(context, path))
    for number in numbers:
        yield BlamedLine(number + 1, lines[number], context.store.commits.read(found[number]))


def _log_hint(path: RootPath) -> str:
    return f"'layerctl log -- /{os.fsdecode(path)}' lists the commits that changed it"


def _inherit_lines(context: Context, path: RootPath) -> Inherit[int]:
    places = Places(context.store.git)

    def file_in(snapshot: ObjectId) -> Entry | None:
        text = places.at(snapshot, path).text
        entry = parse_entry(text) if text is not None else None
        return entry if entry is not None and entry.kind is Kind.FILE and entry.size <= _LARGEST else None

    @lru_cache(_KEEP)
    def lines_in(commit: CommitId, entry: Entry) -> list[bytes]:
        return split_lines(b"".join(content(context, commit, path, entry)))

    def inherit(mine: Pending[int], commit: CommitId, parent: CommitId) -> Pending[int]:
        one, other = (context.store.commits.outline(which).snapshot for which in (commit, parent))
        if places.equal(other, one, path):
            return mine
        new, old = file_in(one), file_in(other)
        if new is None or old is None:
            return {}
        if new.digest == old.digest:
            return mine
        codes = opcodes(lines_in(parent, old), lines_in(commit, new))
        same = {
            at_new + step: at_old + step
            for tag, at_old, end, at_new, _ in codes
            if tag == "equal"
            for step in range(end - at_old)
        }
        return {line: same[here] for line, here in mine.items() if here in same}

    return inherit
