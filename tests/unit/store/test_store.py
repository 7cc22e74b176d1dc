"""The parts of a repository together."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime

import pytest

from layerctl.model.operation import FileMove, Operation
from layerctl.store.layout import Layout
from layerctl.store.store import Store, create_repository
from tests.unit.store.dying import die_at

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def test_staging_is_private_and_gone_afterwards(store: Store) -> None:
    with store.staging("x") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep/er").mkdir(parents=True)
    assert os.listdir(store.layout.tmp) == []


def test_staging_is_gone_after_an_error(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.staging("x"):
        raise ZeroDivisionError
    assert os.listdir(store.layout.tmp) == []


def test_what_an_interrupted_operation_needs_is_kept(store: Store, layout: Layout) -> None:
    operation = Operation(1, datetime(2026, 1, 1, tzinfo=UTC), "A <a>", "x", "x", (FileMove("worktrees/x", None, ""),))
    with store.staging("x") as folder:
        for step in range(20):
            if die_at(step, lambda: Store(layout).journal.perform(operation)) or store.journal.has_pending:
                break
        assert store.journal.has_pending
    assert folder.is_dir()
    assert store.recover() == operation
    assert (layout.worktrees / "x").exists()


@pytest.mark.parametrize(
    ("value", "enabled"),
    [(None, True), ("true", True), ("false", False), ("FALSE", False), ("0", False), ("no", False)],
)
def test_durability_is_a_matter_of_config(layout: Layout, value: str | None, enabled: bool) -> None:
    if value is not None:
        Store(layout).git.config_set("layerctl.sync", value)
    store = Store(layout)
    assert (store.durability.enabled, store.git.sync_refs) == (enabled, enabled)


@pytest.mark.parametrize("left", ["HEAD", "config", "HEAD.lock", "config.lock"])
def test_a_creation_that_was_cut_short_is_made_anew(layout: Layout, left: str) -> None:
    """A power cut leaves files of no length, a kill leaves locks; the format file was to come last."""
    layout.format_file.unlink()
    (layout.git / left).write_bytes(b"")
    assert create_repository(layout, "main")
    assert Store(layout).git.refs() == {}
    command = ["git", "--git-dir", layout.git, "symbolic-ref", "HEAD"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"refs/heads/main\n"


def test_a_repository_that_lost_its_format_file_keeps_its_history(layout: Layout) -> None:
    blob = Store(layout).git.write_blob(b"precious")
    layout.format_file.unlink()
    assert create_repository(layout, "main")
    assert Store(layout).git.read(blob) == b"precious"
