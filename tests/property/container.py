"""Everything that a container can do to its rootfs, as the rules of a state machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.property.tree import CAPABILITIES, NAMES, TIMES, Tree

data = st.binary(max_size=20) | st.sampled_from([b"", b"same", b"\0" * 20])
names = st.sampled_from(NAMES)
index = st.integers(0, 10_000)
sizes = st.sampled_from([0, 1, 4096, 5000, 70_000, 1 << 20])
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
modes = st.sampled_from([0o644, 0o600, 0o755, 0o4755, 0o2775, 0o6711, 0o1777, 0])
acls = st.sampled_from([["-m", "u:1000:rw"], ["-m", "g:5:r,m:r"], ["-d", "-m", "g:5:rx"], ["-b"], ["-k"]])


class ContainerLife(RuleBasedStateMachine):
    """The rules; who inherits makes ``tree``, and may want to know of each step by :meth:`stepped`."""

    tree: Tree
    #: Whether no name may begin with ``.wh.``, which an OCI layer cannot hold.
    plain_names = False

    def stepped(self) -> None:
        """Called after each thing that the container did or tried."""

    def attempt(self, action: Callable[..., None], *arguments: object) -> None:
        """What the kernel refuses, a container does not do."""
        with suppress(OSError):
            action(*arguments)
        self.stepped()

    def pick(self, kind: str, number: int) -> bytes:
        """One of the paths of a kind; the root if there is none."""
        paths = self.tree.paths()[kind] or [b""]
        return paths[number % len(paths)]

    def place(self, number: int, name: bytes) -> bytes:
        """A name in one of the directories, taken or free."""
        if self.plain_names:
            name = name.replace(b".wh.", b"wh")
        return os.path.join(self.pick("dir", number), name)

    # content

    @rule(where=index, name=names, content=data)
    def write_file(self, where: int, name: bytes, content: bytes) -> None:
        self.attempt(self.tree.write, self.place(where, name), content)

    @rule(where=index, name=names, content=data)
    def make_nameless_file_and_name_it(self, where: int, name: bytes, content: bytes) -> None:
        self.attempt(self.tree.materialize, self.place(where, name), content)

    @rule(which=index, content=data, how=st.sampled_from(["write", "append", "write_mapped", "write_anew"]))
    def change_file(self, which: int, content: bytes, how: str) -> None:
        self.attempt(getattr(self.tree, how), self.pick("file", which), content)

    @rule(which=index)
    def change_content_and_put_time_back(self, which: int) -> None:
        self.attempt(self.tree.alter_unseen, self.pick("file", which))

    @rule(which=index, size=sizes)
    def truncate_file(self, which: int, size: int) -> None:
        self.attempt(self.tree.truncate, self.pick("file", which), size)

    @rule(which=index, start=sizes, length=st.sampled_from([1, 4096, 65_536]), how=st.sampled_from(["punch", "poke"]))
    def make_holes_or_islands(self, which: int, start: int, length: int, how: str) -> None:
        self.attempt(getattr(self.tree, how), self.pick("file", which), start, length)

    @rule(which=index, over=index)
    def copy_over(self, which: int, over: int) -> None:
        self.attempt(self.tree.copy_over, self.pick("file", which), self.pick("file", over))

    # names

    @rule(where=index, name=names)
    def make_dir(self, where: int, name: bytes) -> None:
        self.attempt(self.tree.mkdir, self.place(where, name))

    @rule(which=index)
    def remove(self, which: int) -> None:
        self.attempt(self.tree.remove, self.pick("all", which))

    @rule(which=index, how=st.sampled_from(["rmdir", "empty", "empty_by_name"]))
    def remove_dir(self, which: int, how: str) -> None:
        self.attempt(getattr(self.tree, how), self.pick("dir", which))

    @rule(which=index, children=st.integers(0, 3))
    def remove_dir_and_make_it_anew(self, which: int, children: int) -> None:
        path = self.pick("dir", which)
        if path:
            self.attempt(self.tree.recreate, path, children)

    @rule(which=index, where=index, name=names)
    def move(self, which: int, where: int, name: bytes) -> None:
        self.attempt(self.tree.move, self.pick("all", which), self.place(where, name))

    @rule(which=index, over=index, how=st.sampled_from(["move", "rename", "exchange"]))
    def move_over(self, which: int, over: int, how: str) -> None:
        self.attempt(getattr(self.tree, how), self.pick("all", which), self.pick("all", over))

    @rule(which=index, name=names)
    def move_there_and_back(self, which: int, name: bytes) -> None:
        path, aside = self.pick("all", which), self.place(0, name)
        if not os.path.lexists(self.tree.full(aside)):
            self.attempt(self.tree.move, path, aside)
            self.attempt(self.tree.move, aside, path)

    @rule(
        where=index,
        name=names,
        to=st.sampled_from([b"a", b"/nowhere/at/all", b"../nowhere", b"d/sub", b"\xff no", b".", b"t" * 4000]),
    )
    def make_symlink(self, where: int, name: bytes, to: bytes) -> None:
        self.attempt(self.tree.symlink, self.place(where, name), to)

    @rule(which=index, where=index, name=names)
    def make_link(self, which: int, where: int, name: bytes) -> None:
        source = self.pick("file", which) if which % 3 else self.pick("other", which)
        self.attempt(self.tree.link, source, self.place(where, name))

    @rule(where=index, name=names, which=st.integers(0, 3))
    def make_special(self, where: int, name: bytes, which: int) -> None:
        self.attempt(self.tree.special, self.place(where, name), which)

    @rule(which=index, becomes=st.sampled_from(["file", "dir", "symlink", "char", "fifo", "socket"]))
    def replace_by_another_type(self, which: int, becomes: str) -> None:
        path = self.pick("all", which)
        self.attempt(self.tree.become, path, becomes)

    # metadata

    @rule(which=index, mode=modes)
    def chmod(self, which: int, mode: int) -> None:
        self.attempt(self.tree.chmod, self.pick("all", which), mode)

    @rule(mode=st.sampled_from([0o755, 0o700, 0o1777]))
    def chmod_root(self, mode: int) -> None:
        self.attempt(self.tree.chmod, b"", mode)

    @rule(which=index, uid=st.sampled_from([0, 1000, 65_534, 4_000_000_000]), gid=st.sampled_from([0, 5]))
    def chown(self, which: int, uid: int, gid: int) -> None:
        self.attempt(self.tree.chown, self.pick("any", which), uid, gid)

    @rule(which=index)
    def copy_up_and_change_nothing(self, which: int) -> None:
        self.attempt(self.tree.touch_up, self.pick("any", which))

    @rule(which=index, mtime_ns=st.sampled_from(TIMES))
    def set_times(self, which: int, mtime_ns: int) -> None:
        self.attempt(self.tree.set_times, self.pick("any", which), mtime_ns)

    @rule(which=index, on=st.sampled_from(["dir", "any"]), key=xattr_keys, value=xattr_values)
    def set_xattr(self, which: int, on: str, key: bytes, value: bytes) -> None:
        self.attempt(self.tree.set_xattr, self.pick(on, which), key, value)

    @rule(which=index, value=st.sampled_from(CAPABILITIES))
    def set_capability(self, which: int, value: bytes) -> None:
        self.attempt(self.tree.set_xattr, self.pick("file", which), b"security.capability", value)

    @rule(which=index, first=st.booleans())
    def drop_xattrs(self, which: int, first: bool) -> None:
        path = self.pick("with xattrs", which)
        self.attempt(self.tree.drop_xattrs, path, 1 if first else None)

    @rule(which=index, options=acls)
    def set_acl(self, which: int, options: list[str]) -> None:
        self.attempt(self.tree.set_acl, self.pick("dir" if which % 2 else "file", which), options)
