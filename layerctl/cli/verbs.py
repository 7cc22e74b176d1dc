"""The table of verbs: what there is, where it is, and one line about it. Loading one loads no other."""

from __future__ import annotations

from layerctl.values import frozen


@frozen
class VerbInfo:
    """One verb.

    Attributes:
        name: as typed.
        summary: one line for the list of verbs.
        reads_only: it never changes anything.
        module: its module in :mod:`layerctl.cli.commands`.
    """

    name: str
    summary: str
    reads_only: bool = False
    module: str = ""


#: Sections of ``layerctl --help`` with their verbs, in the order in which they are shown.
SECTIONS: tuple[tuple[str, tuple[VerbInfo, ...]], ...] = (
    (
        "Start",
        (
            VerbInfo("init", "Make a repository"),
            VerbInfo("import", "Make commits of a directory, a tar archive or an image", module="import_"),
        ),
    ),
    (
        "Work on a rootfs",
        (
            VerbInfo("checkout", "Mount a commit as a rootfs"),
            VerbInfo("worktree", "More than one rootfs at a time"),
            VerbInfo("run", "Run a command in a rootfs"),
            VerbInfo("try", "Run a command, look at what it changed, keep it or not", module="try_"),
            VerbInfo("status", "What changed since the last commit", reads_only=True),
            VerbInfo("commit", "Record the changes"),
        ),
    ),
    (
        "Go back",
        (
            VerbInfo("rollback", "Go back to an earlier commit, in place"),
            VerbInfo("restore", "Put single files and directories back"),
            VerbInfo("revert", "Take one commit back with a new one"),
            VerbInfo("stash", "Set uncommitted changes aside, and bring them back"),
            VerbInfo("undo", "Take the last operation back"),
        ),
    ),
    (
        "Look at the history",
        (
            VerbInfo("log", "Commits, newest first", reads_only=True),
            VerbInfo("show", "One commit, or one path of it", reads_only=True),
            VerbInfo("diff", "What differs between two commits, or the rootfs and a commit", reads_only=True),
            VerbInfo("blame", "Who last changed each line, or each entry of a directory", reads_only=True),
            VerbInfo("grep", "Lines of text files that match, in any commit", reads_only=True),
            VerbInfo("bisect", "Find the commit that broke something"),
            VerbInfo("reflog", "Where a branch or HEAD has been", reads_only=True),
            VerbInfo("op", "The operations on this repository, and any earlier state of it"),
        ),
    ),
    (
        "Name commits",
        (
            VerbInfo("branch", "List, make or delete branches"),
            VerbInfo("tag", "List, make or delete tags"),
        ),
    ),
    (
        "Upkeep",
        (
            VerbInfo("fsck", "Check that everything is what it must be, and repair it"),
            VerbInfo("gc", "Free what nothing needs"),
            VerbInfo("du", "What takes how much on disk", reads_only=True),
            VerbInfo("config", "Read and set options"),
            VerbInfo("hook", "List, try, enable or disable hooks"),
            VerbInfo("doctor", "What this machine can and cannot do", reads_only=True),
            VerbInfo("completion", "Completion script for a shell", reads_only=True),
        ),
    ),
)

VERBS: dict[str, VerbInfo] = {verb.name: verb for _, verbs in SECTIONS for verb in verbs}


def module_of(verb: VerbInfo) -> str:
    """The full name of a verb's module."""
    return f"layerctl.cli.commands.{verb.module or verb.name}"
