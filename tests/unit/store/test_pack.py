"""Packs written by hand are what Git expects."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from layerctl.model.ids import ObjectId
from layerctl.store import pack as pack_module
from layerctl.store.git import GitRepository
from layerctl.store.layout import Layout
from layerctl.store.staged import StagedObjects
from layerctl.store.store import Store
from tests.property.stored import assert_fsck_clean


def _fill(store: Store, count: int) -> list[ObjectId]:
    staged = StagedObjects(store.git)
    found = [staged.write_blob(b"%d\n" % number * number) for number in range(count)]
    staged.flush()
    return found


@pytest.mark.parametrize("count", [1, 63, 64, 300])
def test_every_object_can_be_read_back(store: Store, layout: Layout, count: int) -> None:
    for number, oid in enumerate(_fill(store, count)):
        assert store.git.read(oid) == b"%d\n" % number * number
        assert GitRepository(layout.git).has(oid)
    packs = list((layout.git / "objects/pack").glob("*.pack"))
    assert len(packs) == (count >= 64)
    assert_fsck_clean(layout.root)


def test_git_verifies_the_pack(store: Store, layout: Layout) -> None:
    _fill(store, 200)
    (index,) = (layout.git / "objects/pack").glob("*.idx")
    done = subprocess.run(["git", "verify-pack", "-v", index], capture_output=True, text=True, check=True)
    assert done.stdout.count(" blob ") == 200


def test_an_offset_beyond_two_gibibytes_goes_into_the_large_table(
    store: Store, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_module, "_LARGE", 1 << 31)
    places = [(12, 1), ((1 << 31) + 5, 2), ((1 << 31) - 1, 3)]
    oids = [ObjectId(bytes([number]) * 20) for number in range(3)]
    index = pack_module._index(oids, places, b"c" * 20)
    offsets = index[8 + 1024 + 60 + 12 :]
    assert offsets[:12] == (12).to_bytes(4, "big") + b"\x80\0\0\0" + ((1 << 31) - 1).to_bytes(4, "big")
    assert offsets[12:20] == ((1 << 31) + 5).to_bytes(8, "big")


def test_what_a_killed_process_of_the_same_number_left_is_no_obstacle(store: Store, layout: Layout) -> None:
    folder = layout.git / "objects/pack"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"tmp_pack_{os.getpid()}").write_bytes(b"half a pack")
    _fill(store, 100)
    assert not list(folder.glob("tmp_*"))
    assert_fsck_clean(layout.root)


def test_the_same_objects_twice_are_written_once(store: Store, layout: Layout) -> None:
    _fill(store, 100)
    _fill(store, 100)
    assert len(list((layout.git / "objects/pack").glob("*.pack"))) == 1


def test_the_index_comes_last(store: Store, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    rename = os.rename
    monkeypatch.setattr(pack_module.os, "rename", lambda one, two: (names.append(Path(two).suffix), rename(one, two)))
    _fill(store, 100)
    assert names == [".pack", ".idx"]


def test_trees_and_blobs_keep_their_types(store: Store, layout: Layout) -> None:
    staged = StagedObjects(store.git)
    blobs = [staged.write_blob(b"%d" % number) for number in range(100)]
    tree = staged.write_tree(b"".join(b"100644 %03d\0%s" % (number, blob) for number, blob in enumerate(blobs)))
    staged.flush()
    kinds = subprocess.run(
        ["git", "--git-dir", layout.git, "cat-file", "--batch-check=%(objecttype)"],
        input=f"{tree.hex()}\n{blobs[0].hex()}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert kinds.stdout.split() == ["tree", "blob"]
    assert_fsck_clean(layout.root)
