"""``tag``: names for commits that stay."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from layerctl.errors import AlreadyExists, RefNotFound
from layerctl.model.ids import CommitId
from layerctl.model.operation import RefMove
from layerctl.model.results import Tag
from layerctl.ops.heads import keep

if TYPE_CHECKING:
    from layerctl.ops.context import Context

_TAGS = "refs/tags/"


def tags(context: Context) -> list[Tag]:
    """See :meth:`layerctl.ops.repository.Repository.tags`."""
    return [_tag(context, ref) for ref in context.store.git.refs(_TAGS)]


def create_tag(context: Context, name: str, revision: str, *, message: str | None, force: bool) -> Tag:
    """See :meth:`layerctl.ops.repository.Repository.create_tag`."""
    git, ref = context.store.git, _TAGS + name
    git.check_ref_name(ref)
    with context.store.lock.in_use():
        commit = context.revisions.resolve(revision)
        target = commit.hex
        if message is not None:
            target = git.create_tag_object(name, commit, context.author, datetime.now().astimezone(), message)
            context.store.durability.sync_filesystem(context.layout.root)
        with context.applying() as number:
            old = git.ref(ref)
            if old is not None and not force:
                raise AlreadyExists(f"a tag '{name}' exists already", hint="use -f to move it")
            lost = [CommitId(old)] if old is not None and old != target else []
            moves = [*keep(context, number, lost), RefMove(ref, old, target, f"tag: {name}")]
            context.perform(number, "tag", moves)
    return Tag(name, commit, message)


def delete_tag(context: Context, name: str) -> CommitId:
    """See :meth:`layerctl.ops.repository.Repository.delete_tag`."""
    ref = _TAGS + name
    with context.store.lock.in_use(), context.applying() as number:
        old = context.store.git.ref(ref)
        if old is None:
            raise RefNotFound(f"no tag is called '{name}'", hint="'layerctl tag' lists the tags")
        commit = context.revisions.resolve(ref)
        moves = [*keep(context, number, [CommitId(old)]), RefMove(ref, old, None, "tag: deleted")]
        context.perform(number, "tag", moves)
    return commit


def _tag(context: Context, ref: str) -> Tag:
    return Tag(ref.removeprefix(_TAGS), context.revisions.resolve(ref), context.store.git.tag_message(ref))
