"""Revisions as gitrevisions(7) has them, HEAD being the worktree's."""

from __future__ import annotations

import pygit2
import pytest

from layerctl.errors import RevisionNotFound
from layerctl.model.commit import Author
from layerctl.model.ids import CommitId
from layerctl.model.operation import RefMove
from layerctl.model.worktree import Head
from layerctl.store.revisions import Revisions, head_ref
from layerctl.store.store import Store

_WHO = pygit2.Signature("A", "a@x", 0, 0)
_ANN = Author("Ann", "ann@x")


@pytest.fixture
def line(store: Store) -> list[CommitId]:
    """Three commits on main, a tag on the second, and reflogs of main and of the default worktree's HEAD."""
    tree = pygit2.Oid(raw=store.git.write_tree(b""))
    found: list[CommitId] = []
    for number in range(3):
        parents = [pygit2.Oid(hex=found[-1].hex)] if found else []
        made = CommitId(str(store.git.raw.create_commit(None, _WHO, _WHO, f"{number}\n", tree, parents)))
        old = found[-1].hex if found else None
        for ref in ("refs/heads/main", head_ref("default")):
            store.git.move_ref(RefMove(ref, old, made.hex, f"commit: {number}"), _ANN)
        found.append(made)
    store.git.raw.create_tag("v1", pygit2.Oid(hex=found[1].hex), pygit2.enums.ObjectType.COMMIT, _WHO, "annotated")
    return found


def _resolve(store: Store, revision: str, head: Head | None = None) -> CommitId:
    return Revisions(store.git, "default", head or Head(branch="main")).resolve(revision)


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        ("HEAD", 2),
        ("@", 2),
        ("main", 2),
        ("refs/heads/main", 2),
        ("HEAD~2", 0),
        ("HEAD^", 1),
        ("@~1", 1),
        ("HEAD^{commit}", 2),
        ("v1", 1),
        ("v1^", 0),
        ("v1^{}", 1),
        ("main@{1}", 1),
        ("HEAD@{2}", 0),
        ("@{1}", 1),
        (":/^1", 1),
    ],
)
def test_a_revision_names_a_commit(store: Store, line: list[CommitId], revision: str, expected: int) -> None:
    assert _resolve(store, revision) == line[expected]


def test_a_short_id_names_a_commit(store: Store, line: list[CommitId]) -> None:
    assert _resolve(store, line[0].hex[:10]) == line[0]


@pytest.mark.parametrize("revision", ["", "none", "HEAD~3", "v1^2", "main@{7}", "HEAD:x", "0" * 40, "a b", "~", "^"])
def test_what_names_none_is_not_found(store: Store, line: list[CommitId], revision: str) -> None:
    with pytest.raises(RevisionNotFound):
        _resolve(store, revision)


def test_head_is_the_worktrees_not_gits(store: Store, line: list[CommitId]) -> None:
    assert _resolve(store, "HEAD~1", Head(commit=line[1])) == line[0]
    assert Revisions(store.git, "default", Head(commit=line[0])).head_commit() == line[0]


def test_an_unborn_branch_has_no_head(store: Store) -> None:
    assert Revisions(store.git, "default", Head(branch="main")).head_commit() is None
    with pytest.raises(RevisionNotFound, match="unborn"):
        _resolve(store, "HEAD")


def test_a_branch_called_like_head_is_not_head(store: Store, line: list[CommitId]) -> None:
    store.git.raw.create_reference("refs/heads/HEADER", line[0].hex)
    assert _resolve(store, "HEADER") == line[0]
