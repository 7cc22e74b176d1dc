"""``layerctl du``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import upkeep_documents as documents
from layerctl.cli.declare import App, Option
from layerctl.cli.render.quantities import size_text
from layerctl.cli.text import one_line, printable
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.cli.session import Session
    from layerctl.model.results import DiskUsage, Share

_LARGEST = 10
_SHORT = 7
_NAMES = {
    "layers": "layers",
    "write_layers": "write layers",
    "parked": "parked write layers",
    "runs": "compacted runs",
    "git": "Git objects and refs",
    "other": "journal and the like",
}

app = App()


@app.command()
def du(
    session: Session,
    limit: Annotated[
        int | None, Option("-n", "--max-count", metavar="N", help="The N largest commits; 10 by default.")
    ] = None,
) -> None:
    """What takes how much on disk.

    For each branch, tag, worktree and commit: what it holds, and what it holds alone.
    """
    if limit is not None and limit < 0:
        raise UsageError("-n needs a number of at least 0")
    usage = session.repository().disk_usage()
    if session.out.json:
        session.out.document(documents.disk_usage(usage, usage.commits[:limit]))
    else:
        count = _LARGEST if limit is None else limit
        session.out.page(usage_lines(usage, usage.commits[:count], session.out.style))


def usage_lines(usage: DiskUsage, commits: Sequence[Share], style: Style) -> Iterator[str]:
    """The parts and their sum, then a table for each kind of holder."""
    for part, size in usage.parts.items():
        yield f"{size_text(size):>8}  {_NAMES[part]}"
    yield f"{size_text(usage.size):>8}  altogether"
    for title, shares in (("branches", usage.branches), ("tags", usage.tags), ("worktrees", usage.worktrees)):
        if shares:
            yield from _table(title, [(share, printable(share.name)) for share in shares], style)
    if commits:
        more = len(usage.commits) - len(commits)
        title = f"commits, largest first{f' ({more} more)' if more else ''}"
        yield from _table(
            title, [(share, f"{share.name[:_SHORT]} {one_line(share.subject)}") for share in commits], style
        )


def _table(title: str, rows: Sequence[tuple[Share, str]], style: Style) -> Iterator[str]:
    yield ""
    yield style(f"{'holds':>8}  {'alone':>8}  {title}", "bold")
    for share, name in rows:
        yield f"{size_text(share.size):>8}  {size_text(share.alone):>8}  {name}".rstrip()
