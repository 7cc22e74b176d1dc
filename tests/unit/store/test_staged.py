"""Objects that are not written yet."""

from __future__ import annotations

import pytest

from layerctl.errors import Damaged
from layerctl.model.ids import ObjectId
from layerctl.store.staged import StagedObjects
from layerctl.store.store import Store


def test_a_staged_object_has_the_id_that_git_gives_it(store: Store) -> None:
    staged = StagedObjects(store.git)
    assert staged.write_blob(b"content") == store.git.write_blob(b"content")
    assert staged.write_tree(b"") == store.git.write_tree(b"")


def test_nothing_is_stored_before_the_flush(store: Store) -> None:
    staged = StagedObjects(store.git)
    oid = staged.write_blob(b"content")
    assert staged.read(oid) == b"content"
    assert not store.git.has(oid)
    staged.flush()
    assert store.git.read(oid) == staged.read(oid) == b"content"


def test_what_is_stored_can_be_read_through_it(store: Store) -> None:
    assert StagedObjects(store.git).read(store.git.write_blob(b"x")) == b"x"
    with pytest.raises(Damaged):
        StagedObjects(store.git).read(ObjectId(b"\1" * 20))
