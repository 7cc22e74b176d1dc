"""``import``: what somebody else made becomes commits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from layerctl.errors import AlreadyExists, UsageError
from layerctl.layer.build import LinkPlacer
from layerctl.layer.tidy import tidy
from layerctl.model.commit import Author, CommitDraft, ImageCommit
from layerctl.model.config import ImageConfig
from layerctl.model.layer import Quiescence
from layerctl.model.operation import Move, RefMove, Rename
from layerctl.model.results import ImportResult
from layerctl.ops.adopt import Census, adopt
from layerctl.ops.config import import_limits
from layerctl.ops.heads import advance
from layerctl.ops.hooking import hooks_of
from layerctl.snapshot.apply import apply_scan
from layerctl.snapshot.delta import LazyDelta
from layerctl.source import open_source
from layerctl.store.git import GitRepository
from layerctl.store.staged import SpillingObjects
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.delta import LayerListing
    from layerctl.model.imports import ImportedImage, ImportedLayer
    from layerctl.ops.context import Context


@frozen
class ImportTarget:
    """Where an import goes.

    Attributes:
        branch: short name of a branch that does not exist yet.
        is_head: whether HEAD names it.
    """

    branch: str
    is_head: bool


def import_image(
    context: Context,
    source: str,
    *,
    message: str | None,
    branch: str | None,
    tag: str | None,
    changes: Sequence[str],
    platform: str | None,
    stdin: BinaryIO | None,
) -> ImportResult:
    """See :meth:`layerctl.ops.repository.Repository.import_image`."""
    context.store.check_namespace()
    target = _target(context, branch)
    if tag is not None:
        _check_tag(context, tag)
    with context.store.lock.in_use(), context.store.staging("import") as staging:
        image = open_source(
            source,
            staging=staging,
            limits=import_limits(context),
            progress=context.progress,
            stdin=stdin,
            namespace=context.namespace,
            platform=platform,
            exclude=_own_folder(context),
        )
        config = image.config
        for change in changes:
            config = config.with_change(change)
        importer = _Importer(context, image, config, message)
        commits = importer.commits()
        tags, warnings = _tags(context, image, tag)
        _record(context, importer.moves, commits, target, tags)
    hooks_of(context).run("post-import", new=commits[-1].id.hex)
    return ImportResult(
        commits=tuple(commit.id for commit in commits),
        branch=target.branch,
        tags=tags,
        entries=sum(commit.layer.entries for commit in commits),
        size=sum(commit.layer.size for commit in commits),
        warnings=warnings,
    )


def _target(context: Context, branch: str | None) -> ImportTarget:
    current = context.worktree.head.branch
    unborn = context.head() is None
    if branch is None:
        if current is None or not unborn:
            raise UsageError(
                f"the branch '{current}' has commits already" if current else "HEAD is detached",
                hint="use --branch NAME to import into a new branch",
            )
        branch = current
    ref = f"refs/heads/{branch}"
    GitRepository.check_ref_name(ref)
    if context.store.git.ref(ref) is not None:
        raise AlreadyExists(f"a branch '{branch}' exists already", hint="import into a new branch")
    return ImportTarget(branch, is_head=branch == current)


def _check_tag(context: Context, tag: str) -> None:
    GitRepository.check_ref_name(f"refs/tags/{tag}")
    if context.store.git.ref(f"refs/tags/{tag}") is not None:
        raise AlreadyExists(f"a tag '{tag}' exists already", hint="'layerctl tag -d' deletes it")


def _own_folder(context: Context) -> frozenset[tuple[int, int]]:
    status = context.layout.root.stat()
    return frozenset({(status.st_dev, status.st_ino)})


def _tags(context: Context, image: ImportedImage, tag: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tags to make: the user's, and the image's own names, ``app:1.0`` as ``app/1.0`` because Git has no colons."""
    tags = [tag] if tag is not None else []
    warnings = []
    for name in image.tags:
        short = name.replace(":", "/")
        try:
            GitRepository.check_ref_name(f"refs/tags/{short}")
        except UsageError:
            warnings.append(f"the image's name '{name}' cannot be a tag")
            continue
        if short in tags:
            continue
        if context.store.git.ref(f"refs/tags/{short}") is not None:
            warnings.append(f"a tag '{short}' exists already and was left where it is")
        else:
            tags.append(short)
    return tuple(tags), tuple(warnings)


def _record(
    context: Context,
    layers: list[Move],
    commits: list[ImageCommit],
    target: ImportTarget,
    tags: tuple[str, ...],
) -> None:
    tip = commits[-1].id
    message = f"import: {commits[-1].subject}"
    context.store.durability.sync_filesystem(context.layout.root)
    with context.applying() as number:
        head = (
            advance(context, None, tip, message)
            if target.is_head
            else [RefMove(f"refs/heads/{target.branch}", None, tip.hex, message)]
        )
        names = [RefMove(f"refs/tags/{tag}", None, tip.hex, message) for tag in tags]
        context.perform(number, "import", [*layers, *head, *names])


class _Importer:
    """Turns an image's layers into commits, base first; collects the moves that bring the layers into the store."""

    def __init__(self, context: Context, image: ImportedImage, config: ImageConfig, message: str | None) -> None:
        self.moves: list[Move] = []
        self._context = context
        self._image = image
        self._config = config
        self._message = message
        self._objects = SpillingObjects(context.store.git)
        self._below: list[Path] = []

    def commits(self) -> list[ImageCommit]:
        """Makes the commits; no ref leads to them yet."""
        made: list[ImageCommit] = []
        with self._objects:
            for number, layer in enumerate(self._image.layers):
                self._context.progress("recording layers", number, len(self._image.layers))
                made.append(self._commit(layer, made[-1] if made else None, number))
        return made

    def _commit(self, layer: ImportedLayer, parent: ImageCommit | None, number: int) -> ImageCommit:
        context, objects = self._context, self._objects
        before = parent.snapshot if parent is not None else None
        snapshot = apply_scan(objects, before, layer.scan)
        census = Census(LazyDelta(objects, before, snapshot))
        self._tidy(layer, census)
        described = census.descriptor(Quiescence.SEALED, depth=number, diff_id=layer.diff_id)
        last = number == len(self._image.layers) - 1
        now = datetime.now().astimezone().replace(microsecond=0)
        draft = CommitDraft(
            parents=(parent.id,) if parent is not None else (),
            author=Author(layer.author, "") if layer.author else context.author,
            date=layer.created or now,
            committer=context.author,
            commit_date=now,
            message=self._text(layer, last),
            snapshot=snapshot,
            config=self._config if last else _plain(self._config),
            layer=described,
        )
        objects.flush()
        commit = context.store.commits.read(context.store.commits.write(draft))
        self._adopt(commit, layer, number)
        return commit

    def _tidy(self, layer: ImportedLayer, listing: LayerListing) -> None:
        roots = [
            os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for path in (layer.fs.parent, layer.fs, *self._below)
        ]
        place = LinkPlacer([], self._context.namespace, below=roots[2:])
        try:
            tidy(roots[1], layer.scan, listing, place, self._context.namespace, roots[0], marks_on_disk=False)
        finally:
            place.close()
            for fd in roots:
                os.close(fd)

    def _adopt(self, commit: ImageCommit, layer: ImportedLayer, number: int) -> None:
        spare = f"{layer.fs.parent.relative_to(self._context.layout.root)}/spare-{number}"
        target = f"layers/{commit.layer.id}/fs"
        twice = any(isinstance(move, Rename) and move.target == target for move in self.moves)
        if not twice:
            self.moves += adopt(self._context, commit.layer, layer.fs, spare)
        self._below.insert(0, layer.fs)

    def _text(self, layer: ImportedLayer, last: bool) -> str:
        if last and self._message:
            return self._message
        return layer.message or f"import {self._image.label}"


def _plain(config: ImageConfig) -> ImageConfig:
    """The config of a layer below the last one, which its image never stated: the platform alone."""
    kept = {key: value for key, value in config.raw.items() if key in ("architecture", "os", "variant")}
    return ImageConfig({**kept, "config": {}})
