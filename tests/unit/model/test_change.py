"""What a change says about itself."""

from __future__ import annotations

from typing import Any

import pytest

from layerctl.layer.content import digest_bytes
from layerctl.model.change import Aspect, Change, ChangeKind
from layerctl.model.entry import Entry, Kind

_FILE = Entry(Kind.FILE, 0o644, 0, 0, 0, 1, digest_bytes(b"a"))
_DIR = Entry(Kind.DIR, 0o755, 0, 0, 0)
_LINK = Entry(Kind.SYMLINK, 0o777, 0, 0, 0, target=b"a")
_NODE = Entry(Kind.CHAR, 0o600, 0, 0, 0, rdev=(1, 3))


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (None, _FILE, ChangeKind.ADDED),
        (_FILE, None, ChangeKind.DELETED),
        (_FILE, _FILE._replace(mode=0), ChangeKind.MODIFIED),
        (_FILE, _DIR, ChangeKind.TYPE),
        (_DIR, _LINK, ChangeKind.TYPE),
    ],
)
def test_the_kind_follows_from_what_was_and_what_is(old: Entry | None, new: Entry | None, kind: ChangeKind) -> None:
    assert Change(b"x", old, new).kind is kind


@pytest.mark.parametrize(
    ("entry", "fields", "aspect"),
    [
        (_FILE, {"digest": digest_bytes(b"b")}, Aspect.CONTENT),
        (_FILE, {"mode": 0o4755}, Aspect.MODE),
        (_FILE, {"uid": 1}, Aspect.OWNER),
        (_FILE, {"gid": 1}, Aspect.OWNER),
        (_FILE, {"mtime_ns": 1}, Aspect.MTIME),
        (_FILE, {"xattrs": ((b"user.k", b""),)}, Aspect.XATTR),
        (_LINK, {"target": b"b"}, Aspect.CONTENT),
        (_NODE, {"rdev": (1, 5)}, Aspect.CONTENT),
    ],
)
def test_one_difference_is_one_aspect(entry: Entry, fields: dict[str, Any], aspect: Aspect) -> None:
    assert Change(b"x", entry, entry._replace(**fields)).what == (aspect,)


def test_aspects_come_in_the_documented_order() -> None:
    changed = Entry(Kind.FIFO, 0, 1, 1, 1, xattrs=((b"user.k", b""),))
    assert Change(b"x", _FILE, changed).what == tuple(aspect for aspect in Aspect if aspect is not Aspect.LINK)


def test_a_relinked_path_says_so() -> None:
    assert Change(b"x", _FILE, _FILE, relinked=True).what == (Aspect.LINK,)
    assert Change(b"x", _FILE, _FILE, relinked=True).kind is ChangeKind.MODIFIED


def test_an_added_or_deleted_path_has_no_aspects() -> None:
    assert Change(b"x", None, _FILE).what == Change(b"x", _FILE, None).what == ()


def test_only_the_mtime_of_a_directory_is_noise() -> None:
    assert Change(b"d", _DIR, _DIR._replace(mtime_ns=1)).is_noise
    assert not Change(b"d", _DIR, _DIR._replace(mtime_ns=1, mode=0)).is_noise
    assert not Change(b"f", _FILE, _FILE._replace(mtime_ns=1)).is_noise
    assert not Change(b"d", None, _DIR).is_noise
    assert not Change(b"d", _DIR, None).is_noise
