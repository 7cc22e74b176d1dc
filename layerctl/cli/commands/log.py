"""``layerctl log``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.log import Details, LogFormat, log_lines
from layerctl.cli.rootpaths import revisions_and_paths

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.ids import CommitId
    from layerctl.model.results import LogEntry
    from layerctl.model.scan import RootPath
    from layerctl.ops.repository import Repository

_EXAMPLES = """\
Examples:
  layerctl log --oneline --graph --all
  layerctl log -5 v1..main
  layerctl log --stat -- /etc/nginx
"""

#: Of a base image, ``--stat`` shows no more paths: all of them are new.
BASE_IMAGE_LIMIT = 20

#: Columns that ``--stat`` leaves to the graph.
_GRAPH_WIDTH = 8

app = App()


@app.command(words="revisions", epilog=_EXAMPLES)
def log(
    session: Session,
    revisions: Annotated[
        list[str] | None, Argument(metavar="RANGE", help="Revisions and ranges: main, v1..main, ^v1.")
    ] = None,
    limit: Annotated[int | None, Option("-n", "--max-count", metavar="N", help="At most N commits (-5: 5).")] = None,
    oneline: Annotated[bool, Option("--oneline", help="One line a commit.")] = False,
    graph: Annotated[bool, Option("--graph", help="Draw the lines from commit to parent.")] = False,
    stat: Annotated[bool, Option("--stat", help="List what each commit changed.")] = False,
    everything: Annotated[bool, Option("--all", help="From all branches and tags, not HEAD alone.")] = False,
) -> None:
    """Show commits, newest first; of PATHs, only those that changed something there."""
    repository = session.repository()
    revs, paths = revisions_and_paths(repository, revisions or (), session.paths)
    entries = repository.log(revs, limit=limit, everything=everything, paths=paths)
    if session.out.json:
        session.out.document([documents.log_entry(entry) for entry in entries])
        return
    form = LogFormat(session.out.style, datetime.now().astimezone(), oneline)
    details = _stat(session, repository, paths, _GRAPH_WIDTH if graph else 0) if stat else None
    if graph:
        from layerctl.cli.render.loggraph import graph_lines  # noqa: PLC0415 (many classes)

        shown = list(entries)
        parents = _parents(repository, revs, everything, shown) if paths else None
        session.out.page(graph_lines(shown, form, details, **({"parents": parents} if parents else {})))
    else:
        session.out.page(log_lines(entries, form, details))


def _stat(session: Session, repository: Repository, paths: Sequence[RootPath], indent: int) -> Details:
    """The ``--stat`` of a commit."""
    from layerctl.cli.render.changes import visible  # noqa: PLC0415 (many classes)
    from layerctl.cli.render.stat import stat_lines  # noqa: PLC0415

    width = session.out.width - indent

    def lines(entry: LogEntry) -> Iterator[str]:
        commit = entry.commit
        if commit.parent is None or not paths:
            difference = repository.show(commit.id.hex)[1]
        else:
            difference = repository.diff(commit.parent.hex, commit.id.hex, paths=paths)
        limit = BASE_IMAGE_LIMIT if commit.parent is None else None
        return stat_lines(visible(difference.changes), session.out.style, width, limit)

    return lines


def _parents(
    repository: Repository, revisions: Sequence[str], everything: bool, shown: Collection[LogEntry]
) -> Callable[[LogEntry], list[CommitId]]:
    """Parents for the graph of some commits: the nearest ancestors that are among them."""
    wanted = {entry.commit.id for entry in shown}
    known: dict[CommitId, tuple[CommitId, ...]] = {
        entry.commit.id: entry.commit.parents for entry in repository.log(revisions, everything=everything)
    }

    def nearest(entry: LogEntry) -> list[CommitId]:
        found: dict[CommitId, None] = {}
        seen: set[CommitId] = set()
        queue = list(entry.commit.parents)
        while queue:
            commit = queue.pop(0)
            if commit in wanted:
                found[commit] = None
            elif commit not in seen:
                seen.add(commit)
                queue += known.get(commit, ())
        return list(found)

    return nearest
