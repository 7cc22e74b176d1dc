"""Objects that are not written yet."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from layerctl.errors import Damaged
from layerctl.model.ids import ObjectId
from layerctl.store import pack as pack_module
from layerctl.store import staged as staged_module
from layerctl.store.layout import Layout
from layerctl.store.staged import SpillingObjects, StagedObjects
from layerctl.store.store import Store
from tests.property.stored import assert_fsck_clean


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


def _packs(layout: Layout) -> list[Path]:
    return sorted((layout.git / "objects/pack").glob("*"))


@pytest.fixture
def spilling(store: Store, monkeypatch: pytest.MonkeyPatch) -> SpillingObjects:
    monkeypatch.setattr(staged_module, "_IN_MEMORY", 1000)
    return SpillingObjects(store.git)


def test_many_objects_go_into_a_pack_that_git_does_not_see_yet(
    store: Store, layout: Layout, spilling: SpillingObjects
) -> None:
    store.git.write_blob(b"stored before")
    with spilling as objects:
        contents = [b"stored before", *(b"%d" % number * 20 for number in range(100, 200))]
        oids = [objects.write_blob(data) for data in contents * 2]
        tree = objects.write_tree(b"100644 name\0" + oids[5])
        assert len(list(objects.staged())) < 60
        assert [objects.read(oid) for oid in oids] == contents * 2
        assert not any(store.git.has(oid) for oid in oids[1:101])
        objects.flush()
    assert [store.git.read(oid) for oid in oids] == contents * 2
    assert store.git.find(tree)[0] == "tree"
    (index,) = (layout.git / "objects/pack").glob("*.idx")
    done = subprocess.run(["git", "verify-pack", "-v", index], capture_output=True, text=True, check=True)
    assert (done.stdout.count(" blob "), done.stdout.count(" tree ")) == (100, 1)
    assert [path.suffix for path in _packs(layout)] == [".idx", ".pack"]
    assert_fsck_clean(layout.root)


def test_what_is_not_flushed_leaves_nothing(layout: Layout, spilling: SpillingObjects) -> None:
    with spilling as objects:
        for number in range(100):
            objects.write_blob(b"%d" % number * 20)
        assert _packs(layout)
    assert not _packs(layout)


def test_threads_do_not_write_into_each_others_packs(
    store: Store, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_module, "_IN_MEMORY", 1000)
    begun = threading.Barrier(2)

    def fill(kind: bytes) -> list[ObjectId]:
        with SpillingObjects(store.git) as objects:
            oids = [objects.write_blob(kind * number) for number in range(100)]
            begun.wait(30)
            objects.flush()
        return oids

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(fill, (b"a", b"b")))
    assert [store.git.read(oid) for oid in found[1]] == [b"b" * number for number in range(100)]
    assert_fsck_clean(layout.root)


def test_few_objects_become_no_pack(store: Store, layout: Layout, spilling: SpillingObjects) -> None:
    with spilling as objects:
        oid = objects.write_blob(b"x")
        objects.flush()
    assert store.git.read(oid) == b"x"
    assert not _packs(layout)


def test_a_pack_that_reads_back_otherwise_is_not_taken(layout: Layout, spilling: SpillingObjects) -> None:
    with spilling as objects:
        for number in range(100):
            objects.write_blob(b"%d" % number * 20)
        (path,) = _packs(layout)
        objects.read(objects.write_blob(b"0" * 20))  # nothing is left in a buffer
        with path.open("r+b") as file:
            file.seek(pack_module._HEADER.size)
            file.write(b"?")
        with pytest.raises(Damaged):
            objects.flush()
    assert not _packs(layout)
