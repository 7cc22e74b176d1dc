"""Recognizing images that were given as if they were root filesystems."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.model.scan import ScanDir

_ROOTFS = {b"bin", b"etc", b"usr", b"lib", b"dev", b"proc"}


def refuse_archive(root: ScanDir, text: str) -> None:
    """Makes sure that an archive's content is no image.

    Args:
        root: the listing of its top.
        text: the source as it was named.

    Raises:
        UsageError: it is an image.
    """
    if _ROOTFS & root.dirs.keys():
        return
    if b"manifest.json" in root.files:
        raise _refusal(text, "a docker archive", "docker-archive")
    if b"index.json" in root.files and b"blobs" in root.dirs:
        raise _refusal(text, "an OCI archive", "oci-archive")


def refuse_layout(dir_fd: int, text: str) -> None:
    """Makes sure that an open directory is no OCI layout.

    Raises:
        UsageError: it is one.
    """
    names = {os.fsencode(name) for name in os.listdir(dir_fd)}
    if {b"index.json", b"oci-layout", b"blobs"} <= names and not names & _ROOTFS:
        raise _refusal(text, "an OCI layout", "oci")


def _refusal(text: str, what: str, prefix: str) -> UsageError:
    path = "FILE" if text == "-" else text
    return UsageError(f"{text} is {what}, not a root filesystem", hint=f"import {prefix}:{path} instead")
