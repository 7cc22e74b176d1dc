"""What verbs print for people, at 80 columns, from fixed values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta

import pytest

from layerctl.cli import documents, upkeep_documents
from layerctl.cli.commands.du import usage_lines
from layerctl.cli.commands.gc import summary as gc_lines
from layerctl.cli.commands.rollback import summary
from layerctl.cli.render.blame import blame_lines
from layerctl.cli.render.changes import list_changes, name_status, visible
from layerctl.cli.render.grep import GrepFormat
from layerctl.cli.render.listing import listing_lines
from layerctl.cli.render.log import LogFormat, log_lines
from layerctl.cli.render.loggraph import graph_lines
from layerctl.cli.render.meaning import config_lines, package_lines
from layerctl.cli.render.operations import operation_lines
from layerctl.cli.render.patch import patch_lines
from layerctl.cli.render.refs import branch_lines, reflog_lines, tag_lines
from layerctl.cli.render.stat import stat_lines
from layerctl.cli.render.status import status_lines
from layerctl.cli.render.style import PLAIN, Style
from layerctl.cli.render.tables import check_lines, worktree_lines
from layerctl.model.blame import Blame, BlamedEntry, BlamedLine
from layerctl.model.change import Change
from layerctl.model.configdiff import ConfigChange
from layerctl.model.operation import FileMove, Operation, RefMove, Rename
from layerctl.model.packages import PackageChange, PackageDiff, PackageName
from layerctl.model.results import (
    Branch,
    Check,
    Diff,
    DiskUsage,
    Freed,
    GcResult,
    LogEntry,
    ReflogLine,
    RollbackResult,
    Share,
    Tag,
    WorktreeInfo,
)
from layerctl.model.scan import RootPath
from layerctl.model.search import FoundFile, Hit
from layerctl.values import replace
from tests.golden.compare import check
from tests.unit.cli.samples import (
    ADA,
    BASE,
    NOW,
    ONE,
    SIDE,
    TWO,
    changes,
    commit,
    file,
    folder,
    history,
    status,
    symlink,
)

COLOR = Style(True)
HEAD = commit(TWO, ONE, message="Set the message of the day")
OLD = {b"etc/motd": b"hello\n", b"usr/share/doc/x/f0": b"\0binary"}
NEW = {b"etc/motd": b"hello\nmore\n", b"etc/t\tab\xff": b"no newline", b"usr/bin/nginx": b"\x7fELF\0"}


def stat_of(entry: LogEntry) -> Iterable[str]:
    return stat_lines(visible(changes())[:4], PLAIN, 70) if entry.commit.parents else ()


def patch() -> Iterable[str]:
    for change in visible(changes()):
        yield from patch_lines(
            change, lambda path: OLD.get(path, b"old\n"), lambda path: NEW.get(path, b"new\n"), PLAIN
        )


BRANCHES = [Branch("main", TWO, "default", "Two"), Branch("side", SIDE, "other", "Side"), Branch("x", ONE, None, "One")]
WORKTREES = [
    WorktreeInfo("default", TWO, "main", "/srv/app/rootfs", True, True, None),
    WorktreeInfo("empty", None, "new", "/srv/app/empty", False, None, None),
    WorktreeInfo("try", SIDE, None, "/srv/somewhere else", True, False, "4f5e"),
]
OPERATIONS = [
    Operation(
        12,
        NOW,
        "Ada <a@b>",
        "undo",
        "undo: layerctl rollback",
        (
            Rename("worktrees/default/upper", "parked/12/upper"),
            Rename("parked/11/upper", "worktrees/default/upper"),
            FileMove("worktrees/default/worktree.json", "{}", "{}"),
            RefMove("refs/heads/main", BASE.hex, ONE.hex, "undo"),
        ),
        undoes=11,
    ),
    Operation(
        11,
        NOW - timedelta(minutes=3),
        "Ada <a@b>",
        "rollback",
        "layerctl rollback",
        (
            RefMove("refs/heads/main", ONE.hex, BASE.hex, "rollback"),
            RefMove("refs/layerctl/operations/11-0", None, ONE.hex, keep=True),
            Rename("worktrees/default/upper", "parked/11/upper"),
            Rename("worktrees/default/work", "parked/11/work"),
            Rename("tmp/rollback-x/upper", "worktrees/default/upper", keep=True),
        ),
    ),
    Operation(
        10,
        NOW - timedelta(hours=3),
        "Bob <b@b>",
        "commit",
        "layerctl commit -m 'a\tb'",
        (
            Rename("worktrees/default/upper", "layers/1234/fs", keep=True),
            FileMove("worktrees/default/HEAD", f"{BASE.hex}\n", f"{ONE.hex}\n"),
        ),
    ),
    Operation(
        2,
        NOW - timedelta(days=3),
        "Ada <a@b>",
        "worktree add",
        "layerctl worktree add try v1",
        (
            RefMove("refs/heads/try", None, ONE.hex, "branch: Created from v1"),
            FileMove("worktrees/try/HEAD", None, "ref: refs/heads/try\n", keep=True),
        ),
    ),
    Operation(
        1,
        NOW - timedelta(days=4),
        "Ada <a@b>",
        "worktree remove",
        "layerctl worktree remove old",
        (Rename("worktrees/old", "parked/1/worktree"), RefMove("refs/tags/v0", BASE.hex, None, "tag: deleted")),
    ),
]
CHECKS = [
    Check("kernel", True, "Linux 6.18"),
    Check("OCI runtime", False, "none found", "install runc or crun"),
    Check("git", False, "none found", "install git to look at the history with it", needed=False),
]
REFLOG = [
    ReflogLine("main@{0}", ONE, "rollback: moving to 1111111", ADA, NOW),
    ReflogLine("main@{1}", TWO, "commit: Set the message of the day", ADA, NOW),
]
TAGS = [Tag("base", BASE, None), Tag("v2", TWO, "The second\n\nwith a body")]
LISTING = [
    (b"motd", file(b"hello", mtime=1_700_000_000)),
    (b"log", folder(0o2775)),
    (b"tm\np", folder(0o1777)),
    (b"localtime", symlink(b"/usr/share/zoneinfo/UTC")),
    (b"null", changes()[1].new or file()),
    (b"huge", file(size=123_456_789, uid=1000)),
]
BLAMED_ENTRIES = tuple(
    BlamedEntry(name, entry, history()[number % 5].commit) for number, (name, entry) in enumerate(LISTING)
)
BLAMED_LINES = tuple(
    BlamedLine(number + 1, text, history()[number % 5].commit)
    for number, text in enumerate([b"one\n", b"two \033[1m\xff\n", b"\n", *[b"\tx\n"] * 7])
)
FOUND = [
    FoundFile(
        b"etc/motd", False, (Hit(1, b"one needle, two needles", ((4, 10), (16, 22))), Hit(12, b"needle", ((0, 6),)))
    ),
    FoundFile(b"etc/t\tab\xff", False, (Hit(3, b"a\033[2Jneedle\xff", ((5, 11),)),)),
    FoundFile(b"usr/bin/tool", True),
]
PACKAGES = PackageDiff(
    (
        PackageChange(PackageName("dpkg", "libc6", "amd64"), "2.36-9", "2.36-10"),
        PackageChange(PackageName("dpkg", "libc6", "i386"), "2.36-9", None),
        PackageChange(PackageName("dpkg", "nginx", "amd64"), "1:1.22", "1.22"),
        PackageChange(PackageName("npm", "@types/node", location=b"srv/node_modules"), None, "20.1.0"),
        PackageChange(PackageName("pip", "odd", location=b"usr/lib/\xff/site-packages"), "one", "t\033[1mwo"),
    )
)
CONFIG = (
    ConfigChange("Cmd", ["sh"], ["nginx", "-g", "daemon off; " * 8]),
    ConfigChange("Env.EMPTY", None, ""),
    ConfigChange("Env.PATH", "/bin", "/usr/bin:/bin"),
    ConfigChange("ExposedPorts.80/tcp", {}, None),
    ConfigChange("Labels.note", "two\nlines", None),
)
ROLLBACK = RollbackResult(TWO, ONE, 12, True, "main", "/srv/app/rootfs")

GC = GcResult(
    False,
    {
        "operations": Freed(2, 0),
        "parked": Freed(1, 123_456),
        "layers": Freed(12, 1_234_567_890),
        "runs": Freed(0, 0),
        "objects": Freed(1204, 34_567),
        "reflog_entries": Freed(3, 0),
        "leftovers": Freed(1, 4096),
    },
    11,
    (),
)

USAGE = DiskUsage(
    {"layers": 123_456_789, "write_layers": 4096, "parked": 0, "runs": 8192, "git": 1_234_567, "other": 999},
    (Share("main", 123_456_789, 4096), Share("side", 123_000_000, 0)),
    (Share("v1", 123_000_000, 0),),
    (Share("default", 4096, 4096),),
    (
        Share(BASE.hex, 123_000_000, 123_000_000, "Debian\t12"),
        Share(ONE.hex, 456_789, 4096, "Install nginx"),
        Share(TWO.hex, 0, 0, ""),
    ),
)

OUTPUTS: dict[str, Iterable[str]] = {
    "status": status_lines(status(), HEAD, PLAIN),
    "status-color": status_lines(status(), HEAD, COLOR),
    "status-clean": status_lines(status(changes=()), HEAD, PLAIN),
    "status-detached": status_lines(status(branch=None, worktree="try", mounted=False, changes=()), HEAD, PLAIN),
    "status-busy": status_lines(status(base=ONE, container="4f5e", changes=changes()[4:5]), HEAD, PLAIN),
    "status-unborn": status_lines(status(head=None, base=None, mounted=False, changes=()), None, PLAIN),
    "diff": list_changes(visible(changes()), PLAIN),
    "diff-color": list_changes(visible(changes()), COLOR),
    "diff-name-status": name_status(visible(changes())),
    "diff-stat": stat_lines(visible(changes()), PLAIN, 80),
    "diff-stat-narrow": stat_lines(visible(changes()), PLAIN, 40),
    "diff-stat-limited": stat_lines(visible(changes()), PLAIN, 80, 2),
    "diff-packages": package_lines(PACKAGES, PLAIN),
    "diff-packages-color": package_lines(PACKAGES, COLOR),
    "diff-config": config_lines(CONFIG, PLAIN),
    "diff-config-color": config_lines(CONFIG, COLOR),
    "diff-patch": patch(),
    "log": log_lines(history(), LogFormat(PLAIN, NOW)),
    "log-color": log_lines(history(), LogFormat(COLOR, NOW)),
    "log-stat": log_lines(history()[3:], LogFormat(PLAIN, NOW), stat_of),
    "log-oneline": log_lines(history(), LogFormat(PLAIN, NOW, oneline=True)),
    "log-graph": graph_lines(history(), LogFormat(PLAIN, NOW)),
    "log-graph-oneline": graph_lines(history(), LogFormat(PLAIN, NOW, oneline=True)),
    "log-graph-oneline-stat": graph_lines(history(), LogFormat(PLAIN, NOW, oneline=True), stat_of),
    "log-graph-color": graph_lines(history(), LogFormat(COLOR, NOW, oneline=True)),
    "branch": branch_lines(BRANCHES, "default", None, PLAIN),
    "branch-verbose": branch_lines(BRANCHES, "default", None, PLAIN, verbose=True),
    "branch-detached": branch_lines(BRANCHES, "third", ONE, PLAIN),
    "blame-directory": blame_lines(Blame(TWO, b"etc", folder(), entries=BLAMED_ENTRIES), NOW, PLAIN),
    "blame-directory-color": blame_lines(Blame(TWO, b"etc", folder(), entries=BLAMED_ENTRIES), NOW, COLOR),
    "blame-lines": blame_lines(Blame(TWO, b"f", file(), lines=BLAMED_LINES), NOW, PLAIN),
    "blame-lines-narrow": blame_lines(Blame(TWO, b"f", file(), lines=BLAMED_LINES), NOW, PLAIN, 40),
    "blame-lines-color": blame_lines(Blame(TWO, b"f", file(), lines=BLAMED_LINES), NOW, COLOR),
    "grep": GrepFormat(PLAIN).lines(FOUND),
    "grep-color": GrepFormat(COLOR, "v1", numbers=True, clean=True).lines(FOUND),
    "grep-names": GrepFormat(PLAIN, "HEAD~2", names_only=True).lines(FOUND),
    "tag": tag_lines(TAGS, PLAIN),
    "tag-verbose": tag_lines(TAGS, PLAIN, verbose=True),
    "reflog": reflog_lines(REFLOG, PLAIN),
    "worktree-list": worktree_lines(WORKTREES, "default", PLAIN),
    "op-log": operation_lines(OPERATIONS, NOW, PLAIN),
    "op-log-oneline": operation_lines(OPERATIONS, NOW, PLAIN, oneline=True),
    "json-op-log": json.dumps([documents.operation(item) for item in OPERATIONS[2:]], indent=2).splitlines(),
    "doctor": check_lines(CHECKS, PLAIN),
    "gc": gc_lines(GC),
    "gc-dry-run": gc_lines(replace(GC, dry_run=True, in_use=("parked/12",))),
    "gc-nothing": gc_lines(replace(GC, freed={"layers": Freed(0, 0)})),
    "json-gc": json.dumps(upkeep_documents.collected(GC), indent=2).splitlines(),
    "du": usage_lines(USAGE, USAGE.commits[:2], PLAIN),
    "json-du": json.dumps(upkeep_documents.disk_usage(USAGE, USAGE.commits[:1]), indent=2).splitlines(),
    "show-directory": listing_lines(LISTING),
    "show-directory-color": listing_lines(LISTING, COLOR),
    "rollback": summary(ROLLBACK, commit(ONE, BASE, message="Install nginx"), PLAIN),
    "json-log": json.dumps([documents.log_entry(entry) for entry in history()[:2]], indent=2).splitlines(),
    "json-status": json.dumps(documents.status(status()), indent=2).splitlines(),
    "json-diff": json.dumps(documents.diff(Diff(ONE, None, changes()[:1])), indent=2).splitlines(),
    "json-worktree-list": json.dumps([documents.worktree(item) for item in WORKTREES], indent=2).splitlines(),
    "json-rollback": json.dumps(documents.rollback(ROLLBACK), indent=2).splitlines(),
}

#: Git itself leaves a space there: an empty line of context, and a tab after a name with spaces.
_MAY_TRAIL = {"diff-patch"}
#: Content that goes to a pipe.
_AS_IT_IS = {"grep"}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output(name: str) -> None:
    lines = list(OUTPUTS[name])
    assert [line for line in lines if line != line.rstrip() and name not in _MAY_TRAIL] == []
    assert [line for line in lines if "\033" in line and "color" not in name and name not in _AS_IT_IS] == []
    check(f"output/{name}", lines)


def test_a_path_that_is_noise_is_not_shown() -> None:
    assert b"etc" in {change.path for change in changes()}
    assert b"etc" not in {change.path for change in visible(changes())}


def test_contents_are_read_only_where_they_are_shown() -> None:
    read: list[RootPath] = []

    def note(path: RootPath) -> bytes:
        read.append(path)
        return b"x\n"

    mode_only = Change(b"a", file(b"x"), file(b"x", mode=0o600))
    too_large = Change(b"b", file(b"x"), file(b"y", size=(8 << 20) + 1))
    for change in (mode_only, too_large, Change(b"c", None, folder())):
        list(patch_lines(change, note, note, PLAIN))
    assert read == []


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_stat_is_no_wider_than_the_terminal(width: int) -> None:
    *rows, _ = stat_lines(visible(changes()), PLAIN, width)
    assert max(map(len, rows)) <= width
