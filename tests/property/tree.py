"""What a container can do to a rootfs, one operation a method, each as a shell would do it."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import socket
import stat
import struct
import subprocess
from pathlib import Path

#: cap_net_raw+ep, revision 2 (see capability.h).
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
#: The same, a bigger set, and revision 3 with the root of a user namespace.
CAPABILITIES = (
    CAPABILITY,
    struct.pack("<IIIII", 0x02000000, 0xFFFFFFFF, 0, 0x1F, 0),
    struct.pack("<IIIIII", 0x03000001, 1 << 10, 0, 0, 0, 100_000),
)
#: Times that floats, 32 bits or 0 as "unset" would lose.
TIMES = (0, 1, -1, 1_700_000_000_123_456_789, 1_700_000_000_123_456_790, -86_400_000_000_001, 4_294_967_296_999_999_999)
NAMES = (
    b"a",
    b"b",
    b"c",
    b"d",
    b"sub",
    b"x",
    b"y",
    b".git",
    b"gi7eba~1",
    b".wh.x",
    b".wh..wh..opq",
    b"%entries",
    b"%41",
    b"new\nline",
    b"sp ace ",
    b"back\\slash",
    b"\xff\xfe",
    b"a=b",
    b"L" * 255,
)
_PUNCH, _KEEP_SIZE = 2, 1
_EXCHANGE = 2
_CWD = -100
_libc = ctypes.CDLL(None, use_errno=True)
_DEVICES = ((stat.S_IFCHR, 1, 3), (stat.S_IFBLK, 259, 70_000), (stat.S_IFIFO, 0, 0), (stat.S_IFSOCK, 0, 0))


class Tree:
    """The rootfs at a mount point. Paths are bytes relative to it; ``b""`` is its root."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)

    def full(self, path: bytes) -> bytes:
        return os.path.join(self.root, path) if path else self.root

    def paths(self) -> dict[str, list[bytes]]:
        """Sorted paths by kind: ``dir`` (with the root), ``file``, ``other``, ``with xattrs``, ``all``, ``any``.

        ``all`` is without the root, ``any`` with it.
        """
        found: dict[str, list[bytes]] = {"dir": [b""], "file": [], "other": [], "all": []}
        self._walk(b"", found)
        found["any"] = [b"", *found["all"]]
        found["with xattrs"] = [path for path in found["any"] if os.listxattr(self.full(path), follow_symlinks=False)]
        return {kind: sorted(paths) for kind, paths in found.items()}

    def _walk(self, path: bytes, found: dict[str, list[bytes]]) -> None:
        for entry in os.scandir(self.full(path)):
            below = os.path.join(path, entry.name) if path else entry.name
            found["all"].append(below)
            if entry.is_dir(follow_symlinks=False):
                found["dir"].append(below)
                self._walk(below, found)
            else:
                found["file" if entry.is_file(follow_symlinks=False) else "other"].append(below)

    # content

    def write(self, path: bytes, data: bytes) -> None:
        """Never through a symlink (it could lead out of the rootfs), and never waiting for the reader of a fifo."""
        fd = os.open(self.full(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        with open(fd, "wb") as file:
            file.write(data)

    def append(self, path: bytes, data: bytes) -> None:
        with open(self.full(path), "ab") as file:
            file.write(data)

    def write_anew(self, path: bytes, data: bytes) -> None:
        """As editors do it: a new file, renamed over the old one."""
        self.write(path + b"~", data)
        os.rename(self.full(path + b"~"), self.full(path))

    def write_mapped(self, path: bytes, data: bytes) -> None:
        """Through a shared mapping, which no write(2) tells of."""
        if not os.path.getsize(self.full(path)):
            return
        with open(self.full(path), "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
            mapping[: len(data)] = data[: len(mapping)]

    def materialize(self, path: bytes, data: bytes) -> None:
        """A file that gets its name only once it is written (``O_TMPFILE``, linkat(2))."""
        directory, name = os.path.split(self.full(path))
        with open(os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o644), "wb") as file:
            file.write(data)
            file.flush()
            place = b"/proc/self/fd/%d" % file.fileno()
            os.link(place, os.path.join(directory, name), src_dir_fd=file.fileno(), follow_symlinks=True)

    def alter_unseen(self, path: bytes) -> None:
        """Other content of the same size, with the time of modification put back."""
        before = os.lstat(self.full(path))
        with open(self.full(path), "r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes(255 - byte for byte in first))
        os.utime(self.full(path), ns=(before.st_atime_ns, before.st_mtime_ns))

    def truncate(self, path: bytes, size: int) -> None:
        os.truncate(self.full(path), size)

    def punch(self, path: bytes, start: int, length: int) -> None:
        fd = os.open(self.full(path), os.O_RDWR)
        try:
            _libc.fallocate(fd, _PUNCH | _KEEP_SIZE, ctypes.c_long(start), ctypes.c_long(length))
        finally:
            os.close(fd)

    def poke(self, path: bytes, start: int, length: int) -> None:
        """An island of data, behind the end too."""
        with open(self.full(path), "r+b") as file:
            file.seek(start)
            file.write(b"i" * min(length, 5000))

    # names

    def mkdir(self, path: bytes) -> None:
        os.mkdir(self.full(path))

    def symlink(self, path: bytes, target: bytes) -> None:
        os.symlink(target, self.full(path))

    def link(self, source: bytes, path: bytes) -> None:
        os.link(self.full(source), self.full(path), follow_symlinks=False)

    def special(self, path: bytes, which: int) -> None:
        kind, major, minor = _DEVICES[which]
        if kind == stat.S_IFSOCK:
            self._socket(path)
        else:
            os.mknod(self.full(path), kind | 0o640, os.makedev(major, minor))

    def _socket(self, path: bytes) -> None:
        parent, name = os.path.split(self.full(path))
        fd = os.open(parent, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(b"/proc/self/fd/%d/%s" % (fd, name))
        finally:
            os.close(fd)

    def remove(self, path: bytes) -> None:
        if stat.S_ISDIR(os.lstat(self.full(path)).st_mode):
            shutil.rmtree(self.full(path))
        else:
            os.unlink(self.full(path))

    def become(self, path: bytes, kind: str) -> None:
        """Something of another type in its place."""
        self.remove(path)
        if kind == "file":
            self.write(path, b"swapped")
        elif kind == "dir":
            self.mkdir(path)
        elif kind == "symlink":
            self.symlink(path, b"swapped")
        else:
            self.special(path, {"char": 0, "fifo": 2, "socket": 3}[kind])

    def rmdir(self, path: bytes) -> None:
        os.rmdir(self.full(path))

    def empty(self, path: bytes) -> None:
        """``rm -r d/*``, and then ``rmdir d``; the root stays."""
        self.empty_by_name(path)
        if path:
            os.rmdir(self.full(path))

    def empty_by_name(self, path: bytes) -> None:
        """``rm -r d/*``; of the root, files alone."""
        for name in sorted(os.listdir(self.full(path))):
            below = os.path.join(path, name)
            if path or not os.path.isdir(self.full(below)) or os.path.islink(self.full(below)):
                self.remove(below)

    def recreate(self, path: bytes, children: int) -> None:
        """``rm -r d; mkdir d``, with some of its old children made anew."""
        names = sorted(os.listdir(self.full(path)))[:children]
        shutil.rmtree(self.full(path))
        os.mkdir(self.full(path))
        for name in names:
            self.write(os.path.join(path, name), b"again")

    def move(self, source: bytes, target: bytes) -> None:
        """As mv(1) does it: rename(2), and copying where that is EXDEV."""
        subprocess.run(["mv", "-fT", "--", self.full(source), self.full(target)], capture_output=True)

    def rename(self, source: bytes, target: bytes) -> None:
        """rename(2) alone, which overlayfs refuses for directories that a lower layer has."""
        os.rename(self.full(source), self.full(target))

    def exchange(self, one: bytes, other: bytes) -> None:
        """renameat2(2) with ``RENAME_EXCHANGE``."""
        _libc.renameat2(_CWD, self.full(one), _CWD, self.full(other), _EXCHANGE)

    def copy_over(self, source: bytes, target: bytes) -> None:
        """Content, owner, mode, attributes and times, into the inode that is there."""
        subprocess.run(["cp", "-a", "-T", "--", self.full(source), self.full(target)], capture_output=True)

    # metadata

    def chmod(self, path: bytes, mode: int) -> None:
        if not stat.S_ISLNK(os.lstat(self.full(path)).st_mode):
            os.chmod(self.full(path), mode)

    def chown(self, path: bytes, uid: int, gid: int) -> None:
        os.chown(self.full(path), uid, gid, follow_symlinks=False)

    def touch_up(self, path: bytes) -> None:
        """Copies a path up and changes nothing, not even a time."""
        status = os.lstat(self.full(path))
        os.chown(self.full(path), status.st_uid, status.st_gid, follow_symlinks=False)

    def set_times(self, path: bytes, mtime_ns: int) -> None:
        os.utime(self.full(path), ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def set_xattr(self, path: bytes, key: bytes, value: bytes) -> None:
        os.setxattr(self.full(path), key, value, follow_symlinks=False)

    def drop_xattrs(self, path: bytes, count: int | None = None) -> None:
        """All of them, or the first few."""
        for key in sorted(os.listxattr(self.full(path), follow_symlinks=False))[:count]:
            os.removexattr(self.full(path), key, follow_symlinks=False)

    def set_acl(self, path: bytes, options: list[str]) -> None:
        subprocess.run(["setfacl", *options, "--", self.full(path)], capture_output=True)


def make_base(root: Path) -> None:
    """A small rootfs with one of everything that hard links, whiteouts and opaque directories can go wrong with."""
    tree = Tree(root)
    for path in (b"d", b"d/sub", b"d/sub/deep", b"empty", b"shared"):
        tree.mkdir(path)
    for path in (b"a", b"d/x", b"d/y", b"d/sub/x", b"d/sub/deep/y", b"shared/x"):
        tree.write(path, path * 3)
    for path in (b"b", b"c", b"d/one"):
        tree.link(b"a", path)
    tree.link(b"d/x", b"d/two")
    tree.symlink(b"soft", b"d/sub")
    tree.link(b"soft", b"soft2")
    tree.special(b"null", 0)
    tree.special(b"fifo", 2)
    tree.chmod(b"d/y", 0o4755)
    tree.set_xattr(b"d/y", b"security.capability", CAPABILITY)
    tree.set_xattr(b"d", b"user.overlay.opaque", b"y")
    tree.set_acl(b"shared", ["-m", "d:u:1000:rwx,u:1001:r"])
    tree.truncate(b"d/sub/x", 1 << 20)
    for number, path in enumerate(reversed(tree.paths()["all"])):
        tree.set_times(path, 1_600_000_000_000_000_001 + number)
    tree.chmod(b"", 0o711)
