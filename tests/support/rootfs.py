"""Root filesystems to import: a small busybox one full of rarities, and a synthetic big one."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import struct
import subprocess
from pathlib import Path

#: A fixed instant with nanoseconds that no float can carry: 2023-11-14 22:13:20.123456789 UTC.
EPOCH_NS = 1_700_000_000_123_456_789
#: cap_net_raw+ep, revision 2 (see capability.h).
NET_RAW = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
#: Names that have bitten somebody; all of them are legal on Linux.
ODD_FILES = [
    b"new\nline",
    b"tab\there",
    b"back\\slash",
    b"space at end ",
    b" space first",
    b"-dash",
    b"percent%41",
    b"%entries",
    b"equals=sign",
    b"hash#",
    b"quote'\"`",
    b"latin\xe9",
    b"\xff\xfe",
    b"dots...",
    b"L" * 255,
    "snow\u2603".encode(),
    b"\x01control\x7f",
    b"colon:comma,",
]
#: Directory names that Git refuses, or that would collide with layerctl's own.
ODD_DIRS = [
    b".git",
    b".GIT",
    b"git~1",
    b".git.",
    b".git ",
    ".g\u200cit".encode(),
    b".gitmodules",
    b".gitattributes",
    b"%entries",
    b"%2egit",
    b"%",
    b"\xff",
    b"trail.",
    b"...",
    b"new\nline.d",
    b"HEAD",
]
_PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
_GROUP = "root:x:0:\napp:x:1000:\nnogroup:x:65534:\n"


def make_busybox(root: Path) -> Path:
    """A rootfs that runs (busybox) and holds one of everything that is hard to keep."""
    for name in ("bin", "dev", "etc", "home/app", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/lib", "var/lib"):
        (root / name).mkdir(parents=True)
    _add_busybox(root)
    (root / "etc/passwd").write_text(_PASSWD)
    (root / "etc/group").write_text(_GROUP)
    (root / "etc/hostname").write_text("box\n")
    (root / "etc/motd").write_text("welcome\nto the box\nenjoy\n")
    (root / "etc/secret").write_text("hush\n")
    (root / "etc/secret").chmod(0o600)
    os.chown(root / "home/app", 1000, 1000)
    (root / "tmp").chmod(0o1777)
    (root / "root").chmod(0o700)
    _add_links(root / "usr/lib")
    _add_attributes(root)
    _add_specials(root)
    _add_odd_names(root / "odd")
    _set_times(root)
    return root


def make_tree(root: Path, *, directories: int, files: int, size: int = 64) -> Path:
    """A synthetic rootfs of ``directories`` directories with ``files`` small distinct files each."""
    for number in range(directories):
        directory = root / f"usr/share/d{number // 100:02}/d{number:04}"
        directory.mkdir(parents=True)
        for index in range(files):
            (directory / f"f{index:03}").write_bytes(f"{number}/{index}\n".encode().ljust(size, b"."))
    return root


def add_socket(path: Path) -> None:
    """Leaves a socket there, as a daemon that died does (works for paths of any length)."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"/proc/self/fd/{directory}/{path.name}")
    os.close(directory)


def make_deep(root: Path, *, depth: int, name: str = "d" * 100) -> Path:
    """A chain of directories whose path is far longer than PATH_MAX, with a file at the end; by descriptors."""
    root.mkdir(exist_ok=True)
    parent = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=parent)
        child = os.open(name, os.O_RDONLY, dir_fd=parent)
        os.close(parent)
        parent = child
    with open(os.open("leaf", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=parent), "wb") as file:
        file.write(b"deep\n")
    os.close(parent)
    return root


def allocated(path: Path) -> int:
    """Bytes of disk below (and of) ``path``; a file with several links counts once."""
    seen = {}
    for status in [path.lstat(), *(Path(top, name).lstat() for top, d, f in os.walk(path) for name in d + f)]:
        seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def tar(root: Path, target: Path, *flags: str) -> Path:
    """``root`` as a PAX archive made by GNU tar, xattrs and ACLs included."""
    command = ["tar", "--format=pax", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner"]
    subprocess.run([*command, *flags, "-C", root, "-cf", target, "."], check=True, capture_output=True)
    return target


def untar(archive: Path, target: Path) -> Path:
    """The archive as GNU tar unpacks it, xattrs and ACLs included."""
    target.mkdir(exist_ok=True)
    flags = ["--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p"]
    subprocess.run(["tar", *flags, "-C", target, "-xf", archive], check=True, capture_output=True)
    return target


def _add_busybox(root: Path) -> None:
    shutil.copy("/usr/bin/busybox", root / "bin/busybox")
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")


def _add_links(lib: Path) -> None:
    (lib / "one").write_text("linked\n")
    os.link(lib / "one", lib / "two")
    os.link(lib / "one", lib.parent / "three")
    (lib / "soft").symlink_to("/absolute/../target")
    os.link(lib / "soft", lib / "soft2", follow_symlinks=False)
    (lib / "dangling").symlink_to(b"nowhere\xff")
    with open(lib / "sparse", "wb") as file:
        file.truncate(16 << 20)
        file.seek(8 << 20)
        file.write(b"island")
    (lib / "empty").touch()


def _add_attributes(root: Path) -> None:
    tool = root / "usr/bin/tool"
    tool.write_text("#!/bin/sh\nexec id\n")
    tool.chmod(0o4755)
    ping = root / "usr/bin/pinger"
    ping.write_text("#!/bin/sh\n")
    ping.chmod(0o755)
    os.setxattr(ping, "security.capability", NET_RAW)
    noted = root / "etc/noted"
    noted.write_text("noted\n")
    os.setxattr(noted, "user.binary", bytes(range(256)))
    os.setxattr(noted, "user.empty", b"")
    os.setxattr(root / "etc", "user.dir", b"on a directory")
    subprocess.run(["setfacl", "-m", "u:1000:rw,g:1000:r", noted], check=True)
    shared = root / "home/shared"
    shared.mkdir()
    subprocess.run(["setfacl", "-d", "-m", "u:1000:rwx", shared], check=True)
    shared.chmod(0o2775)


def _add_specials(root: Path) -> None:
    os.mknod(root / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(root / "dev/high", stat.S_IFBLK | 0o660, os.makedev(259, 70_000))
    os.link(root / "dev/null", root / "dev/null2")
    os.mkfifo(root / "run/fifo", 0o640)


def _add_odd_names(odd: Path) -> None:
    top = os.fsencode(odd)
    os.makedirs(top)
    for name in ODD_FILES:
        Path(os.fsdecode(top + b"/" + name)).write_bytes(name)
    for name in ODD_DIRS:
        os.makedirs(top + b"/dirs/" + name)
        Path(os.fsdecode(top + b"/dirs/" + name + b"/inside")).write_bytes(name)


def _set_times(root: Path) -> None:
    paths = [os.path.join(top, name) for top, dirs, files in os.walk(os.fsencode(root)) for name in dirs + files]
    for offset, path in enumerate(sorted(paths, reverse=True)):
        os.utime(path, ns=(EPOCH_NS, EPOCH_NS + offset * 1_000_000_007), follow_symlinks=False)
    os.utime(root / "etc/motd", ns=(EPOCH_NS, -86_400_000_000_001))
    os.utime(root, ns=(EPOCH_NS, EPOCH_NS - 1))
