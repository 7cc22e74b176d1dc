"""What a process that was killed between a reflog and its ref left is taken back before the move is made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerctl.model.commit import Author
from layerctl.model.operation import RefMove
from layerctl.store.layout import Layout
from layerctl.store.reflogs import take_back_entry
from layerctl.store.store import Store

_ANN = Author("Ann", "ann@x")
_REF = "refs/heads/main"


@pytest.fixture
def ids(store: Store) -> list[str]:
    return [store.git.write_blob(b"%d" % number).hex() for number in range(3)]


def _logs(layout: Layout) -> list[Path]:
    """The ref's reflog, and that of Git's own HEAD, which names the ref."""
    return [layout.git / "logs" / _REF, layout.git / "logs/HEAD"]


@pytest.mark.parametrize("begun", ["", "{old} {new} Ann <ann@x> 1 +0000\tmoved\n", "{old} {new} Ann <an"])
def test_a_move_that_was_begun_is_said_once(store: Store, layout: Layout, ids: list[str], begun: str) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    for path in _logs(layout):
        path.write_text(path.read_text() + begun.format(old=ids[0], new=ids[1]))
    Store(layout).git.move_ref(RefMove(_REF, ids[0], ids[1], "moved"), _ANN, again=True)
    for name in (_REF, "HEAD"):
        assert [entry.message for entry in store.git.reflog(name)] == ["moved", "made"]


def test_a_ref_that_was_begun_to_be_made_is_said_once(store: Store, layout: Layout, ids: list[str]) -> None:
    for path in _logs(layout):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{'0' * 40} {ids[0]} Ann <ann@x> 1 +0000\tmade\n")
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN, again=True)
    assert [entry.message for entry in store.git.reflog(_REF)] == ["made"]


def test_what_was_made_stays(store: Store, layout: Layout, ids: list[str]) -> None:
    move = RefMove(_REF, None, ids[0], "made")
    store.git.move_ref(move, _ANN)
    before = [path.read_bytes() for path in _logs(layout)]
    store.git.move_ref(move, _ANN, again=True)
    take_back_entry(layout.git, RefMove(_REF, ids[0], ids[1], "moved"))
    assert [path.read_bytes() for path in _logs(layout)] == before


def test_another_branch_than_heads_has_a_reflog_of_its_own(store: Store, layout: Layout, ids: list[str]) -> None:
    store.git.move_ref(RefMove(_REF, None, ids[0], "made"), _ANN)
    take_back_entry(layout.git, RefMove("refs/heads/other", None, ids[0], "made"))
    assert len(store.git.reflog("HEAD")) == 1
