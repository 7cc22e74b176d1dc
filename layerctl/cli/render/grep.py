"""``grep``: ``path:line``, as ``git grep`` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from layerctl.cli.render.names import quote
from layerctl.cli.text import printable
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.cli.render.style import Style
    from layerctl.model.search import FoundFile, Hit


@frozen
class GrepFormat:
    """How matches are shown.

    Attributes:
        style: colours.
        revision: before each path; empty for none.
        numbers: the number of each line.
        names_only: paths alone.
        clean: control characters of the lines as ``?``, for a terminal.
    """

    style: Style
    revision: str = ""
    numbers: bool = False
    names_only: bool = False
    clean: bool = False

    def lines(self, found: Iterable[FoundFile]) -> Iterator[str]:
        """All matches."""
        for file in found:
            name = f"{self.revision}:{quote(file.path)}" if self.revision else quote(file.path)
            if self.names_only:
                yield self.style(name, "magenta")
            elif file.binary:
                yield f"Binary file {name} matches"
            else:
                yield from (self._line(name, hit) for hit in file.hits)

    def _line(self, name: str, hit: Hit) -> str:
        number = [self.style(str(hit.number), "green")] if self.numbers else []
        return self.style(":", "cyan").join([self.style(name, "magenta"), *number, self._text(hit)])

    def _text(self, hit: Hit) -> str:
        parts, position = [], 0
        for start, end in hit.spans if self.style.enabled else ():
            parts += [
                self._decode(hit.line[position:start]),
                self.style(self._decode(hit.line[start:end]), "bold", "red"),
            ]
            position = end
        return "".join([*parts, self._decode(hit.line[position:])])

    def _decode(self, text: bytes) -> str:
        decoded = text.decode("utf-8", "surrogateescape")
        return printable(decoded) if self.clean else decoded
