"""What a repository holds, read without layerctl: plain git, the files of ``.layerctl`` and overlay mounts of our own.

Two runs of one command make different commit ids, because commits have times. So commits are named here by what they
hold: tree, message and parents.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.oracle import Listing, Node, compare, listing
from tests.support.mounts import mounts

_ID = re.compile(r"\b[0-9a-f]{40}\b")
_SHORT = re.compile(r"\b[0-9a-f]{7,12}\b")
_PAGE = 4096
_MS_RDONLY = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class State:
    """All that verbs change, and what shows.

    Attributes:
        facts: refs, reflogs, HEADs, records, operations and parked write layers, by name.
        shown: what each mounted worktree shows.
        images: what the commits hold that some ref leads to, by name.
    """

    facts: Mapping[str, object]
    shown: Mapping[str, Listing]
    images: Mapping[str, Listing]


def read_state(dot: Path) -> State:
    """The state of a repository, whose commits are all mounted and listed for that."""
    if not (dot / "format").exists():
        return State({}, {}, {})
    names = _commit_names(dot)
    ids = {name: oid for oid, name in names.items()}
    return State(
        facts=dict(_facts(dot, names)),
        shown={place.name: listing(point) for place, point in _mounted(dot)},
        images={name: image_listing(dot, ids[name]) for name in _tips(dot, names)},
    )


def differences(expected: State, actual: State) -> list[str]:
    """How two states differ, one line each."""
    lines = [
        f"{name}: {expected.facts.get(name)!r} became {actual.facts.get(name)!r}"
        for name in sorted(expected.facts.keys() | actual.facts.keys())
        if expected.facts.get(name) != actual.facts.get(name)
    ]
    for kind, old, new in (("shown", expected.shown, actual.shown), ("image", expected.images, actual.images)):
        lines += [f"{kind} {name}: only on one side" for name in sorted(old.keys() ^ new.keys())]
        for name in sorted(old.keys() & new.keys()):
            lines += [f"{kind} {name}: {line}" for line in compare(old[name], new[name])]
    return lines


def without_unsynced(state: State) -> State:
    """For a power cut: without the files called ``unsynced`` in what may be lost. In commits, nothing may."""
    facts = {
        name: {path: digest for path, digest in fact.items() if not path.endswith("/unsynced")}
        if isinstance(fact, dict)
        else fact
        for name, fact in state.facts.items()
    }
    shown = {name: tree.select(lambda path: path != b"unsynced") for name, tree in state.shown.items()}
    return replace(state, facts=facts, shown=shown)


def visible(state: State) -> State:
    """What a user sees: branches, tags, worktrees and what they show; neither the operation log nor what it keeps."""
    mine = ("refs/heads/", "refs/tags/", "HEAD ", "record ")
    return State({name: fact for name, fact in state.facts.items() if name.startswith(mine)}, state.shown, {})


def image_listing(dot: Path, commit: str) -> Listing:
    """What a commit holds, by its layers alone."""
    with _mounted_image(dot, commit) as point:
        return listing(point)


def digests_of(tree: Listing) -> set[str]:
    """The content of every regular file of a tree."""
    return {node.sha256 for node in tree.nodes.values() if node.kind == "file"}


def write_layers(dot: Path) -> Iterator[Node]:
    """Every regular file of every write layer and of what was parked."""
    for folder in (*dot.glob("worktrees/*/upper"), *dot.glob("parked/*/upper"), *dot.glob("parked/*/worktree/upper")):
        yield from (node for node in listing(folder).nodes.values() if node.kind == "file")


def assert_sound(dot: Path) -> None:
    """Plain git is content, no ref leads to nowhere, no layer is missing, each worktree has one writable mount."""
    if not (dot / "format").exists():
        return
    done = subprocess.run(
        ["git", "--git-dir", dot / "git", "fsck", "--strict", "--no-dangling"], capture_output=True, text=True
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("notice: ")]
    assert (done.returncode, complaints) == (0, []), complaints
    for _, point in _mounted(dot):
        assert len([mount for mount in mounts() if mount.point == point]) == 1, f"mounted twice: {point}"


def git(dot: Path, *args: str, data: str | None = None) -> str:
    """What plain git says."""
    command = ["git", "--git-dir", str(dot / "git"), *args]
    return subprocess.run(command, input=data, capture_output=True, text=True, check=True).stdout


def _commit_names(dot: Path) -> dict[str, str]:
    text = git(dot, "log", "--all", "--reflog", "--topo-order", "--reverse", "--format=%H%x00%T%x00%P%x00%B%x01")
    names: dict[str, str] = {}
    for part in text.split("\x01"):
        if part.strip():
            oid, tree, parents, message = part.lstrip("\n").split("\x00")
            known = [names[parent] for parent in parents.split()]
            names[oid] = hashlib.sha256(repr((tree, known, message)).encode()).hexdigest()[:16]
    return names


def _tips(dot: Path, names: Mapping[str, str]) -> set[str]:
    text = git(dot, "for-each-ref", "--format=%(objectname) %(*objectname)")
    return {names[oid] for oid in text.split() if oid in names}


def _facts(dot: Path, names: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    def plain(text: str) -> str:
        return _SHORT.sub("SHORT", _ID.sub(lambda match: names.get(match[0], "OBJECT"), text))

    for line in git(dot, "for-each-ref", "--format=%(refname) %(objecttype) %(objectname) %(*objectname)").splitlines():
        name, kind, oid, target = f"{line} ".split(" ")[:4]
        yield name, (kind, names[target or oid])
    for path in sorted((dot / "git/logs").rglob("*")):
        if path.is_file():
            yield f"reflog {path.relative_to(dot / 'git/logs')}", _reflog(path, plain)
    for path in sorted((dot / "worktrees").glob("*/HEAD")):
        record = json.loads((path.parent / "worktree.json").read_text())
        yield f"HEAD {path.parent.name}", plain(path.read_text())
        yield f"record {path.parent.name}", {key: plain(str(record[key])) for key in record if key != "xxh3"}
    for path in sorted((dot / "journal/ops").glob("*.json")):
        operation = json.loads(path.read_text())
        yield f"operation {operation['operation']}", (operation["verb"], operation["undoes"])
    for folder in sorted((dot / "parked").glob("*")):
        if any(folder.rglob("upper")):
            yield f"parked {folder.name}", _parked(folder)
    yield "config", sorted(git(dot, "config", "--list", "--local").splitlines())
    yield "pending", (dot / "journal/pending.json").exists()


def _reflog(path: Path, plain: object) -> list[str]:
    assert callable(plain)
    lines = []
    for line in path.read_text().splitlines():
        ids, _, message = line.partition("\t")
        lines.append(plain(f"{' '.join(ids.split(' ')[:2])} {message}"))
    return lines


def _parked(folder: Path) -> dict[str, str]:
    """Files by path, without the directories that a mount point or an overlay makes."""
    uppers = [path for path in (folder / "upper", folder / "worktree/upper") if path.is_dir()]
    return {
        f"{upper.relative_to(folder)}/{os.fsdecode(path)}": node.sha256
        for upper in uppers
        for path, node in listing(upper).nodes.items()
        if node.kind == "file"
    }


def _mounted(dot: Path) -> Iterator[tuple[Path, Path]]:
    points = {mount.point for mount in mounts() if mount.fstype == "overlay"}
    for path in sorted((dot / "worktrees").glob("*/worktree.json")):
        point = dot.parent / json.loads(path.read_text())["mountpoint"]
        if point in points:
            yield path.parent, point


@contextmanager
def _mounted_image(dot: Path, commit: str) -> Iterator[Path]:
    lines = git(dot, "rev-list", "--first-parent", commit).split()
    text = git(dot, "cat-file", "--batch", data="".join(f"{line}:layer.json\n" for line in lines))
    layers = [match + "/fs" for match in re.findall(r'^ "id": "([0-9a-f]{64})"', text, re.MULTILINE)]
    assert len(layers) == len(lines), text
    point, empty = dot.parent / ".verify", dot.parent / ".empty"
    for folder in (point, empty):
        folder.mkdir(exist_ok=True)
    _mount_overlay(dot / "layers", [*layers, "../../.empty"], point)
    try:
        yield point
    finally:
        subprocess.run(["umount", "-n", point], check=True)


def _mount_overlay(folder: Path, layers: list[str], point: Path) -> None:
    """The classic mount(2), with relative paths: an option string holds a page, and no more."""
    options = "lowerdir=" + ":".join(layers)
    assert len(options) < _PAGE, f"{len(layers)} layers are too many for one mount"
    here = os.open(".", os.O_PATH)
    os.chdir(folder)
    try:
        if _libc.mount(b"none", bytes(point), b"overlay", ctypes.c_ulong(_MS_RDONLY), options.encode()) != 0:
            raise OSError(ctypes.get_errno(), f"cannot mount {options}")
    finally:
        os.fchdir(here)
        os.close(here)
