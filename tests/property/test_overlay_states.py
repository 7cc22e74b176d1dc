"""Random lives of a container's rootfs on real overlay mounts, each step checked against the oracle.

One run is drawn from one seed, which is printed; ``LAYERCTL_SEED=N`` repeats it. ``LAYERCTL_SOAK=SECONDS`` goes on with
the seeds after it until that time is over (``make soak``). A failure prints its steps. A single run lives in memory
where that can hold a rootfs, because most of its time would be the disk's; a soak lives on the disk.
"""

from __future__ import annotations

import mmap
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from layerctl import Author, CommitId, Quiescence, Repository
from layerctl.errors import Busy, CannotExport, NothingToCommit
from layerctl.store import layers as layers_module
from tests.oracle import Listing
from tests.oracle import compare as differences
from tests.property.container import ContainerLife, index
from tests.property.independent import assert_changes, is_relink, listing
from tests.property.stored import assert_fsck_clean, assert_layer_is_canonical
from tests.property.tree import Tree, make_base
from tests.support.exporting import layers_of, oci_layout
from tests.support.mounts import unmount_below

_SOAK = int(os.environ.get("LAYERCTL_SOAK", "0"))
_LIVES, _STEPS = 90, 40
_AUTHOR = Author("Tester", "t@example.com")
_WHO = ("nobody", "working directory", "own writer", "nobody", "writer")
_DEPTH = layers_module.MAX_MOUNTED


def _memory() -> str | None:
    """A file system in memory, if it keeps ``user.*`` attributes (tmpfs does since Linux 6.6)."""
    try:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as probe:
            os.setxattr(probe, "user.k", b"v")
    except OSError:
        return None
    return "/dev/shm"


_PLACE = None if _SOAK else _memory()


@dataclass(frozen=True)
class Did:
    """What an undo has to bring back: HEAD, and the rootfs where the verb replaced that (else None)."""

    head: CommitId
    rootfs: Listing | None


class RootfsLife(ContainerLife):
    """One repository with a base image, a mounted worktree, and a second one to check commits out elsewhere."""

    #: How many steps there were, of all lives.
    steps = 0

    @initialize(
        pace=st.sampled_from([3, 5, 8, 10_000]),
        depth=st.sampled_from([2, 3, _DEPTH]),
        plain_names=st.booleans(),
    )
    def start(self, pace: int, depth: int, plain_names: bool) -> None:
        """Begins a life.

        Args:
            pace: how many things the container does between two commits that nobody asked for.
            depth: how many layers are mounted before compacted ones take their place.
            plain_names: whether all of it could be an OCI image.
        """
        self.pace, self.plain_names = pace, plain_names
        self.done_by_container = self.commits = 0
        self.exported = False
        layers_module.MAX_MOUNTED = depth
        self.top = Path(tempfile.mkdtemp(prefix="layerctl-states-", dir=_PLACE))
        source = self.top / "source"
        source.mkdir()
        make_base(source)
        Repository.init(self.top / "r").set_config("layerctl.sync", "false")
        self.repo = Repository.open(self.top / "r", author=_AUTHOR)
        self.head = self.repo.import_image(str(source), message="base").commits[-1]
        self.root = Path(self.repo.checkout().mountpoint)
        self.tree = Tree(self.root)
        elsewhere = self.repo.add_worktree("elsewhere", "HEAD", detach=True)
        self.elsewhere = Repository.open(self.top / "r", worktree="elsewhere", author=_AUTHOR)
        self.other = Path(elsewhere.mountpoint)
        self.states = {self.head: listing(source)}
        self.parents: dict[CommitId, CommitId | None] = {self.head: None}
        self.done: list[Did] = []
        _assert_same(self.states[self.head], self.root)

    def teardown(self) -> None:
        layers_module.MAX_MOUNTED = _DEPTH
        if not hasattr(self, "top"):
            return
        try:
            if hasattr(self, "done"):
                assert_fsck_clean(self.repo.path)
        finally:
            unmount_below(self.top)
            shutil.rmtree(self.top)

    def stepped(self) -> None:
        """Commits every so often: sealed and busy in turn."""
        self.done_by_container += 1
        if self.done_by_container % self.pace == 0:
            self.commits += 1
            self.commit(_WHO[self.commits % len(_WHO)], amend=False, empty=False)

    # what its owner does

    @rule(who=st.sampled_from(_WHO), amend=st.booleans(), empty=st.booleans())
    def commit(self, who: str, amend: bool, empty: bool) -> None:
        before = listing(self.root)
        parent = self.parents[self.head] if amend else self.head
        with self._presence(who):
            try:
                result = self.repo.commit("commit", amend=amend, allow_empty=empty)
            except NothingToCommit:
                assert not empty and not amend
                assert all(change.is_noise for change in self.repo.status().changes)
                self._assert_writable()
                return
        assert (result.layer.quiescence is Quiescence.SEALED) == (who == "nobody")
        self._moved(result.commit, parent, before)
        _assert_same(before, self.root)
        assert self.repo.status().changes == ()
        self._check_elsewhere(result.commit, before)
        self._assert_writable()

    @rule(which=index, who=st.sampled_from(_WHO))
    def commit_one_path(self, which: int, who: str) -> None:
        before, parent = listing(self.root), self.states[self.head]
        path = self.pick("all", which)
        with self._presence(who):
            try:
                result = self.repo.commit("partly", paths=[path])
            except NothingToCommit:
                assert not [change for change in self._changes_below(path) if not change.is_noise]
                return
        _assert_same(before, self.root)
        self._moved(result.commit, self.head, parent)
        self._show_elsewhere(result.commit)
        after = self.states[result.commit] = listing(self.other)
        _assert_same(before.select(lambda at: _below(at, path)), after.select(lambda at: _below(at, path)))
        if b"/" not in path:
            _assert_same(parent.select(lambda at: not _below(at, path)), after.select(lambda at: not _below(at, path)))
        self._check_layer(result.commit)
        assert self._changes_below(path) == []

    @rule(which=index, at=index)
    def commit_while_a_file_is_mapped(self, which: int, at: int) -> None:
        """Who holds a shared mapping writes without a system call. What is committed must not change with it."""
        path = self.pick("file", which)
        place = self.tree.full(path)
        if not path or not os.path.getsize(place):
            return
        with open(place, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
            self.commit("own writer", amend=False, empty=True)
            mapping[at % len(mapping)] ^= 1
        changed = {change.path for change in self.repo.status().changes}
        assert path in changed
        self._check_elsewhere(self.head, self.states[self.head])

    def _changes_below(self, path: bytes) -> list[object]:
        """Hard links left out: the other end of one may lie elsewhere."""
        changes = self.repo.status().changes
        return [change for change in changes if _below(change.path, path) and not is_relink(change)]

    @rule(count=st.integers(0, 3), who=st.sampled_from(["nobody", "working directory"]), discard=st.booleans())
    def rollback(self, count: int, who: str, discard: bool) -> None:
        target = self.head
        for _ in range(count):
            target = self.parents[target] or target
        before = listing(self.root)
        with self._presence(who):
            result = self.repo.rollback(str(target), discard=discard)
            _assert_same(self.states[target], self.root)
        assert (result.old, result.new) == (self.head, target)
        if discard:
            self.done.clear()
        else:
            self.done.append(Did(self.head, before))
        self.head = target
        assert self.repo.status().changes == ()

    @rule()
    def export(self) -> None:
        """HEAD's layers as an OCI image, imported into another repository; a life has one of these."""
        if self.exported:
            return
        self.exported = True
        sockets: set[bytes] = set()
        try:
            layers = layers_of(self.repo.path, self.head, sockets.add)
        except CannotExport:
            assert not self.plain_names
            return
        layout = oci_layout(self.top / "layout", layers)
        other = Repository.init(self.top / "imported")
        other.set_config("layerctl.sync", "false")
        other = Repository.open(self.top / "imported", author=_AUTHOR)
        other.import_image(f"oci:{layout}")
        expected = self.states[self.head]
        _assert_same(_importable(expected), Path(other.checkout().mountpoint))
        assert {path for path, node in expected.nodes.items() if node.kind == "socket"} <= sockets

    @rule()
    def undo(self) -> None:
        if not self.done:
            return
        did = self.done[-1]
        before = listing(self.root)
        self.repo.undo()
        self.done.append(Did(self.head, None if did.rootfs is None else before))
        self.head = did.head
        _assert_same(did.rootfs or before, self.root)
        self._assert_writable()

    @rule()
    def compare(self) -> None:
        changes = self.repo.status().changes
        assert_changes(self.states[self.head], listing(self.root), changes)
        assert self.repo.diff().changes == changes

    @rule(one=index, other=index)
    def compare_commits(self, one: int, other: int) -> None:
        known = list(self.states)
        old, new = known[one % len(known)], known[other % len(known)]
        assert_changes(self.states[old], self.states[new], self.repo.diff(str(old), str(new)).changes)

    @rule(which=index)
    def look_at_an_old_commit(self, which: int) -> None:
        commit = list(self.states)[which % len(self.states)]
        self._show_elsewhere(commit)
        _assert_same(self.states[commit], self.other)

    @rule()
    def reboot(self) -> None:
        before = listing(self.root)
        unmount_below(self.root)
        self.repo = Repository.open(self.top / "r", author=_AUTHOR)
        _patiently(self.repo.checkout)
        _assert_same(before, self.root)

    @invariant()
    def count(self) -> None:
        RootfsLife.steps += 1

    @invariant()
    def head_is_where_it_should_be(self) -> None:
        if hasattr(self, "done"):
            assert self.repo.resolve("HEAD") == self.head

    # helpers

    def _moved(self, commit: CommitId, parent: CommitId | None, state: Listing) -> None:
        self.done.append(Did(self.head, None))
        self.head = commit
        self.states[commit] = state
        self.parents[commit] = parent

    def _show_elsewhere(self, commit: CommitId) -> None:
        last = next(self.repo.operations()).number
        self.elsewhere.checkout(str(commit), detach=True)
        if next(self.repo.operations()).number != last:
            self.done.append(Did(self.head, None))

    def _check_elsewhere(self, commit: CommitId, expected: Listing) -> None:
        self._show_elsewhere(commit)
        _assert_same(expected, self.other)
        self._check_layer(commit)

    def _check_layer(self, commit: CommitId) -> None:
        parent = self.parents[commit]
        image = self.repo.show(str(commit))[0].commit
        assert_layer_is_canonical(self.repo.path, image, self.states[parent] if parent else None)

    def _assert_writable(self) -> None:
        with _nameless_file(self.root) as file:
            file.write(b"still mine")

    @contextmanager
    def _presence(self, who: str) -> Iterator[None]:
        """Somebody in the rootfs; whoever it is has gone afterwards."""
        if who == "nobody":
            yield
        elif who == "working directory":
            with _process(cwd=self.root):
                yield
        elif who == "own writer":
            with _nameless_file(self.root):
                yield
        else:
            with ExitStack() as stack:
                with _nameless_file(self.root) as file:
                    stack.enter_context(_process(stdout=file))
                yield


def _nameless_file(root: Path) -> BinaryIO:
    return open(os.open(root, os.O_TMPFILE | os.O_RDWR), "wb")


@contextmanager
def _process(**options: object) -> Iterator[None]:
    process = subprocess.Popen(["sleep", "1000"], **options)  # type: ignore[call-overload]
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _assert_same(expected: Listing, actual: Listing | Path) -> None:
    found = differences(expected, listing(actual) if isinstance(actual, Path) else actual)
    assert found == []


def _patiently(action: Callable[[], object]) -> None:
    """A container that starts elsewhere just now may hold a copy of the mount for a moment."""
    for _ in range(100):
        try:
            action()
        except Busy:
            time.sleep(0.1)
        else:
            return
    action()


def _below(path: bytes, top: bytes) -> bool:
    return path == top or path.startswith(top + b"/")


def _importable(tree: Listing) -> Listing:
    """What an import keeps: no sockets, which an archive cannot hold, and nothing that looks like overlayfs's own."""
    tree = tree.select(lambda path: tree.nodes[path].kind != "socket")
    nodes = {
        path: replace(node, xattrs=tuple(pair for pair in node.xattrs if not pair[0].startswith("trusted.overlay.")))
        for path, node in tree.nodes.items()
    }
    return replace(tree, nodes=nodes)


def _live(number: int) -> None:
    """All lives of one seed."""
    RootfsLife.steps = 0
    options = settings(
        max_examples=_LIVES,
        stateful_step_count=_STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(seed(number)(RootfsLife), settings=options)


# Containers of other tests keep copies of every mount in their namespaces: rootfs that nobody uses would look used.
@pytest.mark.serial
@pytest.mark.timeout(600 + _SOAK)
def test_lives_of_a_rootfs(capsys: pytest.CaptureFixture[str]) -> None:
    first = int(os.environ.get("LAYERCTL_SEED", random.randrange(10**6)))
    end = time.monotonic() + _SOAK
    total, number = 0, first
    while not total or time.monotonic() < end:
        with capsys.disabled():
            print(f"\nLAYERCTL_SEED={number}: ", end="", flush=True)
        _live(number)
        assert RootfsLife.steps >= 3000
        total, number = total + RootfsLife.steps, number + 1
        with capsys.disabled():
            print(f"{RootfsLife.steps} steps, {total} in all", end="", flush=True)
