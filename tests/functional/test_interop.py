"""Images that other tools made, checked out by layerctl, against the same image as its own tool unpacks it.

And the other way: layers as layerctl writes them, unpacked by those tools, against the rootfs that was committed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from layerctl import CommitId
from tests.oracle import Listing, Node, assert_same, listing
from tests.support import changes, rootfs
from tests.support.cli import Layerctl, Repo
from tests.support.engines import Docker, Podman, docker_daemon, skopeo, umoci
from tests.support.exporting import layers_of, oci_layout
from tests.support.mounts import unmount_below

pytestmark = pytest.mark.xdist_group("interop")


@pytest.fixture(scope="module")
def engine_dir() -> Iterator[Path]:
    """A directory with a short name (sockets have short ones only), emptied of mounts at the end."""
    with tempfile.TemporaryDirectory(prefix="lctl-") as name:
        yield Path(name)
        unmount_below(Path(name))


@pytest.fixture(scope="module")
def docker(engine_dir: Path, busybox_tar: Path) -> Iterator[Docker]:
    top = engine_dir / "docker"
    top.mkdir()
    with docker_daemon(top) as engine:
        engine.build(busybox_tar, top / "context")
        yield engine


@pytest.fixture(scope="module")
def docker_save(docker: Docker, engine_dir: Path) -> Path:
    """``docker save`` of an image of four layers under two names, and its base image."""
    docker("tag", "box:2", "box:latest")
    docker("save", "-o", engine_dir / "docker-save.tar", "box:2", "box:latest", "box:1")
    return engine_dir / "docker-save.tar"


@pytest.fixture(scope="module")
def docker_tree(docker: Docker, engine_dir: Path) -> Listing:
    with docker.tree("box:2", engine_dir / "tree") as point:
        return _comparable(listing(point))


@pytest.fixture(scope="module")
def podman(engine_dir: Path, busybox_tar: Path) -> Podman:
    top = engine_dir / "podman"
    top.mkdir()
    engine = Podman(top)
    engine.build(busybox_tar, top / "context")
    return engine


@pytest.fixture(scope="module")
def podman_tree(podman: Podman) -> Listing:
    with podman.tree("localhost/box:2") as point:
        return _comparable(listing(point))


def _comparable(tree: Listing) -> Listing:
    """What Docker and Podman can keep.

    They make the root directory anew, with a mode and a time of their own; Go's archive/tar takes an empty PAX value
    for no value; and Docker takes a time before 1970 for 1970.
    """
    below = tree.select(lambda path: path != b".")
    return Listing({path: _as_go_reads_it(node) for path, node in below.nodes.items()}, below.links)


def _as_go_reads_it(node: Node) -> Node:
    xattrs = tuple((name, value) for name, value in node.xattrs if value)
    return replace(node, xattrs=xattrs, mtime_ns=max(node.mtime_ns, 0))


def _check_out(repo: Repo, source: str) -> Path:
    repo.cli("import", source)
    repo.cli("checkout")
    return repo.rootfs


def _check_out_comparable(repo: Repo, source: str) -> Listing:
    return _comparable(listing(_check_out(repo, source)))


def test_docker_save(empty_repo: Repo, docker_save: Path, docker_tree: Listing) -> None:
    assert_same(docker_tree, _check_out_comparable(empty_repo, f"docker-archive:{docker_save}:box:2"))


def test_docker_save_keeps_history_and_config(empty_repo: Repo, docker_save: Path, docker: Docker) -> None:
    empty_repo.cli("import", f"docker-archive:{docker_save}:box:latest")
    commits = empty_repo.cli.json("log")
    assert len(commits) == len(json.loads(docker("inspect", "box:2", "-f", "{{json .RootFS.Layers}}")))
    assert "chown 1000:1000" in commits[0]["message"]
    config = json.loads(empty_repo.git("show", "HEAD:config.json"))
    assert "MARK=x" in config["config"]["Env"]
    assert config["config"]["Cmd"] == ["/bin/sh"]


def test_every_layer_of_docker_save(empty_repo: Repo, docker_save: Path, docker: Docker) -> None:
    """The base image, checked out from within the history of the whole one."""
    empty_repo.cli("import", f"docker-archive:{docker_save}:box:2")
    first = empty_repo.cli.json("log")[-1]["commit"]
    base = json.loads(docker("inspect", "box:1", "-f", "{{json .GraphDriver.Data.UpperDir}}"))
    checked_out = listing(empty_repo.checked_out(first, "base"))
    assert_same(_comparable(listing(base)), _comparable(checked_out))


def test_docker_export(empty_repo: Repo, docker: Docker, workdir: Path) -> None:
    """A flat archive of a container, GNU tar unpacking it for comparison."""
    name = docker("create", "--network", "none", "box:2").strip()
    docker("export", "-o", workdir / "export.tar", name)
    docker("rm", name)
    expected = _comparable(listing(rootfs.untar(workdir / "export.tar", workdir / "expected")))
    assert_same(expected, _check_out_comparable(empty_repo, str(workdir / "export.tar")))


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_podman_save(empty_repo: Repo, podman: Podman, podman_tree: Listing, workdir: Path, form: str) -> None:
    podman("save", "-q", "--format", form, "-o", workdir / "saved.tar", "localhost/box:2")
    assert_same(podman_tree, _check_out_comparable(empty_repo, f"{form}:{workdir / 'saved.tar'}"))


def test_podman_save_as_a_directory(empty_repo: Repo, podman: Podman, podman_tree: Listing, workdir: Path) -> None:
    podman("save", "-q", "--format", "oci-dir", "-o", workdir / "saved", "localhost/box:2")
    assert_same(podman_tree, _check_out_comparable(empty_repo, f"oci:{workdir / 'saved'}"))


def test_podman_save_of_several_images(empty_repo: Repo, podman: Podman, podman_tree: Listing, workdir: Path) -> None:
    archive = workdir / "saved.tar"
    podman("save", "-q", "--multi-image-archive", "-o", archive, "localhost/box:1", "localhost/box:2")
    assert_same(podman_tree, _check_out_comparable(empty_repo, f"docker-archive:{archive}:localhost/box:2"))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("form", ["oci", "oci-archive"])
def test_skopeo_copy(
    empty_repo: Repo, docker_save: Path, docker_tree: Listing, workdir: Path, form: str, compression: str
) -> None:
    source = f"docker-archive:{docker_save}:box:2"
    target = skopeo(source, f"{form}:{workdir / 'copied'}:v2", f"--dest-compress-format={compression}")
    assert_same(docker_tree, _check_out_comparable(empty_repo, target))


def test_skopeo_copy_to_docker_archive(
    empty_repo: Repo, docker_save: Path, docker_tree: Listing, workdir: Path
) -> None:
    source = f"docker-archive:{docker_save}:box:2"
    target = skopeo(source, f"docker-archive:{workdir / 'copied.tar'}:again:1")
    assert_same(docker_tree, _check_out_comparable(empty_repo, target))


def test_skopeo_copies_of_several_images_into_one_layout(
    empty_repo: Repo, docker_save: Path, docker_tree: Listing, workdir: Path
) -> None:
    for tag in ("1", "2"):
        skopeo(f"docker-archive:{docker_save}:box:{tag}", f"oci:{workdir / 'layout'}:tag{tag}")
    assert_same(docker_tree, _check_out_comparable(empty_repo, f"oci:{workdir / 'layout'}:tag2"))


@pytest.fixture
def umoci_image(workdir: Path, busybox_rootfs: Path) -> Path:
    """A layout with three repacked layers: the rootfs, changes and deletions, changes to those."""
    layout, bundle = workdir / "layout", workdir / "bundle"
    umoci("init", "--layout", layout)
    umoci("new", "--image", f"{layout}:v0")
    umoci("unpack", "--image", f"{layout}:v0", bundle)
    subprocess.run(["cp", "-a", f"{busybox_rootfs}/.", bundle / "rootfs"], check=True)
    umoci("repack", "--image", f"{layout}:v1", bundle)
    for tag, change in (("v2", _first_change), ("v3", _second_change)):
        shutil.rmtree(bundle)
        umoci("unpack", "--image", f"{layout}:v{int(tag[1]) - 1}", bundle)
        change(bundle / "rootfs")
        umoci("repack", "--image", f"{layout}:{tag}", bundle)
    return layout


def _first_change(root: Path) -> None:
    shutil.rmtree(root / "odd/dirs")
    (root / "etc/motd").unlink()
    (root / "etc/motd").mkdir()
    (root / "etc/new").write_text("new\n")
    os.link(root / "etc/new", root / "etc/new-too")
    (root / "etc/group").chmod(0o4600)
    os.setxattr(root / "etc/passwd", "security.capability", rootfs.NET_RAW)


def _second_change(root: Path) -> None:
    (root / "etc/motd").rmdir()
    (root / "etc/new").unlink()
    (root / "usr/lib/sparse").unlink()
    (root / "odd/dirs/back").mkdir(parents=True)
    os.chown(root / "home/app", 7, 8)


@pytest.mark.parametrize("tag", ["v1", "v2", "v3"])
def test_umoci(empty_repo: Repo, umoci_image: Path, workdir: Path, tag: str) -> None:
    umoci("unpack", "--image", f"{umoci_image}:{tag}", workdir / "expected")
    assert_same(workdir / "expected/rootfs", _check_out(empty_repo, f"oci:{umoci_image}:{tag}"))


def test_the_same_image_by_way_of_three_tools_is_one_tree(empty_repo: Repo, docker_save: Path, workdir: Path) -> None:
    """docker → skopeo → umoci: the rootfs as umoci unpacks what skopeo converted."""
    layout = skopeo(f"docker-archive:{docker_save}:box:2", f"oci:{workdir / 'layout'}:v2")
    umoci("unpack", "--image", f"{workdir / 'layout'}:v2", workdir / "expected")
    expected = _comparable(listing(workdir / "expected/rootfs"))
    assert_same(expected, _check_out_comparable(empty_repo, layout))


# --------------------------------------------------------------------------------------------- what layerctl exports


@dataclass(frozen=True, slots=True)
class Exported:
    """A history of five commits, and after each of them the image of it and the rootfs that was committed.

    Sockets are in neither: an archive cannot hold them.
    """

    layouts: tuple[Path, ...]
    base: Path
    trees: tuple[Listing, ...]
    sockets: frozenset[bytes]


@pytest.fixture(scope="module")
def exported(module_workdir: Path, busybox_rootfs: Path) -> Exported:
    for name in ("top", "home"):
        (module_workdir / name).mkdir()
    repo = Repo(module_workdir / "top", Layerctl(module_workdir / "top", module_workdir / "home"))
    source = module_workdir / "source"
    subprocess.run(["cp", "-a", busybox_rootfs, source], check=True)
    changes.prepare(source)
    repo.cli("init")
    repo.cli("import", source)
    repo.cli("checkout")
    trees = [listing(repo.rootfs)]
    for change in changes.ALL:
        change(repo.rootfs)
        trees.append(repo.listing())
        repo.commit(change.__name__)
    sockets: set[bytes] = set()
    layers = layers_of(repo.dot, CommitId(repo.head()), sockets.add)
    layouts = [oci_layout(module_workdir / f"layout{n}", layers[: n + 1]) for n in range(len(layers))]
    (module_workdir / "base.tar").write_bytes(layers[0][1])
    return Exported(
        tuple(layouts),
        module_workdir / "base.tar",
        tuple(_without_sockets(tree) for tree in trees),
        frozenset(sockets),
    )


def _without_sockets(tree: Listing) -> Listing:
    return tree.select(lambda path: tree.nodes[path].kind != "socket")


def _with_values(tree: Listing) -> Listing:
    """Go's archive/tar takes an empty PAX value for no value."""
    nodes = tree.nodes.items()
    return replace(
        tree, nodes={path: replace(node, xattrs=tuple(pair for pair in node.xattrs if pair[1])) for path, node in nodes}
    )


@pytest.mark.parametrize("commit", range(1 + len(changes.ALL)))
def test_an_exported_history_unpacked_by_umoci(exported: Exported, workdir: Path, commit: int) -> None:
    umoci("unpack", "--image", f"{exported.layouts[commit]}:latest", workdir / "bundle")
    assert_same(_with_values(exported.trees[commit]), _with_values(listing(workdir / "bundle/rootfs")))


def test_an_exported_history_imported_again(exported: Exported, empty_repo: Repo) -> None:
    empty_repo.cli("import", f"oci:{exported.layouts[-1]}")
    for back, tree in enumerate(reversed(exported.trees)):
        assert_same(tree, empty_repo.checked_out(f"HEAD~{back}", f"back{back}"))


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_an_exported_base_image_unpacked_by_tar(
    exported: Exported, workdir: Path, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    assert_same(exported.trees[0], rootfs.untar(exported.base, workdir / "unpacked"))


def test_an_exported_history_loaded_by_docker(exported: Exported, docker: Docker, workdir: Path) -> None:
    archive = skopeo(f"oci:{exported.layouts[-1]}:latest", f"docker-archive:{workdir / 'a.tar'}:exported:1")
    docker("load", "-i", archive.split(":")[1])
    with docker.tree("exported:1", workdir / "tree") as point:
        assert_same(_comparable(exported.trees[-1]), _comparable(listing(point)))


def test_every_socket_that_an_export_leaves_out_is_named(exported: Exported) -> None:
    assert exported.sockets == {b"swap/sock", b"swap/sock-new"}
