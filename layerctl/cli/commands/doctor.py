"""``layerctl doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.cli import upkeep_documents as documents
from layerctl.cli.declare import App
from layerctl.cli.render.tables import check_lines
from layerctl.errors import MachineLacks, RepositoryNotFound

if TYPE_CHECKING:
    from layerctl.cli.session import Session

app = App()


@app.command()
def doctor(session: Session) -> int:
    """Show what this machine can and cannot do for layerctl: kernel, privileges, file system, runtimes.

    'NO' marks what is needed, '--' what layerctl can do without. Exit status 6 if something needed is missing.
    """
    from layerctl.ops.repository import Repository  # noqa: PLC0415 (pygit2 is slow to load)

    checks = Repository.doctor(session.settings.search_path, _folder(session))
    if session.out.json:
        session.out.document([documents.check(item) for item in checks])
    else:
        session.out.lines(check_lines(checks, session.out.style))
    return MachineLacks.exit_code if any(item.needed and not item.ok for item in checks) else 0


def _folder(session: Session) -> Path:
    """The folder whose file system matters: the repository's, or where one would be made."""
    try:
        start = session.start()
    except RepositoryNotFound:
        start = Path.cwd()
    return next((top / ".layerctl" for top in (start, *start.parents) if (top / ".layerctl").is_dir()), start)
