"""Changes to the busybox rootfs, one commit each, that layers, archives and other tools have got wrong."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from tests.support import rootfs

_TIMES = 1_650_000_000_987_654_321


def prepare(root: Path) -> None:
    """Groups of hard links, directories to be made anew, and neighbours that sort between a directory and its files."""
    for name in ("groups", "swap/dir", "swap/full/deep", "again/sub", "d", "d/in"):
        (root / name).mkdir(parents=True)
    for name in ("a", "kept", "torn", "first", "gone", "alike"):
        (root / f"groups/{name}").write_text(name)
        os.link(root / f"groups/{name}", root / f"groups/{name}2")
    os.link(root / "groups/kept", root / "again/kept3")
    for name in ("swap/file", "swap/link-target", "swap/full/deep/x", "again/x", "again/sub/y", "d/file", "d-x", "d.y"):
        (root / name).write_text(name)
    (root / "swap/link").symlink_to("link-target")
    (root / "swap/sock").write_text("a socket takes my place")
    (root / ("L" * 255)).write_text("long")
    _stamp(root, "d", "d/in", "d-x", "groups", "again", "swap")


def tear_groups(root: Path) -> None:
    """One member changed, one gone, one renamed, one new; two that part and stay alike; links to symlink and device."""
    groups = root / "groups"
    _replace(groups / "torn2", b"torn apart")
    (groups / "gone").unlink()
    (groups / "first").rename(groups / "zfirst")
    os.link(groups / "kept", groups / "a-new-first-name")
    os.chmod(groups / "a2", 0o4751)
    subprocess.run(["cp", "-a", groups / "alike", groups / "tmp"], check=True)
    (groups / "tmp").rename(groups / "alike2")
    os.link(root / "usr/lib/soft", root / "d-link", follow_symlinks=False)
    os.link(root / "dev/null", root / "dev/a-null")
    _stamp(root, "groups", "dev")


def swap_types(root: Path) -> None:
    """Every type in place of every other, and directories made anew with some of what they held."""
    swap = root / "swap"
    for name in ("file", "link", "sock"):
        (swap / name).unlink()
    shutil.rmtree(swap / "dir")
    shutil.rmtree(swap / "full")
    (swap / "file").mkdir()
    (swap / "file/inside").write_text("new")
    (swap / "link").mkdir()
    (swap / "dir").symlink_to("/etc")
    os.mkfifo(swap / "full", 0o640)
    rootfs.add_socket(swap / "sock")
    rootfs.add_socket(swap / "sock-new")
    shutil.rmtree(root / "again")
    (root / "again/sub").mkdir(parents=True)
    (root / "again/new").write_text("new")
    shutil.rmtree(root / "odd/dirs")
    (root / "odd/dirs").mkdir()
    (root / ("L" * 255)).unlink()
    _stamp(root, "again", "again/sub", "swap", "odd")


def change_metadata(root: Path) -> None:
    """Owners, modes, attributes and times alone, at any depth; the file behind them stays below."""
    (root / "usr/lib").chmod(0o2755)
    os.chown(root / "usr/bin/tool", 3_000_000, 70_000)
    os.chmod(root / "usr/bin/tool", 0o6755)
    os.setxattr(root / "usr/bin/tool", "security.capability", rootfs.NET_RAW)
    os.setxattr(root / "etc/motd", "user.a%b", b"\x00=\n\xff")
    os.setxattr(root / "d", "trusted.note", b"for root")
    os.setxattr(root / "d", "user.overlay.opaque", b"y")
    subprocess.run(["setfacl", "-m", "u:77:r-x,d:u:78:rwx", root / "d/in"], check=True)
    subprocess.run(["setfacl", "-b", root / "etc/noted"], check=True)
    for offset, name in enumerate(("d/file", "etc/hostname", "usr/lib/soft", "dev/high")):
        os.utime(root / name, ns=(0, -1_000_000_001 + offset * 2_900_000_000_000_000_001), follow_symlinks=False)
    root.chmod(0o751)
    _stamp(root, "d", "d/in", ".")


def change_content(root: Path) -> None:
    """Holes, growth by one byte, equal size within one second; files in directories with a default ACL; odd names."""
    with open(root / "usr/lib/sparse", "r+b") as file:
        file.truncate(20 << 20)
        file.seek(4 << 20)
        file.write(b"another island")
    with open(root / "etc/motd", "ab") as file:
        file.write(b"\n")
    status = (root / "etc/hostname").stat()
    (root / "etc/hostname").write_text("xob\n")
    os.utime(root / "etc/hostname", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    (root / "d/in/inherits").write_text("inherited")
    (root / "odd/dirs/\udcff\n").mkdir()
    (root / "odd/dirs/\udcff\n/back\\slash\t").write_text("odd")
    os.mknod(root / "dev/new", stat.S_IFBLK | 0o600, os.makedev(4095, 1_048_575))
    deep = root / "odd" / "/".join(["deep" * 20] * 6)
    deep.mkdir(parents=True)
    (deep / "soft").symlink_to("t" * 4000)
    (deep / "file").write_text("deep")
    os.link(deep / "file", deep / "file2")
    _stamp(root, "odd", "d/in")


ALL = (tear_groups, swap_types, change_metadata, change_content)


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def _stamp(root: Path, *names: str) -> None:
    """Old times on directories, which everything made inside would disturb."""
    for offset, name in enumerate(names):
        os.utime(root / name, ns=(_TIMES, _TIMES + offset))
