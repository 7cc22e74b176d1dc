"""The base image: a Debian minbase root filesystem, as an archive, built once and kept under build/."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support import rootfs

_BUILD = Path(__file__).resolve().parents[1] / "build"
#: What other programs of this checkout have built already.
_KEPT = ("demo/debian-minbase.tar", "test-minbase.tar", "bench/debian-minbase.tar")
_MIRROR_SECONDS = 300


class NoBaseImage(Exception):
    """mmdebstrap could not make one."""


def debian() -> Path:
    """The archive; made by mmdebstrap if there is none yet.

    Raises:
        NoBaseImage: no Debian mirror answers.
    """
    for name in _KEPT:
        if (_BUILD / name).exists():
            return _BUILD / name
    target = _BUILD / _KEPT[-1]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder, "rootfs.tar")
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", str(made)]
        done = subprocess.run(["timeout", str(_MIRROR_SECONDS), *command], check=False)
        if done.returncode:
            raise NoBaseImage("mmdebstrap made no root filesystem; --quick needs none")
        made.rename(target)
    return target


def busybox(folder: Path) -> Path:
    """A tiny one around the static busybox, made in the folder; good enough to see that everything works."""
    root = folder / "busybox"
    for name in ("bin", "dev", "etc", "proc", "root", "srv", "sys", "tmp", "usr/share/doc/some"):
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "/bin/busybox", root / "bin/busybox")
    for applet in ("sh", "true", "cp", "mkdir", "rm", "find", "stat"):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "usr/share/doc/some/README").write_text("Nothing here.\n")
    return rootfs.tar(root, folder / "busybox.tar")
