"""What in a folder is a hook, and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerctl.hooks import EVENTS, hooks_of_event, place_of, read_folder, sample_of
from layerctl.model.hook import HookState


def put(folder: Path, name: str, content: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def states(folder: Path) -> dict[str, str]:
    return {hook.name: hook.state.value for hook in read_folder(folder)}


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert read_folder(tmp_path / "nope") == []
    assert hooks_of_event(tmp_path / "nope", "pre-commit") == []


def test_every_kind(tmp_path: Path) -> None:
    put(tmp_path, "pre-commit")
    put(tmp_path, "commit-msg", mode=0o644)
    put(tmp_path, "pre-commit.d/b")
    put(tmp_path, "pre-commit.d/a", mode=0o644)
    put(tmp_path, "pre-run.sample")
    put(tmp_path, "post-run.tell.sample")
    put(tmp_path, "precommit")
    (tmp_path / "post-commit").symlink_to("gone")
    (tmp_path / "pre-gc").mkdir()
    assert states(tmp_path) == {
        "pre-commit": "active",
        "commit-msg": "not executable",
        "pre-commit.b": "active",
        "pre-commit.a": "not executable",
        "pre-run": "sample",
        "post-run.tell": "sample",
        "precommit": "unknown event",
        "post-commit": "broken",
        "pre-gc": "broken",
    }
    trouble = {hook.name: hook.trouble for hook in read_folder(tmp_path) if hook.trouble is not None}
    assert trouble == {
        "commit-msg": "is not executable",
        "pre-commit.a": "is not executable",
        "post-commit": "is a symlink that leads nowhere",
        "pre-gc": "is no regular file",
    }


@pytest.mark.parametrize(
    "name",
    [
        "pre-commit.old",
        "pre-commit~",
        ".pre-commit",
        "pre-commit.d/secrets.sample",
        "pre-commit.d/secrets~",
        "pre-commit.d/.hidden",
        "README",
        "nope.sample",
        "pre-commit.a.b.sample",
    ],
)
def test_leftovers_of_editors_and_unknown_names_are_no_hooks(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, mode=0o644 if name == "README" else 0o755)
    assert read_folder(tmp_path) == []


def test_they_are_called_in_order(tmp_path: Path) -> None:
    for name in ("pre-commit.d/10-b", "pre-commit.d/a", "pre-commit", "pre-commit.d/05-x"):
        put(tmp_path, name)
    names = [hook.name for hook in hooks_of_event(tmp_path, "pre-commit")]
    assert names == ["pre-commit", "pre-commit.05-x", "pre-commit.10-b", "pre-commit.a"]


def test_a_symlink_to_a_program_is_a_hook(tmp_path: Path) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/pre-run").symlink_to(put(tmp_path, "elsewhere"))
    [hook] = hooks_of_event(tmp_path / "hooks", "pre-run")
    assert hook.state is HookState.ACTIVE


def test_a_sample_and_its_hook_lead_to_each_other(tmp_path: Path) -> None:
    assert place_of(tmp_path, "pre-commit.secrets") == tmp_path / "pre-commit.d/secrets"
    assert place_of(tmp_path, "pre-commit") == tmp_path / "pre-commit"
    assert sample_of(tmp_path, "pre-commit.secrets") == tmp_path / "pre-commit.secrets.sample"


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        ("#!/bin/sh\n# Refuse what is wrong. And more.\n", "Refuse what is wrong"),
        ('#!/usr/bin/env python3\n"""Say it."""\n', "Say it"),
        ("#!/usr/bin/node\n// Tell them.\n", "Tell them"),
        ("#!/bin/sh\n\nset -e\n# too late\n", ""),
        ("\0\1\2", ""),
        ("", ""),
    ],
)
def test_the_summary_is_the_first_comment(tmp_path: Path, content: str, summary: str) -> None:
    put(tmp_path, "pre-run", content)
    assert read_folder(tmp_path)[0].summary == summary


def test_only_what_comes_before_can_refuse() -> None:
    assert {name for name, event in EVENTS.items() if not event.can_refuse} == {
        name for name in EVENTS if name.startswith("post-")
    }
