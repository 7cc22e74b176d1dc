"""Messages and authors."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from layerctl.cli.message import edited_message, given_message, parse_author
from layerctl.cli.settings import Settings
from layerctl.errors import Declined, NotFound, UsageError
from layerctl.model.commit import Author


@pytest.mark.parametrize(
    ("text", "author"),
    [
        ("Ada <a@b>", Author("Ada", "a@b")),
        ("  Ada King  Lovelace <a@b> ", Author("Ada King  Lovelace", "a@b")),
        ("A <>", Author("A", "")),
    ],
)
def test_authors(text: str, author: Author) -> None:
    assert parse_author(text) == author


@pytest.mark.parametrize("text", ["", "Ada", "<a@b>", "Ada <a@b", "Ada <a> <b>", "A\nB <c>"])
def test_what_is_no_author(text: str) -> None:
    with pytest.raises(UsageError):
        parse_author(text)


def test_given_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m").write_bytes(b"file \xff\n\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin\n"))
    assert given_message((), None) is None
    assert given_message(["a", "b"], None) == "a\n\nb"
    assert given_message((), str(tmp_path / "m")) == "file \ufffd"
    assert given_message((), "-") == "from stdin"
    with pytest.raises(NotFound):
        given_message((), str(tmp_path / "missing"))


def editor(tmp_path: Path, script: str, **environment: str) -> Settings:
    path = tmp_path / "editor with space"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Settings.from_environment({"EDITOR": f"'{path}'", **environment})


def test_the_editor_sees_the_template(tmp_path: Path) -> None:
    settings = editor(
        tmp_path, f'cp "$1" "{tmp_path}/seen"; printf "\\n\\nMine \\n\\n\\n\\nmore\\n# not this\\n" > "$1"'
    )
    assert edited_message(settings, None, "old", ["On branch main", "", "  M  etc"]) == "Mine\n\nmore"
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("old\n\n# Write")
    assert seen.endswith("# On branch main\n#\n#   M  etc\n")


@pytest.mark.parametrize("script", ['printf "# only comments\\n\\n" > "$1"', "exit 3"])
def test_the_editor_can_stop_a_commit(tmp_path: Path, script: str) -> None:
    with pytest.raises(Declined):
        edited_message(editor(tmp_path, script), None, "old", [])


def test_which_editor(tmp_path: Path) -> None:
    configured = "printf configured >"
    assert edited_message(editor(tmp_path, "exit 1"), configured, "", []) == "configured"
    named = editor(tmp_path, "exit 1", GIT_EDITOR="printf named >")
    assert edited_message(named, configured, "", []) == "named"
    assert Settings.from_environment({}).fallback_editor == "vi"
    assert Settings.from_environment({"EDITOR": "e", "VISUAL": "v"}).fallback_editor == "v"
