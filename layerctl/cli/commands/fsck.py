"""``layerctl fsck``."""

from __future__ import annotations

from typing import Annotated

import typer

from layerctl.cli import documents
from layerctl.cli.parsing import APP, Verb
from layerctl.cli.render.problems import problem_lines
from layerctl.cli.session import Session, takes_session
from layerctl.errors import Damaged

app = typer.Typer(**APP)


@app.command(cls=Verb)
@takes_session
def fsck(
    session: Session,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave contents unread: names, sizes and metadata alone.")
    ] = False,
) -> int:
    """Check everything in the repository against what it must be; works on a damaged one too.

    Every Git object, layer and record is read and verified. Exit status 5 if something is wrong.
    """
    from layerctl.ops.repository import Repository  # noqa: PLC0415 (pygit2 is slow to load)

    result = Repository.fsck(session.start(), quick=quick, progress=session.progress())
    if session.out.json:
        session.out.document(documents.fsck(result))
    else:
        session.out.lines(problem_lines(result, session.out.style))
    return 0 if result.ok else Damaged.exit_code
