"""Which attributes belong to a rootfs, and how layers spell them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerctl.layer.xattrs import XattrNamespace, drop_inherited_acls, get_xattr, list_xattrs, read_xattrs

_TRUSTED, _USER = XattrNamespace.TRUSTED, XattrNamespace.USER
_NAMES = st.sampled_from([b"trusted.overlay.", b"user.overlay.", b"user.", b"trusted.", b"overlay."])


@given(st.sampled_from(XattrNamespace), st.lists(_NAMES | st.binary(min_size=1, max_size=8), min_size=1, max_size=4))
def test_whatever_a_rootfs_calls_an_attribute_comes_back(namespace: XattrNamespace, parts: list[bytes]) -> None:
    name = b"".join(parts)
    if name != b"security.selinux":
        assert namespace.from_disk(namespace.to_disk(name)) == name


@pytest.mark.parametrize(
    ("namespace", "disk", "name"),
    [
        (_TRUSTED, b"trusted.overlay.opaque", None),
        (_TRUSTED, b"trusted.overlay.origin", None),
        (_TRUSTED, b"trusted.overlay.impure", None),
        (_TRUSTED, b"trusted.overlay.uuid", None),
        (_TRUSTED, b"trusted.overlay.protattr", None),
        (_TRUSTED, b"trusted.overlay.nlink", None),
        (_TRUSTED, b"trusted.overlay.overlay.opaque", b"trusted.overlay.opaque"),
        (_TRUSTED, b"trusted.overlay.overlay.overlay.x", b"trusted.overlay.overlay.x"),
        (_TRUSTED, b"user.overlay.opaque", b"user.overlay.opaque"),
        (_TRUSTED, b"trusted.overlayish", b"trusted.overlayish"),
        (_TRUSTED, b"trusted.other", b"trusted.other"),
        (_TRUSTED, b"security.selinux", None),
        (_USER, b"user.overlay.opaque", None),
        (_USER, b"user.overlay.overlay.opaque", b"user.overlay.opaque"),
        (_USER, b"trusted.overlay.opaque", b"trusted.overlay.opaque"),
    ],
)
def test_an_attribute_on_disk_is_the_rootfss_or_overlays(
    namespace: XattrNamespace, disk: bytes, name: bytes | None
) -> None:
    assert namespace.from_disk(disk) == name


def test_names_and_empty_values_are_bytes(tmp_path: Path) -> None:
    """Traps 14 and 20."""
    (tmp_path / "f").touch()
    place = os.fsencode(tmp_path / "f")
    for name, value in ((b"user.\xff", b"\0"), (b"user.empty", b""), (b"trusted.overlay.origin", b"o")):
        os.setxattr(place, name, value)
    assert read_xattrs(place, list_xattrs(place), _TRUSTED) == ((b"user.empty", b""), (b"user.\xff", b"\0"))


def test_a_filesystem_without_attributes_has_none() -> None:
    assert list_xattrs(b"/proc/self/status") == []
    assert get_xattr(b"/proc/self/status", b"user.k") is None


def test_a_symlink_is_asked_itself(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    os.setxattr(tmp_path / "f", "user.k", b"v")
    (tmp_path / "link").symlink_to("f")
    assert list_xattrs(os.fsencode(tmp_path / "link")) == []


def test_inherited_acls_go_and_nothing_else(tmp_path: Path) -> None:
    """Trap 13."""
    subprocess.run(["setfacl", "-m", "u:1000:rwx,d:u:1000:rwx", tmp_path], check=True)
    os.setxattr(tmp_path, "user.k", b"v")
    drop_inherited_acls(os.fsencode(tmp_path))
    assert os.listxattr(tmp_path) == ["user.k"]
    drop_inherited_acls(os.fsencode(tmp_path))
