"""``layerctl import`` of directories and tar archives. Images of several layers: test_import_image."""

from __future__ import annotations

import copy
import os
import random
import re
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.oracle import Listing, assert_same, listing
from tests.support import rootfs
from tests.support.archives import COMPRESS, directory, entry, hardlink, symlink, tar_of
from tests.support.cli import Repo, assert_no_crash


def _check_out(repo: Repo, *source: str | Path, stdin: bytes | None = None) -> Path:
    repo.cli("import", *source, input=stdin)
    repo.cli("checkout")
    return repo.rootfs


# ------------------------------------------------------------------------------------------------------- directories


def test_a_directory_comes_back_exactly(empty_repo: Repo, busybox_rootfs: Path) -> None:
    assert_same(busybox_rootfs, _check_out(empty_repo, busybox_rootfs))


def test_importing_leaves_the_source_untouched(empty_repo: Repo, busybox_rootfs: Path) -> None:
    before = listing(busybox_rootfs)
    inode = (busybox_rootfs / "etc/motd").stat().st_ino
    _check_out(empty_repo, busybox_rootfs)
    (empty_repo.rootfs / "etc/motd").write_text("changed")
    assert_same(before, busybox_rootfs)
    layers = (empty_repo.dot / "layers").glob("*/fs/etc/motd")
    assert inode not in {path.stat().st_ino for path in layers}


def test_a_directory_or_tar_makes_one_base_image(empty_repo: Repo, busybox_rootfs: Path) -> None:
    empty_repo.cli("import", busybox_rootfs, "-m", "my base")
    [commit] = empty_repo.cli.json("log")
    assert (commit["message"], commit["parents"]) == ("my base", [])


def test_without_a_message_there_is_a_default(empty_repo: Repo, busybox_rootfs: Path) -> None:
    empty_repo.cli("import", busybox_rootfs)
    assert empty_repo.cli.json("log")[0]["message"]


def test_tag_branch_and_change(empty_repo: Repo, busybox_rootfs: Path) -> None:
    options = ["--branch", "debian", "--tag", "v1", "--change", "ENV A=b", "--change", "USER app"]
    empty_repo.cli("import", busybox_rootfs, *options)
    assert empty_repo.head("debian") == empty_repo.head("v1")
    config = empty_repo.git("show", "debian:config.json")
    assert '"A=b"' in config
    assert '"app"' in config


def test_a_second_import_needs_a_branch(imported: Repo, busybox_rootfs: Path) -> None:
    head = imported.head()
    assert "--branch" in imported.cli.run("import", busybox_rootfs, check=False).stderr
    assert imported.head() == head
    imported.cli("import", busybox_rootfs, "--branch", "second", "-m", "again")
    assert imported.head("second") != head
    assert imported.head() == head


def test_a_branch_that_exists_is_refused(imported: Repo, busybox_rootfs: Path) -> None:
    before = imported.recorded()
    imported.cli.fails(4, "import", busybox_rootfs, "--branch", "main")
    assert imported.recorded() == before


def test_the_same_rootfs_twice_shares_one_layer(imported: Repo, busybox_rootfs: Path) -> None:
    used = rootfs.allocated(imported.dot / "layers")
    imported.cli("import", busybox_rootfs, "--branch", "second")
    assert rootfs.allocated(imported.dot / "layers") == used


def test_sockets_are_kept_or_named(empty_repo: Repo, workdir: Path) -> None:
    source = workdir / "source"
    source.mkdir()
    rootfs.add_socket(source / "sock")
    warned = empty_repo.cli("import", source).stderr
    empty_repo.cli("checkout")
    assert (empty_repo.rootfs / "sock").is_socket() or "sock" in warned


def test_a_source_that_does_not_exist(empty_repo: Repo) -> None:
    before = empty_repo.recorded()
    for source in ("nothing.tar", "oci:nothing", "oci-archive:nothing.tar", "docker-archive:nothing.tar"):
        assert "nothing" in empty_repo.cli.fails(3, "import", source).stderr
    assert empty_repo.recorded() == before


def test_the_repository_itself_cannot_be_imported(empty_repo: Repo) -> None:
    """Importing a directory that holds the repository must not copy it into itself without end."""
    (empty_repo.top / "etc").mkdir()
    result = empty_repo.cli.run("import", empty_repo.top, check=False, timeout=60)
    if result.code == 0:
        names = empty_repo.cli("show", "HEAD:/").stdout
        assert ".layerctl" not in names


# ------------------------------------------------------------------------------------------------------ tar archives


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_tar_in_every_compression(
    empty_repo: Repo, workdir: Path, busybox_tar: Path, busybox_tar_tree: Listing, compression: str
) -> None:
    """The content decides, not the file's name."""
    archive = workdir / "rootfs.image"
    archive.write_bytes(COMPRESS[compression](busybox_tar.read_bytes()))
    assert_same(busybox_tar_tree, _check_out(empty_repo, archive))


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_tar_on_stdin(empty_repo: Repo, busybox_tar: Path, busybox_tar_tree: Listing, compression: str) -> None:
    stdin = COMPRESS[compression](busybox_tar.read_bytes())
    assert_same(busybox_tar_tree, _check_out(empty_repo, "-", stdin=stdin))


@pytest.mark.parametrize("form", ["gnu", "ustar", "v7", "oldgnu"])
def test_older_tar_formats(empty_repo: Repo, workdir: Path, form: str) -> None:
    source = rootfs.make_tree(workdir / "source", directories=3, files=3)
    os.link(source / "usr/share/d00/d0000/f000", source / "usr/linked")
    (source / "link").symlink_to("usr")
    if form in ("gnu", "oldgnu"):
        (source / ("n" * 200)).write_text("long name")
        with open(source / "sparse", "wb") as file:
            file.truncate(1 << 20)
            file.write(b"x")
    archive = workdir / "a.tar"
    sparse = ["--sparse"] if form in ("gnu", "oldgnu") else []
    command = ["tar", f"--format={form}", *sparse, "--numeric-owner", "-C", source, "-cf", archive, "."]
    subprocess.run(command, check=True)
    for path in [source, *source.rglob("*")]:
        seconds = path.lstat().st_mtime_ns // 1_000_000_000
        os.utime(path, ns=(0, seconds * 1_000_000_000), follow_symlinks=False)
    assert_same(source, _check_out(empty_repo, archive))


@pytest.mark.parametrize("form", ["0.0", "0.1", "1.0"])
def test_sparse_files_in_pax_archives(empty_repo: Repo, workdir: Path, form: str) -> None:
    source = workdir / "source"
    source.mkdir()
    with open(source / "sparse", "wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"island")
    archive = rootfs.tar(source, workdir / "a.tar", "--sparse", f"--sparse-version={form}")
    assert_same(source, _check_out(empty_repo, archive))
    assert (empty_repo.rootfs / "sparse").stat().st_blocks * 512 < 1 << 20


def test_a_tar_made_by_busybox(empty_repo: Repo, workdir: Path, busybox_rootfs: Path) -> None:
    archive = workdir / "a.tar"
    subprocess.run(["busybox", "tar", "-C", busybox_rootfs, "-cf", archive, "etc", "usr"], check=True)
    _check_out(empty_repo, archive)
    assert (empty_repo.rootfs / "etc/motd").read_bytes() == (busybox_rootfs / "etc/motd").read_bytes()
    assert (empty_repo.rootfs / "usr/bin/tool").stat().st_mode & 0o7777 == 0o4755


def test_directories_that_the_archive_only_implies(empty_repo: Repo) -> None:
    _check_out(empty_repo, "-", stdin=tar_of(entry("a/b/c", b"content")))
    assert (empty_repo.rootfs / "a/b/c").read_bytes() == b"content"
    assert (empty_repo.rootfs / "a").stat().st_mode & 0o7777 == 0o755


def test_xattrs_are_bytes(empty_repo: Repo) -> None:
    """TRAPS 26: latin-1 or UTF-8 reading corrupts capabilities."""
    value = bytes(range(1, 256))
    header = {"SCHILY.xattr.user.raw": value.decode("utf-8", "surrogateescape")}
    capability = {"SCHILY.xattr.security.capability": rootfs.NET_RAW.decode("utf-8", "surrogateescape")}
    members = [entry("f", b"x", pax_headers=header), entry("ping", b"x", pax_headers=capability)]
    _check_out(empty_repo, "-", stdin=_binary_pax(*members))
    assert os.getxattr(empty_repo.rootfs / "f", "user.raw") == value
    assert os.getxattr(empty_repo.rootfs / "ping", "security.capability") == rootfs.NET_RAW


def _binary_pax(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """``tarfile`` writes PAX values as UTF-8 with surrogateescape only if told to."""
    out = b""
    for info, content in members:
        out += info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + content.ljust(512, b"\0")
    return out + bytes(1024)


def test_overlay_xattrs_in_an_archive_hide_nothing(empty_repo: Repo) -> None:
    """TRAPS 6: an imported ``trusted.overlay.opaque`` is not a deletion mark of ours."""
    opaque = {"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.overlay.opaque": "y"}
    _check_out(empty_repo, "-", stdin=tar_of(directory("d", pax_headers=opaque), entry("d/f", b"seen")))
    empty_repo.commit_file("d/g", "more")
    empty_repo.commit_file("d/h", "more")
    assert sorted(os.listdir(empty_repo.checked_out("HEAD", "w") / "d")) == ["f", "g", "h"]


def test_a_later_entry_replaces_an_earlier_one(empty_repo: Repo) -> None:
    members = [entry("f", b"old"), entry("d", b"file first"), entry("f", b"new"), directory("d"), entry("d/x", b"x")]
    _check_out(empty_repo, "-", stdin=tar_of(*members))
    assert (empty_repo.rootfs / "f").read_bytes() == b"new"
    assert (empty_repo.rootfs / "d/x").read_bytes() == b"x"


def test_an_empty_rootfs_is_a_rootfs(empty_repo: Repo) -> None:
    _check_out(empty_repo, "-", stdin=tar_of(directory("./")))
    assert os.listdir(empty_repo.rootfs) == []


def test_a_debian_rootfs_comes_back_exactly(empty_repo: Repo, minbase_tar: Path, workdir: Path) -> None:
    """GNU tar unpacks the same archive for comparison."""
    assert_same(rootfs.untar(minbase_tar, workdir / "expected"), _check_out(empty_repo, minbase_tar))


# ------------------------------------------------------------------------------------------- broken and hostile input


def _damage(data: bytes) -> dict[str, bytes]:
    compressed = COMPRESS["gz"](data)
    middle = len(compressed) // 2
    return {
        "truncated": data[: len(data) // 2 + 7],
        "truncated-in-a-header": data[: 512 * 40 + 100],
        "truncated-gz": compressed[:middle],
        "truncated-zst": COMPRESS["zst"](data)[:-20],
        "truncated-xz": COMPRESS["xz"](data)[:-20],
        "truncated-bz2": COMPRESS["bz2"](data)[:-20],
        "corrupt-gz": compressed[:middle] + bytes(64) + compressed[middle + 64 :],
        "gz-with-a-wrong-checksum": compressed[:-8] + bytes(4) + compressed[-4:],
        "corrupt-header": data[: 512 * 8] + os.urandom(512) + data[512 * 9 :],
        "garbage": os.urandom(10_000),
        "text": b"this is not an archive\n" * 100,
        "empty": b"",
    }


@pytest.mark.parametrize("damage", _damage(bytes(512 * 100)))
@pytest.mark.parametrize("how", ["file", "stdin"])
def test_a_broken_archive_is_one_error_and_leaves_nothing(
    empty_repo: Repo, workdir: Path, busybox_tar: Path, damage: str, how: str
) -> None:
    data = _damage(busybox_tar.read_bytes())[damage]
    before = empty_repo.recorded()
    archive = workdir / "broken.tar"
    archive.write_bytes(data)
    if how == "file":
        empty_repo.cli.fails(5, "import", archive)
    else:
        empty_repo.cli.fails(5, "import", "-", input=data)
    assert empty_repo.recorded() == before


HOSTILE = {
    "parent": [entry("../../../../../../../../../../CANARY/owned", b"x")],
    "parent-in-the-middle": [directory("a"), entry("a/../../../../../../../../../CANARY/owned", b"x")],
    "absolute": [entry("CANARY/owned", b"x")],
    "symlinked-parent": [symlink("link", "CANARY"), entry("link/owned", b"x")],
    "symlinked-parent-directory": [symlink("link", "CANARY"), directory("link/owned")],
    "symlinked-grandparent": [directory("a"), symlink("a/link", "CANARY"), entry("a/link/b/owned", b"x")],
    "symlink-to-parent": [symlink("up", "../../../../../../../../../.."), entry("up/CANARY/owned", b"x")],
    "symlink-at-the-root": [symlink(".", "CANARY"), entry("owned", b"x")],
    "hardlink-out": [hardlink("mine", "CANARY/secret"), entry("mine", b"overwritten")],
    "hardlink-out-by-parents": [hardlink("mine", "../../../../../../../../../CANARY/secret"), entry("mine", b"x")],
    "hardlink-through-a-symlink": [symlink("link", "CANARY"), hardlink("mine", "link/secret"), entry("mine", b"x")],
    "hardlink-to-a-symlink": [symlink("link", "CANARY/secret"), hardlink("mine", "link"), entry("mine", b"x")],
    "overwrite-through-a-symlink": [symlink("f", "CANARY/secret"), entry("f", b"overwritten")],
    "chmod-through-a-symlink": [symlink("d", "CANARY"), directory("d", mode=0o700)],
    "whiteout-through-a-symlink": [symlink("link", "CANARY"), entry("link/.wh.secret")],
    "opaque-through-a-symlink": [symlink("link", "CANARY"), entry("link/.wh..wh..opq")],
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_archive_never_leaves_the_new_layer(empty_repo: Repo, workdir: Path, attack: str) -> None:
    """TRAPS 24: it stays inside, or the import fails and leaves nothing."""
    canary = workdir / "canary"
    canary.mkdir()
    (canary / "secret").write_text("untouched")
    outside = listing(canary)
    members = [(_aim(info, str(canary)), content) for info, content in HOSTILE[attack]]
    before = empty_repo.recorded()
    result = empty_repo.cli.run("import", "-", input=tar_of(*members), check=False)
    assert_same(outside, canary)
    assert result.code in (0, 5), str(result)
    if result.code == 5:
        assert empty_repo.recorded() == before
    else:
        empty_repo.cli("checkout")
        assert (canary / "secret").stat().st_nlink == 1
        assert_same(outside, canary)


def _aim(info: tarfile.TarInfo, canary: str) -> tarfile.TarInfo:
    aimed = copy.copy(info)
    aimed.name = re.sub("/?CANARY", canary, info.name)
    aimed.linkname = re.sub("/?CANARY", canary, info.linkname)
    return aimed


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh.."])
def test_whiteouts_of_nothing_or_of_a_parent_are_errors(empty_repo: Repo, name: str) -> None:
    """TRAPS 9, 24."""
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", "-", input=tar_of(directory("d"), entry(name)))
    assert empty_repo.recorded() == before


def test_absolute_symlink_targets_are_legal(empty_repo: Repo) -> None:
    _check_out(empty_repo, "-", stdin=tar_of(symlink("link", "/etc/alternatives/x"), symlink("up", "../../x")))
    assert os.readlink(empty_repo.rootfs / "link") == "/etc/alternatives/x"
    assert os.readlink(empty_repo.rootfs / "up") == "../../x"


def test_a_compression_bomb_is_refused(empty_repo: Repo) -> None:
    """TRAPS 25: 4 GiB of zeros in a few KiB; quickly, and nothing is left."""
    compressor = COMPRESS["zst"]
    header = entry("zeros")[0]
    header.size = 4 << 30
    block = compressor(bytes(16 << 20))
    bomb = compressor(header.tobuf(tarfile.PAX_FORMAT)) + block * 256 + compressor(bytes(1024))
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", "-", input=bomb)
    assert empty_repo.recorded() == before


def test_an_absurd_number_of_components_is_refused(empty_repo: Repo) -> None:
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", "-", input=tar_of(entry("d/" * 5_000 + "f", b"x")))
    assert empty_repo.recorded() == before


@pytest.mark.parametrize("header", [{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "-5"}])
def test_nonsense_in_pax_headers_is_one_error(empty_repo: Repo, header: dict[str, str]) -> None:
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", "-", input=tar_of(entry("f", b"xxxx", pax_headers=header)))
    assert empty_repo.recorded() == before


# ------------------------------------------------------------------------------------------------------- interruption


def _half_fed(repo: Repo, spawn: Spawn, data: bytes) -> subprocess.Popen[bytes]:
    """An import from stdin that has unpacked half of the archive and waits for more."""
    process = spawn(repo.cli.start("import", "-", stdin=subprocess.PIPE, stdout=-1, stderr=-1))
    assert process.stdin is not None
    process.stdin.write(data[: len(data) // 2])
    process.stdin.flush()
    _wait_until(lambda: rootfs.allocated(repo.dot) > len(data) // 4)
    return process


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not _settled(condition):
        assert time.monotonic() < deadline, "the import never got to work"
        time.sleep(0.05)


def _settled(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_leaves_nothing_behind(
    empty_repo: Repo, spawn: Spawn, busybox_tar: Path, stop: signal.Signals
) -> None:
    before = empty_repo.recorded()
    process = _half_fed(empty_repo, spawn, busybox_tar.read_bytes())
    process.send_signal(stop)
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(timeout=30) != 0
    assert_no_crash(err)
    assert empty_repo.recorded() == before


def test_a_killed_import_leaves_nothing_after_the_next_command(
    empty_repo: Repo, spawn: Spawn, busybox_rootfs: Path, busybox_tar: Path
) -> None:
    before = empty_repo.recorded()
    process = _half_fed(empty_repo, spawn, busybox_tar.read_bytes())
    process.kill()
    process.wait()
    empty_repo.cli("worktree", "list")
    assert empty_repo.recorded() == before
    assert_same(busybox_rootfs, _check_out(empty_repo, busybox_rootfs))


def test_an_import_whose_feeder_dies_is_a_truncated_archive(empty_repo: Repo, spawn: Spawn, busybox_tar: Path) -> None:
    before = empty_repo.recorded()
    process = _half_fed(empty_repo, spawn, busybox_tar.read_bytes())
    _, err = process.communicate()
    assert process.returncode == 5, err
    assert empty_repo.recorded() == before


def test_an_import_killed_at_random_moments_is_before_or_after(
    empty_repo: Repo, spawn: Spawn, busybox_rootfs: Path
) -> None:
    """Whatever the moment: the next command works, and the same import goes through or is there already."""
    before = empty_repo.recorded()
    choose = random.Random(7)
    for _ in range(6):
        process = spawn(empty_repo.cli.start("import", busybox_rootfs, stdout=-1, stderr=-1))
        time.sleep(choose.uniform(0.1, 0.9))
        process.kill()
        process.wait()
        if empty_repo.cli.json("branch"):
            break
        assert empty_repo.recorded() == before
    else:
        empty_repo.cli("import", busybox_rootfs)
    empty_repo.cli("checkout")
    assert_same(busybox_rootfs, empty_repo.rootfs)
