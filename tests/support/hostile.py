"""A repository amid files that nobody may touch, and imports into it that may go wrong but never go astray."""

from __future__ import annotations

import io
import os
import subprocess
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from layerctl import Repository
from layerctl.errors import Damaged, LayerctlError, UsageError
from layerctl.model.results import ImportResult
from tests.oracle import Listing, listing


class Grounds:
    """A repository with canaries around it, above it and at an absolute path.

    Everything is in ``outer``: ``outer/canary`` is a tree with one of everything, ``outer/top`` holds the repository
    and one more canary beside it.
    """

    def __init__(self, outer: Path) -> None:
        outer.mkdir()
        self.outer = outer
        self.canary = _make_canary(outer / "canary")
        self.top = outer / "top"
        self.top.mkdir()
        (self.top / "near").write_text("near\n")
        (outer / "above").write_text("above\n")
        Repository.init(self.top).set_config("layerctl.sync", "false")
        self.repository = Repository.open(self.top)
        self.taken = self.refused = 0
        self._numbers = count()
        self._inside: dict[str, tuple[int, int]] | None = None
        self._before = self.surroundings()
        self._host = _host()

    def attack(self, source: str = "-", data: bytes | None = None) -> ImportResult | LayerctlError:
        """Imports something on a branch of its own.

        The canaries must be as they were, and after an error so must be the whole repository. The only errors are
        those that blame the source or the words of the call, each one clear sentence.
        """
        inside = self._inside = self._inside or self.inside()
        try:
            result: ImportResult | LayerctlError = self.repository.import_image(
                source, branch=f"b{next(self._numbers)}", stdin=io.BytesIO(data) if data is not None else None
            )
            self.taken += 1
            self._inside = None
        except LayerctlError as error:
            assert isinstance(error, Damaged | UsageError), "".join(traceback.format_exception(error))
            assert 10 < len(error.message) < 1000, error.message
            assert "\n" not in error.message
            assert self.inside() == inside
            result = error
            self.refused += 1
        assert os.listdir(self.dot / "tmp") == []
        self.assert_untouched()
        return result

    @property
    def dot(self) -> Path:
        return self.top / ".layerctl"

    def inside(self) -> dict[str, tuple[int, int]]:
        """Every file of the repository but for layers' content; with size and time, unless its name is its digest."""
        found = {}
        stack = [os.fspath(self.dot)]
        while stack:
            for item in os.scandir(stack.pop()):
                if item.is_dir(follow_symlinks=False):
                    found[item.path] = (0, 0)
                    if item.name != "fs":
                        stack.append(item.path)
                elif "/git/objects/" in item.path:
                    found[item.path] = (0, 0)
                elif item.name != "lock":
                    status = item.stat(follow_symlinks=False)
                    found[item.path] = (status.st_size, status.st_mtime_ns)
        return found

    def surroundings(self) -> tuple[Listing, dict[str, list[str]], list[str]]:
        """Everything outside of the repository."""
        names = {str(place): sorted(os.listdir(place)) for place in (self.outer, self.top)}
        files = [f"{path}: {path.read_text()} {path.stat()}" for path in (self.top / "near", self.outer / "above")]
        return listing(self.canary), names, [text.partition("st_atime")[0] for text in files]

    def assert_untouched(self) -> None:
        """Fails if anything outside of the repository was changed, made, deleted or linked to."""
        assert self.surroundings() == self._before
        assert (self.canary / "secret").stat().st_nlink == 1
        assert _host() == self._host

    @contextmanager
    def mounted(self, result: ImportResult) -> Iterator[Path]:
        """The rootfs of what was imported, mounted by mount(8), read-only."""
        point, empty = self.outer / "top/.mnt", self.outer / "top/.empty"
        for place in (point, empty):
            place.mkdir(exist_ok=True)
        stack = self.repository._context.store.layers.stack(result.commits[-1])
        lower = ":".join(map(str, (*stack, empty)))
        options = f"ro,lowerdir={lower},redirect_dir=nofollow,metacopy=off,index=off"
        subprocess.run(["mount", "-t", "overlay", "none", "-o", options, point], check=True)
        try:
            yield point
        finally:
            subprocess.run(["umount", point], check=True)
            point.rmdir()
            empty.rmdir()


def _make_canary(root: Path) -> Path:
    (root / "directory/below").mkdir(parents=True)
    (root / "secret").write_text("untouched")
    (root / "secret").chmod(0o600)
    os.setxattr(root / "secret", "user.canary", b"sings")
    (root / "directory/below/file").write_text("untouched too")
    (root / "link").symlink_to("secret")
    os.mkfifo(root / "fifo")
    return root


def _host() -> list[tuple[str, int, int, int, int, int]]:
    """The machine's own files that an absolute path would hit, and the names in its root directory."""
    found = [(f"/{name}", 0, 0, 0, 0, 0) for name in sorted(os.listdir("/"))]
    for path in ("/etc/passwd", "/etc/shadow", "/etc/hosts"):
        status = os.lstat(path)
        found.append((path, status.st_ino, status.st_nlink, status.st_mode, status.st_size, status.st_mtime_ns))
    return found
