"""Image commits as Git commits."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone

import pytest

from layerctl.errors import Damaged
from layerctl.layer.identity import layer_id
from layerctl.model.commit import Author, CommitDraft
from layerctl.model.config import ImageConfig
from layerctl.model.delta import Delta
from layerctl.model.ids import CommitId
from layerctl.model.layer import LayerDescriptor, Quiescence
from layerctl.snapshot.apply import apply_scan
from layerctl.store.commits import CommitStore
from layerctl.store.layout import Layout
from layerctl.store.store import Store
from tests.property.stored import assert_fsck_clean
from tests.unit.snapshot.builders import file, folder, tree

_WHEN = datetime(2026, 3, 29, 2, 30, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))


def _draft(store: Store, *parents: CommitId, message: str = "subject\n\nbody") -> CommitDraft:
    return CommitDraft(
        parents=parents,
        author=Author("Ann Ü", "ann@x"),
        date=_WHEN,
        committer=Author("Bob", "b@x"),
        commit_date=_WHEN + timedelta(days=1),
        message=message,
        snapshot=apply_scan(store.git, None, tree(d=folder(a=file()))),
        config=ImageConfig({"os": "linux", "x": [1]}),
        layer=LayerDescriptor(layer_id(Delta({b"": b"x"})), Quiescence.LIVE, 1, 2, 3, 4, 5, 6, "sha256:" + "0" * 64),
    )


def test_a_commit_comes_back(store: Store) -> None:
    parent = store.commits.write(_draft(store))
    draft = _draft(store, parent)
    commit = CommitStore(store.git).read(store.commits.write(draft))
    for field in ("parents", "author", "date", "committer", "commit_date", "message", "snapshot", "layer"):
        assert getattr(commit, field) == getattr(draft, field), field
    assert commit.date.utcoffset() == _WHEN.utcoffset()
    assert (commit.parent, commit.subject) == (parent, "subject")
    assert store.commits.config(commit).raw == draft.config.raw


def test_plain_git_reads_it(store: Store, layout: Layout) -> None:
    commit = store.commits.write(_draft(store))
    store.git.raw.create_reference("refs/heads/main", commit.hex)
    shown = subprocess.run(
        ["git", "--git-dir", layout.git, "log", "-1", "--format=%an <%ae> %aI%n%cn <%ce> %cI%n%B", "main"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.rstrip("\n").splitlines() == [
        "Ann Ü <ann@x> 2026-03-29T02:30:05-03:30",
        "Bob <b@x> 2026-03-30T02:30:05-03:30",
        "subject",
        "",
        "body",
    ]
    assert_fsck_clean(layout.root)


def test_the_same_commit_has_the_same_id(store: Store) -> None:
    assert store.commits.write(_draft(store)) == store.commits.write(_draft(store))


def test_trailing_newlines_of_a_message_do_not_matter(store: Store) -> None:
    assert store.commits.write(_draft(store, message="m")) == store.commits.write(_draft(store, message="m\n\n"))


def test_what_is_no_image_commit_is_damage(store: Store) -> None:
    blob = store.git.write_blob(b"x")
    with pytest.raises(Damaged):
        store.commits.read(CommitId(blob.hex()))
    with pytest.raises(Damaged):
        store.commits.read(CommitId("1" * 40))
