"""Which directories overlay mounts are made of. Source: proc(5), ``/proc/pid/mountinfo``; overlayfs(5)."""

from __future__ import annotations

import os
import re

_OCTAL = re.compile(rb"\\([0-7]{3})")


def overlay_options() -> set[bytes]:
    """The options of every overlay mount that is visible in any mount namespace of this machine.

    They name all directories of the mount. One that was detached from every namespace is not among them.
    """
    found: set[bytes] = set()
    seen: set[str] = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            namespace = os.readlink(f"/proc/{name}/ns/mnt")
            if namespace in seen:
                continue
            with open(f"/proc/{name}/mountinfo", "rb") as file:
                found |= {_options(line) for line in file if b" - overlay " in line}
            seen.add(namespace)
        except OSError:
            continue
    return found


def _options(line: bytes) -> bytes:
    text = line.partition(b" - overlay ")[2].rstrip(b"\n").rpartition(b" ")[2]
    return _OCTAL.sub(lambda match: bytes((int(match[1], 8),)), text).replace(b"\\", b"")
