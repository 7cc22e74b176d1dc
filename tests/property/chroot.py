"""An independent model of unpacking: naive system calls in a chroot, where the kernel alone decides where paths lead.

It shares no code with layerctl, and no idea either: layerctl looks symlinks up in its own listing.
"""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracle import Listing, Node, listing

_OPAQUE = b".wh..wh..opq"


class Refused(Exception):
    """No way to follow the archive in a chroot either."""


class Unknown(Exception):
    """The model does not know: a hard link to something that only lower layers could have."""


@dataclass(frozen=True)
class Step:
    """One entry of an archive."""

    kind: str
    name: bytes
    target: bytes = b""
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    mtime: int = 1_600_000_000
    rdev: tuple[int, int] = (1, 3)
    xattrs: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Layer:
    """What a layer's own tree is, and what it says of the layers below.

    Attributes:
        tree: what it holds.
        implied: directories in it that no entry describes; ``b"."`` is the root.
        deleted: paths that it deletes.
        opaque: directories of which it hides what is below.
    """

    tree: Listing
    implied: frozenset[bytes] = frozenset()
    deleted: frozenset[bytes] = frozenset()
    opaque: frozenset[bytes] = frozenset()


def unpack(steps: list[Step], root: Path, *, whiteouts: bool) -> Layer:
    """Follows an archive in an empty directory.

    Raises:
        Refused: see there.
        Unknown: see there.
    """
    root.mkdir()
    ok, value = _in_chroot(root, lambda: _Extractor(whiteouts).run(steps))
    if not ok:
        raise (Unknown if value[0] == "Unknown" else Refused)(value[1])
    implied, deleted, opaque = value
    return Layer(listing(root), implied, deleted, opaque)


def stacked(layers: list[Layer]) -> Listing:
    """What shows when the layers lie over each other, base first; implied directories that are new are blank."""
    nodes: dict[bytes, Node] = {b".": Node("dir")}
    links: frozenset[frozenset[bytes]] = frozenset()
    for layer in layers:
        nodes, links = _over(nodes, links, layer)
    return Listing(nodes, links)


def blanked(tree: Listing, like: Listing) -> Listing:
    """A listing without what the other one does not say of its implied directories."""
    nodes = {
        path: Node("dir") if node.kind == "dir" and like.nodes.get(path) == Node("dir") else node
        for path, node in tree.nodes.items()
    }
    return Listing(nodes, tree.links)


def _over(nodes: dict[bytes, Node], links: frozenset[frozenset[bytes]], layer: Layer) -> tuple[dict, frozenset]:
    hidden = [path for path in nodes if any(_is_below(path, top) for top in layer.opaque)]
    hidden += [path for path in nodes if any(path == top or _is_below(path, top) for top in layer.deleted)]
    result = {path: node for path, node in nodes.items() if path not in hidden}
    for path, node in sorted(layer.tree.nodes.items()):
        old = result.get(path)
        if node.kind != "dir" or (old is not None and old.kind != "dir"):
            result = {other: kept for other, kept in result.items() if other != path and not _is_below(other, path)}
        if node.kind == "dir" and path in layer.implied:
            result.setdefault(path, Node("dir"))
        else:
            result[path] = node
    survivors = {path for path in result if path not in layer.tree.nodes}
    kept = (group & survivors for group in links)
    return result, frozenset(group for group in kept if len(group) > 1) | layer.tree.links


def _is_below(path: bytes, top: bytes) -> bool:
    return path != b"." and (top == b"." or path.startswith(top + b"/"))


def _in_chroot(root: Path, work: Callable[[], object]) -> tuple[bool, object]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.umask(0)
            os.chroot(root)
            os.chdir("/")
            answer = (True, work())
        except (Refused, Unknown, OSError) as error:
            answer = (False, (type(error).__name__, str(error)))
        finally:  # an unforeseen error goes no further: this process has tests in it that are not its own
            os.write(writer, pickle.dumps(locals().get("answer")))
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        answer = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    assert answer is not None, "the model is broken"
    return answer


@dataclass
class _Extractor:
    whiteouts: bool
    described: dict[int, Step] = field(default_factory=dict)
    deleted: dict[int, set[bytes]] = field(default_factory=dict)
    opaque: set[int] = field(default_factory=set)

    def run(self, steps: list[Step]) -> tuple[frozenset[bytes], frozenset[bytes], frozenset[bytes]]:
        for step in steps:
            self._step(step)
        return self._finish()

    def _step(self, step: Step) -> None:
        parts = _components(step.name)
        *above, name = parts or [b"."]
        marks = [part for part in parts if part.startswith(b".wh.")]
        ignored = self.whiteouts and any(part.startswith(b".wh..wh.") for part in parts)
        if name in (b".wh.", b".wh..", b".wh...") and not ignored:
            raise Refused("a whiteout of nothing")
        if self.whiteouts and marks:
            if ignored:
                if name == _OPAQUE and marks == [name]:
                    self.opaque.add(os.stat(self._parent(above)).st_ino)
                return
            if marks != [name]:
                raise Refused("below a whiteout")
            self.deleted.setdefault(os.stat(self._parent(above)).st_ino, set()).add(name[4:])
            return
        if not parts:
            if step.kind != "d":
                raise Refused("the root is a directory")
            self.described[os.stat(b"/").st_ino] = step
            return
        if step.kind == "l":
            self._link(step, above, name)
        else:
            self._make(step, self._parent(above) + b"/" + name)

    def _parent(self, above: list[bytes]) -> bytes:
        here = b"/"
        for name in above:
            here += b"/" + name
            try:
                os.mkdir(here, 0o755)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(here).st_mode):
                    raise Refused("a file as a directory") from None
        return os.path.realpath(here)

    def _make(self, step: Step, path: bytes) -> None:
        if step.kind == "d":
            if not (os.path.lexists(path) and stat.S_ISDIR(os.lstat(path).st_mode)):
                self._clear(path)
                os.mkdir(path, 0o755)
            self.described[os.lstat(path).st_ino] = step
            return
        self._clear(path)
        if step.kind == "f":
            with open(path, "xb") as file:
                file.write(step.content)
        elif step.kind == "s":
            if not step.target:
                raise Refused("an empty target")
            os.symlink(step.target, path)
        else:
            kind = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}[step.kind]
            if kind == stat.S_IFCHR and step.rdev == (0, 0):
                raise Refused("a whiteout of overlayfs")
            os.mknod(path, kind, os.makedev(*step.rdev) if step.kind in "cb" else 0)
        _describe(path, step)

    def _link(self, step: Step, above: list[bytes], name: bytes) -> None:
        target = _components(step.target)
        if not target:
            raise Refused("a link to the root")
        source = self._parent(target[:-1]) + b"/" + target[-1]
        if not os.path.lexists(source):
            raise (Unknown if self.whiteouts else Refused)("a link to nothing")
        if stat.S_ISDIR(os.lstat(source).st_mode):
            raise Refused("a link to a directory")
        path = self._parent(above) + b"/" + name
        if os.path.lexists(path) and os.lstat(path).st_ino == os.lstat(source).st_ino:
            return
        self._clear(path)
        os.link(source, path, follow_symlinks=False)

    def _clear(self, path: bytes) -> None:
        if not os.path.lexists(path):
            return
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        for name in os.listdir(path):
            self._clear(path + b"/" + name)
        number = os.lstat(path).st_ino
        self.described.pop(number, None)
        self.deleted.pop(number, None)
        self.opaque.discard(number)
        os.rmdir(path)

    def _finish(self) -> tuple[frozenset[bytes], frozenset[bytes], frozenset[bytes]]:
        implied, deleted, opaque = set(), set(), set()
        found = [(os.lstat(top).st_ino, top.lstrip(b"/") or b".", top) for top, _, _ in os.walk(b"/", topdown=False)]
        for number, path, place in found:
            present = set(os.listdir(place))
            prefix = b"" if path == b"." else path + b"/"
            opaque |= {path} if number in self.opaque else set()
            for name in self.deleted.get(number, ()):
                if name not in present:
                    deleted.add(prefix + name)
                elif stat.S_ISDIR(os.lstat(place + b"/" + name).st_mode):
                    opaque.add(prefix + name)
            if number in self.described:
                _describe(place, self.described[number])
            else:
                implied.add(path)
        return frozenset(implied), frozenset(deleted), frozenset(opaque)


def _components(name: bytes) -> list[bytes]:
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts or b"\0" in name or any(len(part) > 255 for part in parts):
        raise Refused("no path below the root")
    return parts


def _describe(path: bytes, step: Step) -> None:
    os.chown(path, step.uid, step.uid, follow_symlinks=False)
    if step.kind != "s":
        os.chmod(path, step.mode)
    for name, value in step.xattrs:
        if name.startswith("user.") and step.kind in "fd":
            os.setxattr(path, name, value, follow_symlinks=False)
    os.utime(path, (step.mtime, step.mtime), follow_symlinks=False)
