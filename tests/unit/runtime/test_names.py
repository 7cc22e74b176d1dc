"""hosts, hostname and resolv.conf."""

from __future__ import annotations

from pathlib import Path

from layerctl.runtime import Bind, Network, missing_targets
from layerctl.runtime.network import name_files
from tests.unit.runtime.conftest import Box


def test_none_where_the_rootfs_has_none(box: Box) -> None:
    bundle = box.bundle("true")
    assert bundle.spec.binds == ()
    assert not any(target.path.startswith(b"etc") for target in missing_targets(bundle.spec))


def test_regular_files_are_covered_read_only(box: Box) -> None:
    for name in ("hosts", "hostname", "resolv.conf"):
        (box.rootfs / "etc" / name).write_text("the image's\n")
    assert box.sh("cat /etc/hostname /etc/resolv.conf", hostname="me") == "me\n# no network\n"
    assert "127.0.1.1\tme\n" in box.sh("cat /etc/hosts", hostname="me")
    assert "Read-only" in box.run("sh", "-c", "echo > /etc/hosts").err
    assert (box.rootfs / "etc/hosts").read_text() == "the image's\n"


def test_a_users_own_bind_wins(box: Box, tmp_path: Path) -> None:
    (box.rootfs / "etc/hosts").write_text("image\n")
    (tmp_path / "mine").write_text("mine\n")
    assert box.sh("cat /etc/hosts", binds=(Bind.of(tmp_path / "mine", "/etc//hosts"),)) == "mine\n"


def test_the_hosts_network_brings_its_resolver(box: Box) -> None:
    assert box.sh("cat /etc/resolv.conf", network=Network.HOST) == Path("/etc/resolv.conf").read_text()


def test_a_resolver_behind_a_dangling_symlink_is_a_known_target(box: Box) -> None:
    (box.rootfs / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    bundle = box.bundle("cat", "/etc/resolv.conf", network=Network.HOST)
    created = {target.path for target in missing_targets(bundle.spec)}
    assert {b"run", b"run/systemd", b"run/systemd/resolve", b"run/systemd/resolve/stub-resolv.conf"} <= created
    assert box.runtime.run(bundle).status == 0
    assert (box.rootfs / "run/systemd/resolve/stub-resolv.conf").exists()


def test_a_symlink_to_the_hosts_file_covers_nothing_outside(box: Box) -> None:
    (box.rootfs / "etc/hosts").symlink_to("/etc/hostname-of-nobody")
    assert box.bundle("true").spec.binds == ()


def test_the_host_may_lack_its_files(tmp_path: Path) -> None:
    assert name_files(Network.HOST, "me", tmp_path)["resolv.conf"] == b""
    assert name_files(Network.HOST, "me", tmp_path)["hosts"].startswith(b"127.0.0.1\tlocalhost\n")
