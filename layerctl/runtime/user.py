"""Who a container's process runs as: the image config's ``User`` against the rootfs's own account files.

Source: OCI image-spec ``config.md``, "User"; groups as Docker: a given group replaces the supplementary ones.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from layerctl.errors import UsageError
from layerctl.runtime.inside import read_inside
from layerctl.values import frozen

_LIMIT = 16 << 20
_ID_MAX = (1 << 32) - 2


@frozen
class User:
    """A resolved user.

    Attributes:
        uid: numeric user id inside the container.
        gid: numeric primary group id.
        groups: supplementary group ids, sorted, without the primary one.
        home: home directory for ``HOME``; ``/`` for an account without one.
    """

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = "/"


#: Root with Docker's idea of its home; for callers that have no rootfs to ask.
ROOT = User(0, 0, (), "/root")


@frozen
class _Account:
    name: str
    uid: int
    gid: int
    home: str


@frozen
class _Group:
    name: str
    gid: int
    members: tuple[str, ...]


def resolve_user(rootfs: Path, text: str) -> User:
    """Looks up ``user[:group]``, names or numbers, in a rootfs.

    Args:
        rootfs: a mounted rootfs; its content is not trusted.
        text: as in the image config; empty for root.

    Raises:
        UsageError: a name that the rootfs does not have, a number out of range, or oversized account files.
    """
    user_text, colon, group_text = (text or "0").partition(":")
    if not user_text or (colon and not group_text):
        raise UsageError(f"not a user: {text!r}", hint="write USER or USER:GROUP, as names or numbers")
    fd = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        account = _find_account(fd, user_text)
        groups = list(_groups(fd))
    finally:
        os.close(fd)
    if group_text:
        return User(account.uid, _find_group(groups, group_text), (), account.home)
    extra = {group.gid for group in groups if account.name and account.name in group.members} - {account.gid}
    return User(account.uid, account.gid, tuple(sorted(extra)), account.home)


def _find_account(root: int, text: str) -> _Account:
    """A name wins over a number, as in Docker; a number needs no account."""
    number = _id(text)
    accounts = list(_accounts(root))
    named = (account for account in accounts if account.name == text)
    numbered = (account for account in accounts if account.uid == number)
    account = next(named, None) or next(numbered, None)
    if account is not None:
        return account
    if number is None:
        raise UsageError(f"no user {text!r} in the image's /etc/passwd")
    return _Account("", number, 0, "/root" if number == 0 else "/")


def _find_group(groups: list[_Group], text: str) -> int:
    for group in groups:
        if group.name == text:
            return group.gid
    number = _id(text)
    if number is None:
        raise UsageError(f"no group {text!r} in the image's /etc/group")
    return number


def _id(text: str) -> int | None:
    """A numeric id; -1 is no id but "leave it", see ``chown(2)``."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    number = int(text)
    return number if number <= _ID_MAX else None


def _accounts(root: int) -> Iterator[_Account]:
    for name, _, uid_text, gid_text, _, home, *_ in _lines(root, b"etc/passwd", 7):
        uid, gid = _id(uid_text), _id(gid_text)
        if uid is not None and gid is not None:
            yield _Account(name, uid, gid, home or "/")


def _groups(root: int) -> Iterator[_Group]:
    for name, _, gid_text, members, *_ in _lines(root, b"etc/group", 4):
        gid = _id(gid_text)
        if gid is not None:
            yield _Group(name, gid, tuple(members.split(",")))


def _lines(root: int, path: bytes, fields: int) -> Iterator[list[str]]:
    """Malformed lines are skipped, as the C library does. See ``passwd(5)``, ``group(5)``."""
    try:
        data = read_inside(root, path, _LIMIT) or b""
    except OSError as exc:
        if exc.errno != errno.EFBIG:
            raise
        raise UsageError(f"the image's /{path.decode()} is over {_LIMIT >> 20} MiB") from exc
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        words = line.split(":")
        if len(words) >= fields and words[0]:
            yield words
