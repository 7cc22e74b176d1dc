"""Any row of verbs, undos and restores, over branches, tags and uncommitted work: each state comes back as it was."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from layerctl.errors import LayerctlError
from tests.oracle import Listing, assert_same, listing
from tests.property.stored import assert_fsck_clean
from tests.support.mounts import mount_at, unmount_below
from tests.unit.ops.conftest import Box

_NAMES = st.sampled_from(["a", "b", "c"])


class UndoStates(RuleBasedStateMachine):
    """Keeps what there was right after each operation, and compares when it comes back."""

    box: Box

    @initialize()
    def start(self) -> None:
        os.umask(0o022)
        self.box = Box(Path(tempfile.mkdtemp(prefix="layerctl-undo-")))
        self.box.base(lambda source: (source / "held").write_text("x"))
        self.seen: dict[int, tuple[dict[str, str], str, Listing]] = {}
        self.note()

    def now(self) -> tuple[dict[str, str], str, Listing]:
        git = self.box.store.git
        refs = git.refs("refs/heads") | git.refs("refs/tags")
        return refs, (self.box.layout.worktrees / "default/HEAD").read_text(), listing(self.box.root)

    def number(self) -> int:
        return self.box.store.journal.next_number() - 1

    def note(self) -> None:
        """The state after the newest operation; it is exact until somebody writes to the rootfs."""
        self.seen[self.number()] = self.now()

    def attempt(self, action: object) -> None:
        before = self.number()
        try:
            action()  # type: ignore[operator]
        except LayerctlError:
            assert self.number() == before
            return
        if self.number() != before:
            self.note()

    @precondition(lambda self: mount_at(self.box.root) is not None)
    @rule(name=_NAMES, content=st.text("xyz", max_size=3))
    def write(self, name: str, content: str) -> None:
        (self.box.root / name).write_text(content)
        newest = self.number()
        self.seen[newest] = self.now()
        # The same write layer may be there in earlier states: they come back with what was written since.
        for number in list(self.seen):
            if number != newest:
                refs, head, _ = self.seen[number]
                self.seen[number] = refs, head, Listing({}, frozenset())

    @rule()
    def commit(self) -> None:
        self.attempt(lambda: self.box.repo.commit("c"))

    @rule()
    def amend(self) -> None:
        self.attempt(lambda: self.box.repo.commit("amended", amend=True))

    @rule()
    def rollback(self) -> None:
        self.attempt(lambda: self.box.repo.rollback())

    @rule()
    def drop(self) -> None:
        self.attempt(lambda: self.box.repo.rollback("HEAD"))

    @rule(name=_NAMES)
    def tag(self, name: str) -> None:
        self.attempt(lambda: self.box.repo.create_tag(name, force=True))

    @rule(name=_NAMES)
    def branch(self, name: str) -> None:
        self.attempt(lambda: self.box.repo.checkout(new_branch=name))

    @rule(name=_NAMES)
    def checkout(self, name: str) -> None:
        self.attempt(lambda: self.box.repo.checkout(name, discard=True))

    @rule(name=_NAMES)
    def delete_branch(self, name: str) -> None:
        self.attempt(lambda: self.box.repo.delete_branch(name, force=True))

    @rule()
    def undo(self) -> None:
        before = self.number() - 1
        self.box.repo.undo()
        self.compare(before)
        self.note()

    @precondition(lambda self: self.number() > 3)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(2, self.number()))
        if self.box.repo.restore_operation(number).operation is None:
            return
        self.compare(number)
        self.note()

    def compare(self, number: int) -> None:
        if number not in self.seen:
            return
        refs, head, tree = self.seen[number]
        now = self.now()
        assert now[:2] == (refs, head)
        if tree.nodes:
            assert_same(tree, now[2])

    def teardown(self) -> None:
        if not hasattr(self, "box"):
            return
        try:
            assert_fsck_clean(self.box.layout.root)
            assert not os.listdir(self.box.layout.tmp)
        finally:
            unmount_below(self.box.top)
            shutil.rmtree(self.box.top)


def test_states_come_back() -> None:
    run_state_machine_as_test(
        UndoStates,
        settings=settings(
            max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
