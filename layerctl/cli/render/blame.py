"""``blame``: short id, author and age of the commit, then the line or the entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from layerctl.cli.render.listing import entry_name
from layerctl.cli.render.quantities import relative_time
from layerctl.cli.text import one_line, printable

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.blame import Blame
    from layerctl.model.commit import ImageCommit

_LONGEST_NAME = 20
#: In a terminal of fewer columns, names are half as long.
_NARROW = 60


def blame_lines(blame: Blame, now: datetime, style: Style, width: int = 80) -> Iterator[str]:
    """``1a2b3c4  Ada  3 hours ago  12  text``, aligned; each commit's name in the colour that ids have."""
    heads = _heads(blame.commits, now, style, _LONGEST_NAME if width >= _NARROW else _LONGEST_NAME // 2)
    if blame.lines:
        width = len(str(len(blame.lines)))
        for head, line in zip(heads, blame.lines, strict=True):
            text = printable(line.content.removesuffix(b"\n").decode("utf-8", "surrogateescape"))
            yield f"{head}  {style(f'{line.number:>{width}}', 'dim')}  {text}".rstrip()
    for head, entry in zip(heads, blame.entries, strict=False):
        yield f"{head}  {entry_name(entry.name, entry.entry, style)}"


def _heads(commits: Sequence[ImageCommit], now: datetime, style: Style, longest: int) -> list[str]:
    known = {commit.id: commit for commit in commits}.values()
    names = {commit.id: _name(commit, longest) for commit in known}
    ages = {commit.id: relative_time(commit.date, now) for commit in known}
    name_width, age_width = (max(map(len, texts.values()), default=0) for texts in (names, ages))
    heads = {
        commit.id: f"{style(commit.id.short, 'yellow')}  {names[commit.id]:<{name_width}}  "
        f"{style(ages[commit.id].ljust(age_width), 'dim')}"
        for commit in known
    }
    return [heads[commit.id] for commit in commits]


def _name(commit: ImageCommit, longest: int) -> str:
    name = one_line(commit.author.name)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
