"""Where output goes: what was asked for on stdout, what is said besides on stderr, long output through a pager."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from layerctl.cli.pager import Pager
from layerctl.cli.render.progress import ProgressBar
from layerctl.cli.render.style import Style
from layerctl.cli.text import for_terminal, printable, readable
from layerctl.values import field, record

if TYPE_CHECKING:
    from layerctl.cli.errors import Failure
    from layerctl.cli.settings import Settings


@record
class Output:
    """How this run talks.

    Attributes:
        settings: the environment.
        json: one JSON document instead of text.
        quiet: nothing on stderr but errors and warnings.
        color: ``auto``, ``always`` or ``never``.
    """

    settings: Settings
    json: bool = False
    quiet: bool = False
    color: str = "auto"
    _bar: ProgressBar | None = None
    _started: float = field(default_factory=time.monotonic)

    @property
    def style(self) -> Style:
        """Colours for stdout."""
        return self._style(sys.stdout)

    @property
    def to_terminal(self) -> bool:
        """Whether a person looks at stdout."""
        return sys.stdout.isatty()

    @property
    def width(self) -> int:
        """Columns of the terminal (or COLUMNS); 80 where there is none."""
        return shutil.get_terminal_size().columns

    def _style(self, stream: IO[str]) -> Style:
        if self.color == "auto":
            return Style(stream.isatty() and not self.settings.no_color)
        return Style(self.color == "always")

    def line(self, text: str = "") -> None:
        """One line of what was asked for."""
        self.close()
        sys.stdout.write(text + "\n")

    def lines(self, lines: Iterable[str]) -> None:
        """Many lines."""
        self.close()
        sys.stdout.writelines(line + "\n" for line in lines)

    def page(self, lines: Iterable[str]) -> None:
        """Many lines, through the pager on a terminal."""
        self.close()
        fit = for_terminal if sys.stdout.isatty() else str
        with self._pager() as write:
            for line in lines:
                write(fit(line) + "\n")

    @contextmanager
    def _pager(self) -> Iterator[Any]:
        if not sys.stdout.isatty() or not self.settings.pager:
            yield sys.stdout.write
            return
        with Pager(self.settings.pager, self.settings.child_environment()) as pager:
            yield pager.write

    def document(self, document: Any) -> None:
        """The one JSON document, on one line where no person looks."""
        self.close()
        indent = 2 if sys.stdout.isatty() else None
        sys.stdout.write(readable(json.dumps(document, ensure_ascii=False, indent=indent)) + "\n")

    def raw(self, chunks: Iterable[bytes]) -> None:
        """Bytes as they are."""
        self.close()
        sys.stdout.flush()
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()

    def note(self, text: str) -> None:
        """Something worth saying to a person, on stderr."""
        if not self.quiet and not self.json:
            self.stderr(text)

    def warn(self, text: str) -> None:
        """A warning, on stderr."""
        self.stderr(f"{self._style(sys.stderr)('warning:', 'yellow')} {printable(text)}")

    def failure(self, failure: Failure, *, said: bool = False) -> None:
        """An error, on stderr; the hint alone if somebody else has said what is wrong."""
        self.close()
        if self.json:
            sys.stderr.write(failure.to_json())
        else:
            sys.stderr.write(failure.hint_line() if said else failure.to_text())

    def hook(self, name: str, text: str) -> None:
        """What a hook had to say, each line with its name."""
        label = self._style(sys.stderr)(f"{printable(name)}:", "dim")
        for line in text.splitlines():
            self.stderr(f"{label} {printable(line)}")

    def stderr(self, text: str) -> None:
        """One line on stderr, in order with what stdout got."""
        self.close()
        sys.stdout.flush()
        sys.stderr.write(text + "\n")

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar has somebody to look at it."""
        return sys.stderr.isatty() and not self.quiet and not self.json and not self.settings.no_color

    def progress(self) -> ProgressBar:
        """A progress bar; any other output takes it away."""
        self._bar = self._bar or ProgressBar(started=self._started)
        return self._bar

    def close(self) -> None:
        """Takes the progress bar away."""
        if self._bar is not None:
            self._bar.hide()
