"""``layerctl grep``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.render.grep import GrepFormat
from layerctl.cli.rootpaths import revisions_and_paths
from layerctl.errors import UsageError
from layerctl.model.search import FoundFile, Query

if TYPE_CHECKING:
    from layerctl.cli.session import Session

_EXAMPLES = """\
Examples:
  layerctl grep -n PermitRootLogin -- /etc     # in the rootfs as it is
  layerctl grep -i 'listen +80' v1             # in the commit v1
  layerctl grep -lF 'hunter2' main~3 -- /srv /home
"""


app = App()


@app.command(words="paths", epilog=_EXAMPLES, usage=("PATTERN", "[REV]", "[-- PATH...]"))
def grep(
    session: Session,
    words: Annotated[
        list[str] | None,
        Argument(metavar="PATTERN REV", help="A regular expression (Python's), and a commit to search."),
    ] = None,
    more: Annotated[
        list[str] | None,
        Option("-e", "--regexp", metavar="PATTERN", help="A pattern that may begin with a dash; again: either."),
    ] = None,
    ignore_case: Annotated[bool, Option("-i", "--ignore-case", help="Upper and lower case alike.")] = False,
    numbers: Annotated[bool, Option("-n", "--line-number", help="Number the lines.")] = False,
    names: Annotated[bool, Option("-l", "--files-with-matches", help="Only the names of files.")] = False,
    fixed: Annotated[bool, Option("-F", "--fixed-strings", help="The pattern is plain text.")] = False,
) -> int:
    """Show lines of text files that match, in the rootfs as it is or in a commit. Exits with 1 if there are none."""
    patterns, rest = (list(more), list(words or ())) if more else _first_word(words or [])
    repository = session.repository()
    revisions, paths = revisions_and_paths(repository, rest, session.paths)
    if len(revisions) > 1:
        raise UsageError("grep searches one commit", hint="put '--' before paths")
    revision = revisions[0] if revisions else None
    query = Query(tuple(map(os.fsencode, patterns)), fixed, ignore_case, names or session.out.quiet)
    commit, found = repository.grep(query, revision, paths=paths)
    if session.out.json:
        document = documents.grep(commit, found)
        session.out.document(document)
        return 0 if document["matches"] else 1
    return _show(session, found, GrepFormat(session.out.style, revision or "", numbers, names, session.out.to_terminal))


def _first_word(words: Sequence[str]) -> tuple[list[str], list[str]]:
    if not words:
        raise UsageError("grep needs a pattern", hint="for example 'layerctl grep -n root -- /etc'")
    return [words[0]], list(words[1:])


def _show(session: Session, found: Iterator[FoundFile], form: GrepFormat) -> int:
    first = next(found, None)
    if first is None:
        return 1
    if not session.out.quiet:
        session.out.page(form.lines(chain([first], found)))
    return 0
