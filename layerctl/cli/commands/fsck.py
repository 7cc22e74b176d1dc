"""``layerctl fsck``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from layerctl.cli import upkeep_documents as documents
from layerctl.cli.declare import App, Option
from layerctl.cli.render.problems import problem_lines
from layerctl.cli.text import printable
from layerctl.errors import Damaged, UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.problem import FsckResult

app = App()


@app.command()
def fsck(
    session: Session,
    quick: Annotated[bool, Option("--quick", help="Leave contents unread: names, sizes and metadata alone.")] = False,
    repair: Annotated[bool, Option("--repair", help="Put right what can be put right.")] = False,
    sources: Annotated[
        list[str] | None,
        Option("--source", metavar="SOURCE", help="With --repair: where lost files may be, as for 'import'."),
    ] = None,
) -> int:
    """Check everything in the repository against what it must be; works on a damaged one too.

    Every Git object, layer and record is read and verified. Exit status 5 if something is (or stays) wrong.
    """
    if sources and not repair:
        raise UsageError("--source is for --repair")
    from layerctl.ops.repository import Repository  # noqa: PLC0415 (pygit2 is slow to load)

    result = Repository.fsck(
        session.start(),
        quick=quick,
        repair=repair,
        sources=sources or (),
        progress=session.progress(),
        holders=session.settings.holders,
    )
    if session.out.json:
        session.out.document(documents.fsck(result))
    else:
        session.out.lines(problem_lines(result, session.out.style))
        _say_more(session, result, repair)
    return 0 if result.ok else Damaged.exit_code


def _say_more(session: Session, result: FsckResult, repair: bool) -> None:
    if result.report is not None:
        session.out.note(f"What was done, and what was set aside, is in {printable(result.report)}.")
    elif not repair and any(problem.repairable for problem in result.problems):
        session.out.note("'layerctl fsck --repair' puts right what it can.")
