"""Fixed values for tests of the command line."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from layerctl.model.change import Change
from layerctl.model.commit import Author, ImageCommit
from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import CommitId, Digest, LayerId, ObjectId
from layerctl.model.layer import LayerDescriptor, Quiescence
from layerctl.model.results import LogEntry, Status

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=timezone(timedelta(hours=1)))
ADA = Author("Ada Lovelace", "ada@example.org")
NANOSECONDS = 1_000_000_000


def commit_id(name: str) -> CommitId:
    """An id that begins with a few given hex digits."""
    return CommitId(name.ljust(40, "0"))


BASE, ONE, TWO, SIDE, MERGE = (commit_id(name) for name in ("ba5e", "1111111", "2222222", "51de", "3e4e"))


def layer(added: int = 3, modified: int = 1, deleted: int = 0, size: int = 1_234_567) -> LayerDescriptor:
    return LayerDescriptor(LayerId("ab" * 32), Quiescence.SEALED, added, modified, deleted, size, added + modified)


def commit(id: CommitId, *parents: CommitId, message: str = "A commit", days: int = 0) -> ImageCommit:
    date = NOW - timedelta(days=days)
    tree = ObjectId(b"\1" * 20)
    return ImageCommit(id, parents, ADA, date, ADA, date, message, tree, tree, layer())


def history() -> list[LogEntry]:
    """A base image, two commits on it, a branch from the first, and their merge, newest first."""
    return [
        LogEntry(commit(MERGE, TWO, SIDE, message="Merge side"), ("HEAD -> main",)),
        LogEntry(
            commit(TWO, ONE, message="Set the message of the day\n\nWith a body\nof two lines.", days=1), ("tag: v2",)
        ),
        LogEntry(commit(SIDE, ONE, message="Try another way", days=2), ("side", "tag: try")),
        LogEntry(commit(ONE, BASE, message="Install nginx", days=30), ()),
        LogEntry(commit(BASE, message="Debian 12", days=800), ("tag: base",)),
    ]


def file(content: bytes = b"", mode: int = 0o644, uid: int = 0, mtime: int = 1, **more: object) -> Entry:
    digest = Digest(content.ljust(32, b"\0")[:32])
    size = more.pop("size", len(content))
    return Entry(Kind.FILE, mode, uid, uid, mtime * NANOSECONDS, size, digest, **more)  # type: ignore[arg-type]


def folder(mode: int = 0o755, mtime: int = 1) -> Entry:
    return Entry(Kind.DIR, mode, 0, 0, mtime * NANOSECONDS)


def symlink(target: bytes) -> Entry:
    return Entry(Kind.SYMLINK, 0o777, 0, 0, NANOSECONDS, target=target)


def changes() -> tuple[Change, ...]:
    """One of each kind, sorted by path; one is noise."""
    gone = [Change(b"usr/share/doc/x/f%d" % number, file(size=100 + number), None) for number in range(9)]
    return (
        Change(b"bin", symlink(b"usr/bin"), folder()),
        Change(b"dev/null", None, Entry(Kind.CHAR, 0o666, 0, 0, 0, rdev=(1, 3))),
        Change(b"etc", folder(mtime=1), folder(mtime=2)),
        Change(b"etc/localtime", None, symlink(b"/usr/share/zoneinfo/UTC")),
        Change(b"etc/motd", file(b"hello\n", mtime=1), file(b"hello\nmore\n", mtime=2)),
        Change(b"etc/passwd", file(b"root\n"), file(b"root\n", mode=0o600, uid=7)),
        Change(b"etc/t\tab\xff", None, file(b"odd", size=286)),
        Change(b"etc/touched", file(b"t", mtime=1), file(b"t", mtime=2)),
        Change(b"usr/bin/nginx", None, file(size=1_234_567, mode=0o755)),
        Change(b"usr/share/doc/x", folder(), None),
        *gone,
    )


def status(**fields: object) -> Status:
    defaults: dict[str, object] = {
        "worktree": "default",
        "head": TWO,
        "branch": "main",
        "mountpoint": "/srv/app/rootfs",
        "mounted": True,
        "base": TWO,
        "container": None,
        "changes": changes(),
    }
    return Status(**(defaults | fields))  # type: ignore[arg-type]
