"""Which directories make up a rootfs, however long its history."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layerctl.errors import Damaged
from layerctl.model.ids import CommitId
from layerctl.mount.overlay import OverlaySpec
from layerctl.mount.worktree import WorktreeMount
from layerctl.store import compaction
from layerctl.store import layers as layers_module
from layerctl.store.layers import MAX_MOUNTED
from tests.oracle import assert_same, listing
from tests.property.stored import marks, rescan
from tests.unit.ops.conftest import Box

_LONG = 100


def _make(source: Path) -> None:
    for name in ("d", "e"):
        (source / name).mkdir()
    for number in range(8):
        (source / f"d/{number}").write_text(f"base {number}")
    os.link(source / "d/0", source / "e/linked")


def _step(root: Path, number: int) -> None:
    """Something that overlays have to get right, other things in other commits."""
    (root / "tick").write_text(str(number))
    target = root / f"d/{number % 8}"
    if number % 5 == 0:
        subprocess.run(["rm", "-rf", target], check=True)
    elif number % 5 == 1:
        shutil.rmtree(root / "e")
        (root / "e").mkdir()
        (root / f"e/{number}").write_text("in a recreated directory")
    elif number % 5 == 2:
        subprocess.run(["rm", "-rf", target], check=True)
        target.mkdir()
        (target / "inside").write_text(str(number))
    elif number % 5 == 3:
        subprocess.run(["rm", "-rf", target], check=True)
        target.write_text(f"file {number}")
    else:
        os.link(root / "tick", root / f"e/link{number}")
        os.setxattr(root / "e", "trusted.overlay.opaque", b"y")


def _grow(box: Box, count: int) -> dict[CommitId, object]:
    states = {}
    for number in range(count):
        _step(box.root, number)
        expected = listing(box.root)
        states[box.repo.commit(str(number)).commit] = expected
    return states


def test_a_long_history_is_mounted_through_few_layers(box: Box) -> None:
    box.base(_make)
    states = _grow(box, _LONG)
    assert_same(listing(box.root), box.elsewhere())
    for commit, state in list(states.items())[:: _LONG // 12]:
        stack = box.store.layers.stack(commit)
        assert len(stack) <= MAX_MOUNTED
        assert len(set(stack)) == len(stack)
        assert_same(state, box.elsewhere(str(commit)))  # type: ignore[arg-type]


def test_compacted_layers_show_what_the_plain_ones_show(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.base(_make)
    commit = list(_grow(box, 30))[-1]
    store = box.store.layers
    compacted = store.stack(commit)
    plain = tuple(store.fs(image.layer.id) for image in store.all_layers(commit))
    assert len(compacted) < len(plain)
    for name, layers in (("compacted", compacted), ("plain", plain)):
        WorktreeMount(box.top / name).attach(OverlaySpec((*layers,), read_only=True))
    assert_same(box.top / "plain", box.top / "compacted")
    for folder in box.layout.compacted.iterdir():
        assert not list(marks(folder / "fs"))


def test_compacted_layers_hold_links_and_no_content(box: Box) -> None:
    box.base(_make)
    (box.root / "big").write_bytes(b"x" * 100_000)
    _grow(box, 5)
    image = next(entry.commit for entry in box.repo.log() if entry.commit.layer.depth == 4)
    run = box.store.layers._compacted(image, 1, lambda *args: None)
    assert (run.fs / "big").stat().st_nlink > 1
    assert run.below is not None
    assert rescan(run.fs).entries[b"big"] is not None


@pytest.mark.parametrize("depth", [1, 2, 5, 24, 25, 100, 1000, 10_000, 4**8 - 1])
def test_no_history_needs_more_layers_than_its_depth_has_digits(depth: int) -> None:
    """The sum of the digits in base 4 (and the base image)."""
    digits = 0
    while depth:
        depth, digit = divmod(depth, layers_module._RADIX)
        digits += digit
    assert digits + 1 <= MAX_MOUNTED + 1


def test_derived_layers_can_be_thrown_away(box: Box) -> None:
    box.base(_make)
    commit = list(_grow(box, 30))[-1]
    expected = listing(box.root)
    box.repo.checkout(str(commit), detach=True)
    shutil.rmtree(box.layout.compacted)
    box.layout.compacted.mkdir()
    assert len(box.store.layers.stack(commit)) <= MAX_MOUNTED
    assert_same(expected, box.elsewhere(str(commit)))


def test_leftovers_of_a_crash_are_no_obstacle(box: Box) -> None:
    box.base(_make)
    commit = list(_grow(box, 8))[-1]
    image = box.store.commits.read(commit)
    left = box.layout.tmp / f"compact-{image.id}-1-{os.getpid()}"
    (left / "fs/half").mkdir(parents=True)
    (box.layout.compacted / f"{image.id}-2.tmp").mkdir()
    (box.layout.tmp / "commit-abcdef/upper").mkdir(parents=True)
    run = box.store.layers._compacted(image, 1, lambda *args: None)
    assert not (run.fs / "half").exists()
    assert not left.exists()
    assert_same(box.root, box.elsewhere())


def test_two_processes_may_compact_the_same_run(box: Box) -> None:
    box.base(_make)
    commit = list(_grow(box, 8))[-1]
    store = box.store.layers
    image = box.store.commits.read(commit)
    first = store._compacted(image, 1, lambda *args: None)
    target = first.fs.parent
    before = target.stat().st_ino
    compaction._adopt(_staged(box, target), target, box.store.durability)
    assert target.stat().st_ino == before


def _staged(box: Box, like: Path) -> Path:
    staging = box.layout.tmp / "staged"
    subprocess.run(["cp", "-a", like, staging], check=True)
    return staging


def test_a_missing_layer_is_damage_with_its_name(box: Box) -> None:
    box.base(_make)
    _grow(box, 2)
    image = box.repo.show()[0].commit
    shutil.rmtree(box.store.layers.folder(image.layer.id))
    with pytest.raises(Damaged, match=image.layer.id.hex[:12]):
        box.store.layers.stack(image.id)


@pytest.mark.parametrize("path", [b"d/1", b"none", b"d", b"tick/x", b"link/inside"])
def test_a_file_is_opened_from_the_topmost_layer_and_never_through_a_symlink(box: Box, path: bytes) -> None:
    """Trap 21."""
    box.base(_make)
    (box.root / "d/1").write_text("new")
    (box.root / "tick").write_text("t")
    (box.top / "outside").mkdir()
    (box.top / "outside/inside").write_text("secret")
    (box.root / "link").symlink_to(box.top / "outside")
    commit = box.repo.commit("x").commit
    with box.store.layers.open_file(commit, path) as fd:
        content = os.read(fd, 100) if fd is not None and path != b"d" else None
    assert content == (b"new" if path == b"d/1" else None)
