"""Random lives of a container's rootfs on real overlay mounts, each step checked against the oracle.

``LAYERCTL_SOAK=1`` makes it long. A failure prints the steps; ``--hypothesis-seed=N`` repeats a run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from layerctl import Author, CommitId, Quiescence, Repository
from layerctl.errors import Busy, NothingToCommit
from tests.oracle import Listing
from tests.oracle import compare as differences
from tests.property.independent import assert_changes, is_relink, listing
from tests.property.stored import assert_fsck_clean, assert_layer_is_canonical
from tests.property.tree import CAPABILITY, NAMES, TIMES, Tree, make_base
from tests.support.mounts import unmount_below

_SOAK = bool(os.environ.get("LAYERCTL_SOAK"))
_AUTHOR = Author("Tester", "t@example.com")
_WHO = ("nobody", "working directory", "writer", "own writer")

data = st.binary(max_size=20) | st.sampled_from([b"", b"same", b"\0" * 20])
names = st.sampled_from(NAMES)
index = st.integers(0, 10_000)
xattr_values = st.sampled_from([b"", b"y", b"x", b"\x00\xff", b"v" * 300])
xattr_keys = st.sampled_from(
    [
        b"user.k",
        b"user.odd = %\xff",
        b"user.overlay.opaque",
        b"user.overlay.whiteout",
        b"trusted.k",
        b"trusted.overlay.opaque",
        b"trusted.overlay.overlay.opaque",
        b"trusted.overlay.redirect",
        b"trusted.overlay.metacopy",
        b"security.foo",
    ]
)


@dataclass(frozen=True)
class Did:
    """What an undo has to bring back: HEAD, and the rootfs where the verb replaced that (else None)."""

    head: CommitId
    rootfs: Listing | None


class RootfsLife(RuleBasedStateMachine):
    """One repository with a base image, a mounted worktree, and a second one to check commits out elsewhere."""

    @initialize()
    def start(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="layerctl-states-"))
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
        if not hasattr(self, "top"):
            return
        try:
            if hasattr(self, "done"):
                assert_fsck_clean(self.repo.path)
        finally:
            unmount_below(self.top)
            shutil.rmtree(self.top)

    # what a container does

    def _attempt(self, action: Callable[..., None], *arguments: object) -> None:
        """What the kernel refuses, a container does not do."""
        with suppress(OSError):
            action(*arguments)

    def _pick(self, kind: str, number: int) -> bytes:
        paths = self.tree.paths()[kind] or [b""]
        return paths[number % len(paths)]

    def _place(self, number: int, name: bytes) -> bytes:
        return os.path.join(self._pick("dir", number), name)

    @rule(where=index, name=names, content=data)
    def write_file(self, where: int, name: bytes, content: bytes) -> None:
        self._attempt(self.tree.write, self._place(where, name), content)

    @rule(which=index, content=data, how=st.sampled_from(["write", "append"]))
    def change_file(self, which: int, content: bytes, how: str) -> None:
        self._attempt(getattr(self.tree, how), self._pick("file", which), content)

    @rule(which=index)
    def change_content_and_put_time_back(self, which: int) -> None:
        self._attempt(self.tree.alter_unseen, self._pick("file", which))

    @rule(which=index, size=st.sampled_from([0, 1, 5000, 1 << 20]))
    def truncate_file(self, which: int, size: int) -> None:
        self._attempt(self.tree.truncate, self._pick("file", which), size)

    @rule(which=index, start=st.sampled_from([0, 4096]), length=st.sampled_from([1, 4096, 65_536]))
    def punch_hole(self, which: int, start: int, length: int) -> None:
        self._attempt(self.tree.punch, self._pick("file", which), start, length)

    @rule(where=index, name=names)
    def make_dir(self, where: int, name: bytes) -> None:
        self._attempt(self.tree.mkdir, self._place(where, name))

    @rule(which=index)
    def remove(self, which: int) -> None:
        self._attempt(self.tree.remove, self._pick("all", which))

    @rule(which=index, children=st.integers(0, 3))
    def remove_dir_and_make_it_anew(self, which: int, children: int) -> None:
        path = self._pick("dir", which)
        if path:
            self._attempt(self.tree.recreate, path, children)

    @rule(which=index, where=index, name=names)
    def move(self, which: int, where: int, name: bytes) -> None:
        self._attempt(self.tree.move, self._pick("all", which), self._place(where, name))

    @rule(which=index, over=index)
    def move_over(self, which: int, over: int) -> None:
        self._attempt(self.tree.move, self._pick("all", which), self._pick("all", over))

    @rule(which=index, name=names)
    def move_there_and_back(self, which: int, name: bytes) -> None:
        path = self._pick("all", which)
        if not os.path.lexists(self.tree.full(name)):
            self._attempt(self.tree.move, path, name)
            self._attempt(self.tree.move, name, path)

    @rule(which=index, over=index)
    def copy_over(self, which: int, over: int) -> None:
        self._attempt(self.tree.copy_over, self._pick("file", which), self._pick("file", over))

    @rule(
        where=index,
        name=names,
        to=st.sampled_from([b"a", b"/nowhere/at/all", b"../nowhere", b"d/sub", b"\xff no", b"."]),
    )
    def make_symlink(self, where: int, name: bytes, to: bytes) -> None:
        self._attempt(self.tree.symlink, self._place(where, name), to)

    @rule(which=index, where=index, name=names)
    def make_link(self, which: int, where: int, name: bytes) -> None:
        source = self._pick("file", which) if which % 3 else self._pick("other", which)
        self._attempt(self.tree.link, source, self._place(where, name))

    @rule(where=index, name=names, which=st.integers(0, 3))
    def make_special(self, where: int, name: bytes, which: int) -> None:
        self._attempt(self.tree.special, self._place(where, name), which)

    @rule(which=index, becomes=st.sampled_from(["file", "dir", "symlink", "fifo"]))
    def replace_by_another_type(self, which: int, becomes: str) -> None:
        path = self._pick("all", which)
        self._attempt(self.tree.remove, path)
        makers: dict[str, tuple[object, ...]] = {
            "file": (self.tree.write, path, b"swapped"),
            "dir": (self.tree.mkdir, path),
            "symlink": (self.tree.symlink, path, b"swapped"),
            "fifo": (self.tree.special, path, 2),
        }
        self._attempt(*makers[becomes])  # type: ignore[arg-type]

    @rule(which=index, mode=st.sampled_from([0o644, 0o600, 0o755, 0o4755, 0o2775, 0o1777, 0]))
    def chmod(self, which: int, mode: int) -> None:
        self._attempt(self.tree.chmod, self._pick("all", which), mode)

    @rule(mode=st.sampled_from([0o755, 0o700, 0o1777]))
    def chmod_root(self, mode: int) -> None:
        self.tree.chmod(b"", mode)

    @rule(which=index, uid=st.sampled_from([0, 1000, 65_534, 4_000_000_000]), gid=st.sampled_from([0, 5]))
    def chown(self, which: int, uid: int, gid: int) -> None:
        self._attempt(self.tree.chown, self._pick("all", which), uid, gid)

    @rule(which=index)
    def copy_up_and_change_nothing(self, which: int) -> None:
        self._attempt(self.tree.touch_up, self._pick("all", which))

    @rule(which=index, mtime_ns=st.sampled_from(TIMES))
    def set_times(self, which: int, mtime_ns: int) -> None:
        self._attempt(self.tree.set_times, self._pick("all", which), mtime_ns)

    @rule(which=index, on=st.sampled_from(["dir", "all"]), key=xattr_keys, value=xattr_values)
    def set_xattr(self, which: int, on: str, key: bytes, value: bytes) -> None:
        self._attempt(self.tree.set_xattr, self._pick(on, which), key, value)

    @rule(which=index)
    def set_capability(self, which: int) -> None:
        self._attempt(self.tree.set_xattr, self._pick("file", which), b"security.capability", CAPABILITY)

    @rule(which=index)
    def drop_xattrs(self, which: int) -> None:
        self._attempt(self.tree.drop_xattrs, self._pick("all", which))

    @rule(which=index, options=st.sampled_from([["-m", "u:1000:rw"], ["-d", "-m", "g:5:rx"], ["-b"], ["-k"]]))
    def set_acl(self, which: int, options: list[str]) -> None:
        self._attempt(self.tree.set_acl, self._pick("dir" if which % 2 else "file", which), options)

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
        path = self._pick("all", which)
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


RootfsLife.TestCase.settings = settings(
    max_examples=3000 if _SOAK else 50,
    stateful_step_count=80 if _SOAK else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    report_multiple_bugs=False,
)
# Containers of other tests keep copies of every mount in their namespaces: rootfs that nobody uses would look used.
TestRootfsLife = pytest.mark.serial(pytest.mark.timeout(36_000 if _SOAK else 600)(RootfsLife.TestCase))
