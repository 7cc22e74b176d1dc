"""Which id map this process lives in. Source: user_namespaces(7)."""

from __future__ import annotations

from pathlib import Path

from layerctl.layer.xattrs import XattrNamespace

_EVERYTHING = ["0", "0", "4294967295"]


def in_user_namespace() -> bool:
    """Whether this process is in a user namespace other than the machine's first."""
    try:
        return Path("/proc/self/uid_map").read_text().split() != _EVERYTHING
    except FileNotFoundError:  # a kernel without user namespaces
        return False


def overlay_namespace() -> XattrNamespace:
    """Where overlay mounts of this process keep their marks: ``trusted.*`` is out of reach in a user namespace."""
    return XattrNamespace.USER if in_user_namespace() else XattrNamespace.TRUSTED


def overflow_ids() -> tuple[int, int]:
    """What uids and gids outside the id map read as."""
    read = [Path(f"/proc/sys/kernel/overflow{kind}").read_text() for kind in ("uid", "gid")]
    return int(read[0]), int(read[1])
