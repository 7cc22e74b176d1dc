"""``layerctl gc``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import upkeep_documents as documents
from layerctl.cli.declare import App, Option
from layerctl.cli.render.quantities import count_text, size_text
from layerctl.cli.text import printable

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.results import GcResult

_EXAMPLES = """\
Examples:
  layerctl gc --dry-run        # what would go
  layerctl gc
  layerctl gc --grace now      # whatever its age; what was parked is gone then
"""
_NOUNS = {
    "operations": "operation",
    "parked": "parked write layer",
    "layers": "layer",
    "runs": "compacted run",
    "objects": "Git object",
    "reflog_entries": "reflog entry",
    "leftovers": "leftover",
}

app = App()


@app.command(epilog=_EXAMPLES)
def gc(
    session: Session,
    dry_run: Annotated[bool, Option("-n", "--dry-run", help="Only say what would go.")] = False,
    grace: Annotated[
        str | None, Option("--grace", metavar="AGE", help="How old it must be: '2 weeks', 'now', 'never'.")
    ] = None,
) -> None:
    """Free what nothing needs.

    Parked work and operations that are older than 30 days, after which 'layerctl undo' cannot go back to before them;
    layers and Git objects that nothing leads to; compacted runs that no rootfs uses.
    """
    result = session.repository().gc(grace=grace, dry_run=dry_run)
    if session.out.json:
        session.out.document(documents.collected(result))
    elif not session.out.quiet:
        session.out.lines(summary(result))


def summary(result: GcResult) -> Iterator[str]:
    """What goes, a line each kind, then all of it, and what has to stay."""
    for kind, item in result.freed.items():
        if item.count:
            size = f" ({size_text(item.size)})" if item.size else ""
            yield f"  {_count(item.count, _NOUNS[kind])}{size}"
    if any(item.count for item in result.freed.values()):
        yield f"{'Would free' if result.dry_run else 'Freed'} {size_text(result.size)}"
    else:
        yield "Nothing to free"
    for path in result.in_use:
        yield f"In use, so it stays: {printable(path)}"


def _count(count: int, noun: str) -> str:
    if count != 1 and noun.endswith("y"):
        return f"{count:,} {noun.removesuffix('y')}ies"
    return count_text(count, noun)
