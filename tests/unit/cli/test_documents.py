"""The documents of ``--json`` are a promise: exactly these keys."""

from __future__ import annotations

import base64

from layerctl.cli import documents
from layerctl.model.change import Change
from layerctl.model.entry import Kind
from layerctl.model.results import CheckoutResult, CommitResult, Diff, PathView, RollbackResult
from tests.unit.cli.samples import ONE, TWO, changes, file, folder, history, layer, status, symlink

LAYER = {"id", "bytes", "added", "modified", "deleted", "quiescence"}


def test_log() -> None:
    document = documents.log_entry(history()[0])
    assert set(document) == {"commit", "parents", "refs", "author", "date", "message", "layer"}
    assert set(document["author"]) == {"name", "email"}
    assert set(document["layer"]) == LAYER
    assert document["date"] == "2026-03-04T12:00:00+01:00"


def test_status_and_changes() -> None:
    document = documents.status(status())
    assert set(document) == {"worktree", "head", "branch", "mountpoint", "base", "container", "changes"}
    assert len(document["changes"]) == len(changes())
    by_path = {change["path"]: change for change in document["changes"]}
    assert by_path["etc"]["what"] == ["mtime"]
    assert by_path["etc/motd"] == {
        "kind": "M",
        "path": "etc/motd",
        "what": ["content", "mtime"],
        "old_size": 6,
        "new_size": 11,
    }


def test_paths_that_are_not_utf8() -> None:
    document = documents.change(Change(b"a\xff", None, file()))
    assert document["path"] == "a\ufffd"
    assert base64.b64decode(document["path_b64"]) == b"a\xff"
    assert "path_b64" not in documents.change(Change("caf\u00e9\ufffd".encode(), None, file()))


def test_diff() -> None:
    document = documents.diff(Diff(None, ONE, changes()))
    assert (document["from"], document["to"]) == (None, ONE.hex)


def test_commit_checkout_rollback() -> None:
    assert set(documents.commit(CommitResult(ONE, None, "s", layer(), root=True))) == {"commit", "branch", "layer"}
    checkout = documents.checkout(CheckoutResult("default", ONE, "main", "/x", parked=3))
    assert checkout == {"worktree": "default", "commit": ONE.hex, "mountpoint": "/x"}
    rollback = documents.rollback(RollbackResult(TWO, ONE, 9, True, "main", "/x"))
    assert rollback == {"from": TWO.hex, "to": ONE.hex, "operation": 9, "parked": True}


def test_a_path_of_a_commit() -> None:
    entry = file(b"x", xattrs=((b"user.a", b"\0"),))
    document = documents.path_view(ONE, PathView(b"etc", folder(), ((b"f", entry), (b"l\xff", symlink(b"t"))), None))
    assert document["type"] == Kind.DIR.value
    first, second = document["children"]
    assert (first["name"], first["mode"], first["xattrs"]) == ("f", "0644", {"user.a": "AA=="})
    assert (second["target"], "name_b64" in second) == ("t", True)
