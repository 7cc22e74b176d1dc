"""A typical development day, as a list of changes to a project in a container: edits, builds, installations, clean-up.

Every commit is one of: a few source files edited; a build, which rewrites its output and appends to a log; a package
installed; one upgraded, which writes all its files anew though most stay as they are; one removed. It is the same day
every time it is made.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SOURCES = 120
_WEIGHTS = {"edit": 55, "build": 20, "install": 12, "upgrade": 6, "remove": 7}


@dataclass(frozen=True, slots=True)
class Step:
    """One commit's change.

    Attributes:
        written: new content by path.
        deleted: trees that go away.
    """

    written: dict[str, bytes]
    deleted: tuple[str, ...] = ()

    def fill(self, work: Path) -> None:
        """Writes it below a directory."""
        for path, content in self.written.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(content)


def steps(count: int) -> Iterator[Step]:
    """The day, commit by commit."""
    day = _Day(random.Random(20_240_229))
    yield Step(dict(day.sources))
    for _ in range(count - 1):
        yield day.step()


@dataclass(slots=True)
class _Day:
    dice: random.Random
    sources: dict[str, bytes] = field(default_factory=dict)
    packages: dict[int, dict[str, bytes]] = field(default_factory=dict)
    log: bytes = b""
    installed: int = 0

    def __post_init__(self) -> None:
        self.sources = {f"src/m{n % 12:02}/f{n:03}.py": self._text(60, 400) for n in range(_SOURCES)}

    def step(self) -> Step:
        kind = self.dice.choices([*_WEIGHTS], [*_WEIGHTS.values()])[0]
        if kind in ("upgrade", "remove") and not self.packages:
            kind = "install"
        made: Step = getattr(self, f"_{kind}")()
        return made

    def _edit(self) -> Step:
        return Step(self._changed_sources(self.dice.randint(1, 5)))

    def _changed_sources(self, count: int) -> dict[str, bytes]:
        changed = {path: self._edited(self.sources[path]) for path in self.dice.sample([*self.sources], count)}
        self.sources |= changed
        return changed

    def _build(self) -> Step:
        """Some sources and all that depends on them: object files, one program, and a log that only grows."""
        changed = self._changed_sources(self.dice.randint(1, 8))
        objects = {f"build/{path}.o": self.dice.randbytes(2 * len(text)) for path, text in changed.items()}
        self.log += self._text(20, 200)
        return Step({**changed, **objects, "build/program": self.dice.randbytes(1 << 20), "build/log": self.log})

    def _install(self) -> Step:
        self.installed += 1
        count = int(self.dice.triangular(10, 600, 40))
        top = f"lib/p{self.installed:03}"
        files = {f"{top}/d{n % 8}/f{n:03}": self._content() for n in range(count)}
        self.packages[self.installed] = files
        return Step({**files, **self._database()})

    def _upgrade(self) -> Step:
        """All files are written again, one in three with other content."""
        number = self.dice.choice([*self.packages])
        files = self.packages[number]
        changed = {path: self._content() for path in files if self.dice.random() < 1 / 3}
        self.packages[number] = {**files, **changed}
        return Step({**self.packages[number], **self._database()})

    def _remove(self) -> Step:
        number = self.dice.choice([*self.packages])
        del self.packages[number]
        return Step(self._database(), (f"srv/work/lib/p{number:03}",))

    def _database(self) -> dict[str, bytes]:
        """The package manager's list of everything, written as a whole, as dpkg does."""
        lines = [f"{path} {len(text)}\n" for files in self.packages.values() for path, text in files.items()]
        return {"var/status": "".join(lines).encode()}

    def _content(self) -> bytes:
        size = int(self.dice.lognormvariate(8, 1.3))
        return self.dice.randbytes(size) if self.dice.random() < 0.3 else self._words(size)

    def _edited(self, text: bytes) -> bytes:
        lines = text.splitlines(keepends=True)
        lines[self.dice.randrange(len(lines))] = self._text(1, 4)
        return b"".join(lines)

    def _text(self, least: int, most: int) -> bytes:
        return b"".join(self._words(40) + b"\n" for _ in range(self.dice.randint(least, most)))

    def _words(self, size: int) -> bytes:
        """Compresses about as well as programs do."""
        return b" ".join(b"%x" % self.dice.randrange(5000) for _ in range(size // 4 + 1))[:size]
