"""Histories written straight into a repository, without mounts and syncs: quick to make by the hundred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from layerctl.layer.identity import layer_id
from layerctl.model.commit import Author, CommitDraft
from layerctl.model.config import ImageConfig
from layerctl.model.delta import Delta
from layerctl.model.entry import Entry
from layerctl.model.ids import CommitId, ObjectId
from layerctl.model.layer import LayerDescriptor, Quiescence
from layerctl.ops.context import Context
from layerctl.snapshot.apply import apply_scan
from layerctl.store.layout import Layout
from layerctl.store.store import Store, create_repository
from tests.unit.snapshot.builders import DIR, file, tree

ADA = Author("Ada", "ada@example.org")
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class History:
    """A repository whose commits are written by hand.

    Attributes:
        top: where its ``.layerctl`` is.
        reads: ids of the objects that were read, in order, since it was last cleared.
    """

    top: Path
    reads: list[ObjectId] = field(default_factory=list)
    _count: int = 0

    @classmethod
    def create(cls, top: Path) -> History:
        create_repository(Layout(top / ".layerctl"), "main")
        return cls(top)

    def __post_init__(self) -> None:
        self.store = Store(Layout(self.top / ".layerctl"))
        read = self.store.git.read

        def counting(oid: ObjectId) -> bytes:
            self.reads.append(oid)
            return read(oid)

        self.store.git.read = counting  # type: ignore[method-assign]

    @property
    def context(self) -> Context:
        """As a verb gets it, but with the objects that it reads counted."""
        context = Context.open(
            self.top, worktree=None, author=ADA, progress=lambda *_: None, search_path=None, command=""
        )
        self.store.commits = type(self.store.commits)(self.store.git)  # nothing is remembered from before
        object.__setattr__(context, "store", self.store)
        return context

    def snapshot(self, files: Mapping[str, Entry | bytes], base: ObjectId | None = None) -> ObjectId:
        """A snapshot of files by path, over another one."""
        scan = tree()
        for path, content in files.items():
            *parents, name = path.encode().split(b"/")
            here = scan.root
            for parent in parents:
                here = here.dirs.setdefault(parent, type(here)(DIR))
            here.files[name] = content if isinstance(content, Entry) else file(content)
        return apply_scan(self.store.git, base, scan)

    def commit(
        self, snapshot: ObjectId, *parents: CommitId, message: str = "", layer: Mapping[str, bytes] | None = None
    ) -> CommitId:
        """A commit, one second younger than the one before it; its layer holds these files alone."""
        self._count += 1
        when = _START + timedelta(seconds=self._count)
        number = layer_id(Delta({b"": b"%d" % self._count}))
        for path, content in (layer or {}).items():
            target = self.store.layers.fs(number) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        depth = 1 + self.store.commits.read(parents[0]).layer.depth if parents else 0
        descriptor = LayerDescriptor(number, Quiescence.SEALED, 0, 0, 0, 0, 0, depth, None)
        text = message or f"c{self._count}"
        return self.store.commits.write(
            CommitDraft(parents, ADA, when, ADA, when, text, snapshot, ImageConfig({}), descriptor)
        )

    def branch(self, commit: CommitId, name: str = "main") -> None:
        self.store.git.raw.references.create(f"refs/heads/{name}", commit.hex, force=True)
