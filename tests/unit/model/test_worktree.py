"""HEAD and the worktree record as their files hold them."""

from __future__ import annotations

import pytest

from layerctl.errors import UsageError
from layerctl.model.ids import CommitId
from layerctl.model.worktree import Head, WorktreeRecord


@pytest.mark.parametrize("head", [Head(branch="main"), Head(branch="a/b"), Head(commit=CommitId("a" * 40))])
def test_a_head_comes_back_from_its_file(head: Head) -> None:
    assert Head.from_text(head.to_text()) == head


def test_a_head_is_written_as_git_writes_it() -> None:
    assert Head(branch="main").to_text() == "ref: refs/heads/main\n"
    assert Head(commit=CommitId("a" * 40)).to_text() == "a" * 40 + "\n"
    assert Head(branch="main").ref == "refs/heads/main"
    assert Head(commit=CommitId("a" * 40)).ref is None


@pytest.mark.parametrize("text", ["", "nonsense", "a" * 39])
def test_a_torn_head_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Head.from_text(text)


@pytest.mark.parametrize(
    "record",
    [
        WorktreeRecord(None, "/mnt"),
        WorktreeRecord(CommitId("a" * 40), "/m\udcff", True, True, "box", (("etc/resolv.conf", False), ("proc", True))),
    ],
)
def test_a_record_comes_back_from_json(record: WorktreeRecord) -> None:
    assert WorktreeRecord.from_json(record.to_json()) == record
