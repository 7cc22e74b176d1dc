"""``layerctl import`` of images: docker-archive, OCI layouts and OCI archives; several layers, several names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import assert_same
from tests.support.archives import (
    OCI,
    OciLayout,
    config_of,
    digest_of,
    directory,
    docker_archive,
    entry,
    named,
    simple_layout,
    symlink,
    tar_of,
)
from tests.support.cli import Repo

BASE = tar_of(
    directory("etc"),
    entry("etc/a", b"a"),
    entry("etc/b", b"b"),
    directory("opt"),
    entry("opt/old", b"old"),
    directory("opt/deep"),
    entry("opt/deep/old", b"old"),
    directory("tmp", mode=0o1777),
)
MIDDLE = tar_of(entry("etc/.wh.a"), entry("etc/c", b"c"), directory("opt"), entry("opt/.wh..wh..opq"))
TOP = tar_of(entry("etc/c", b"cc", mode=0o600), entry("opt/new", b"new"), symlink("link", "etc"))
LAYERS = [BASE, MIDDLE, TOP]
FINAL = {"etc/b": b"b", "etc/c": b"cc", "opt/new": b"new"}


@pytest.fixture
def layout(workdir: Path) -> OciLayout:
    return OciLayout(workdir / "layout")


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _check_out(repo: Repo, source: str, *options: str) -> Path:
    repo.cli("import", source, *options)
    repo.cli("checkout")
    return repo.rootfs


def _archived(workdir: Path, kind: str) -> str:
    """The same image in each form; returns the SOURCE."""
    if kind == "docker-archive":
        return f"docker-archive:{docker_archive(workdir / 'd.tar', {('app:1.0',): LAYERS})}"
    image = simple_layout(workdir / "image", LAYERS)
    return f"oci:{image.root}" if kind == "oci" else f"oci-archive:{image.archive(workdir / 'o.tar')}"


KINDS = ["docker-archive", "oci", "oci-archive"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_commit_a_layer_with_its_history(empty_repo: Repo, workdir: Path, kind: str) -> None:
    empty_repo.cli("import", _archived(workdir, kind))
    commits = empty_repo.cli.json("log")
    assert ["step" in commit["message"] for commit in commits] == [True] * 3
    assert [commit["message"].split("step ")[1][0] for commit in commits] == ["2", "1", "0"]
    assert commits[0]["date"].startswith("2020-01-03T00:00:00")
    assert (commits[1]["layer"]["added"], commits[1]["layer"]["deleted"]) == (1, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_whiteouts_and_opaque_directories_are_applied(empty_repo: Repo, workdir: Path, kind: str) -> None:
    root = _check_out(empty_repo, _archived(workdir, kind))
    assert _files(root) == FINAL
    assert os.readlink(root / "link") == "etc"
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_can_be_checked_out(empty_repo: Repo, workdir: Path, kind: str) -> None:
    _check_out(empty_repo, _archived(workdir, kind))
    assert set(_files(empty_repo.checked_out("HEAD~1", "middle"))) == {"etc/b", "etc/c"}
    assert set(_files(empty_repo.checked_out("HEAD~2", "base"))) == {"etc/a", "etc/b", "opt/old", "opt/deep/old"}


@pytest.mark.parametrize("first", [True, False])
def test_the_opaque_mark_may_come_before_or_after_its_siblings(empty_repo: Repo, workdir: Path, first: bool) -> None:
    """TRAPS 9."""
    mark, sibling = entry("opt/.wh..wh..opq"), entry("opt/new", b"new")
    layer = tar_of(directory("opt"), *([mark, sibling] if first else [sibling, mark]))
    image = simple_layout(workdir / "image", [BASE, layer])
    root = _check_out(empty_repo, f"oci:{image.root}")
    assert sorted(os.listdir(root / "opt")) == ["new"]


def test_a_whiteout_and_a_file_of_one_name_in_one_layer(empty_repo: Repo, workdir: Path) -> None:
    """Whiteouts speak of lower layers only: the file stays, what it replaces is gone."""
    layer = tar_of(entry("opt/.wh.deep"), directory("opt/deep"), entry("opt/deep/new", b"new"))
    image = simple_layout(workdir / "image", [BASE, layer])
    root = _check_out(empty_repo, f"oci:{image.root}")
    assert os.listdir(root / "opt/deep") == ["new"]


def test_a_whiteout_of_what_is_not_there_is_harmless(empty_repo: Repo, workdir: Path) -> None:
    layer = tar_of(entry("etc/.wh.nothing"), entry("nowhere/.wh.x"), entry("etc/n", b"n"))
    image = simple_layout(workdir / "image", [BASE, layer])
    root = _check_out(empty_repo, f"oci:{image.root}")
    assert (root / "etc/n").exists()
    assert ".wh.nothing" not in os.listdir(root / "etc")


def test_a_metadata_only_entry_changes_a_directory_and_keeps_what_is_in_it(empty_repo: Repo, workdir: Path) -> None:
    image = simple_layout(workdir / "image", [BASE, tar_of(directory("etc", mode=0o700, uid=7))])
    root = _check_out(empty_repo, f"oci:{image.root}")
    assert ((root / "etc").stat().st_mode & 0o7777, (root / "etc").stat().st_uid) == (0o700, 7)
    assert (root / "etc/a").exists()


def test_a_file_over_a_directory_and_back(empty_repo: Repo, workdir: Path) -> None:
    layers = [BASE, tar_of(entry("opt", b"file")), tar_of(directory("opt"), entry("opt/z", b"z"))]
    image = simple_layout(workdir / "image", layers)
    root = _check_out(empty_repo, f"oci:{image.root}")
    assert os.listdir(root / "opt") == ["z"]
    assert (empty_repo.checked_out("HEAD~1", "file") / "opt").read_bytes() == b"file"


@pytest.mark.parametrize("compression", [["gz"] * 3, ["zst"] * 3, ["plain"] * 3, ["plain", "zst", "gz"]])
def test_layers_in_every_compression(empty_repo: Repo, workdir: Path, compression: list[str]) -> None:
    image = simple_layout(workdir / "image", LAYERS, compression=compression)
    assert _files(_check_out(empty_repo, f"oci:{image.root}")) == FINAL


def test_history_entries_without_a_layer_are_no_commits(empty_repo: Repo, workdir: Path) -> None:
    """TRAPS 27: entries that are not ``empty_layer`` pair with the diff_ids."""
    history = [
        {"created_by": "step base"},
        {"created_by": "ENV x", "empty_layer": True},
        {"created_by": "step middle"},
        {"created_by": "CMD y", "empty_layer": True},
        {"created_by": "step top"},
    ]
    image = simple_layout(workdir / "image", LAYERS, config=config_of(LAYERS, history=history))
    empty_repo.cli("import", f"oci:{image.root}")
    messages = [commit["message"] for commit in empty_repo.cli.json("log")]
    assert [word for message in messages for word in ("top", "middle", "base") if word in message] == [
        "top",
        "middle",
        "base",
    ]


def test_an_image_without_history(empty_repo: Repo, workdir: Path) -> None:
    image = simple_layout(workdir / "image", LAYERS, config=config_of(LAYERS, history=[]))
    assert _files(_check_out(empty_repo, f"oci:{image.root}")) == FINAL


def test_unknown_config_fields_are_kept(empty_repo: Repo, workdir: Path) -> None:
    config = config_of(LAYERS, **{"x.vendor": {"deep": [1, 2.5, None]}, "variant": "v9"})
    image = simple_layout(workdir / "image", LAYERS, config=config)
    empty_repo.cli("import", f"oci:{image.root}")
    kept = json.loads(empty_repo.git("show", "HEAD:config.json"))
    assert kept["x.vendor"] == {"deep": [1, 2.5, None]}
    assert kept["config"]["Env"] == ["PATH=/bin", "FROM=image"]


def test_docker_media_types(empty_repo: Repo, layout: OciLayout) -> None:
    manifest = layout.document(layout.manifest(LAYERS, docker=True))
    layout.finish(layout.document(layout.index([manifest], docker=True)))
    assert _files(_check_out(empty_repo, f"oci:{layout.root}")) == FINAL


def test_a_nested_index(empty_repo: Repo, layout: OciLayout) -> None:
    inner = layout.document(layout.index([layout.document(layout.manifest(LAYERS))]))
    layout.finish(layout.document(layout.index([inner]), **named("latest")))
    assert _files(_check_out(empty_repo, f"oci:{layout.root}:latest")) == FINAL


def test_the_platform_of_this_machine_is_picked(empty_repo: Repo, layout: OciLayout) -> None:
    def platform(architecture: str, text: bytes) -> dict[str, Any]:
        manifest = layout.manifest([tar_of(entry("arch", text))])
        return layout.document(manifest, platform={"os": "linux", "architecture": architecture})

    other = layout.document(layout.manifest([tar_of(entry("arch", b"?"))]), platform={"os": "plan9"})
    layout.finish(layout.document(layout.index([other, platform("s390x", b"no"), platform("amd64", b"yes")])))
    assert (_check_out(empty_repo, f"oci:{layout.root}") / "arch").read_bytes() == b"yes"


def test_a_reference_picks_one_of_several_images(empty_repo: Repo, layout: OciLayout) -> None:
    manifests = [
        layout.document(layout.manifest([tar_of(entry("which", name.encode()))]), **named(name))
        for name in ("one", "two", "registry.example/app:3")
    ]
    layout.finish(*manifests)
    for number, name in enumerate(("two", "registry.example/app:3")):
        empty_repo.cli("import", f"oci:{layout.root}:{name}", "--branch", f"b{number}")
        assert empty_repo.cli("show", f"b{number}:which").stdout == name


def test_an_unknown_reference_is_not_found(empty_repo: Repo, workdir: Path) -> None:
    image = simple_layout(workdir / "image", LAYERS)
    empty_repo.cli.fails(3, "import", f"oci:{image.root}:nothing")
    archive = docker_archive(workdir / "d.tar", {("app:1.0",): LAYERS})
    empty_repo.cli.fails(3, "import", f"docker-archive:{archive}:app:2.0")


def test_several_images_and_no_reference_is_refused(empty_repo: Repo, workdir: Path) -> None:
    """Never a guess: the message names what there is."""
    archive = docker_archive(workdir / "d.tar", {("one:1",): [BASE], ("two:2",): [BASE, MIDDLE]})
    result = empty_repo.cli.run("import", f"docker-archive:{archive}", check=False)
    assert result.code in (2, 3)
    assert "two:2" in result.stderr


def test_a_docker_archive_with_several_images(empty_repo: Repo, workdir: Path) -> None:
    archive = docker_archive(workdir / "d.tar", {("one:1",): [BASE], ("two:2",): [BASE, MIDDLE]})
    empty_repo.cli("import", f"docker-archive:{archive}:two:2")
    assert len(empty_repo.cli.json("log")) == 2


def test_a_docker_archive_with_several_tags(empty_repo: Repo, workdir: Path) -> None:
    archive = docker_archive(workdir / "d.tar", {("app:1.0", "app:latest", "mirror.example/app:1"): LAYERS})
    assert _files(_check_out(empty_repo, f"docker-archive:{archive}")) == FINAL


def test_the_names_of_an_image_become_tags(empty_repo: Repo, workdir: Path) -> None:
    """Git has no colons in ref names: ``app:1.0`` is ``app/1.0``."""
    archive = docker_archive(workdir / "d.tar", {("app:1.0", "app:latest"): LAYERS})
    empty_repo.cli("import", f"docker-archive:{archive}", "--tag", "mine")
    assert empty_repo.cli("tag").lines == ["app/1.0", "app/latest", "mine"]
    assert {empty_repo.head(f"refs/tags/{tag}") for tag in empty_repo.cli("tag").lines} == {empty_repo.head()}


@pytest.mark.parametrize("reference", ["app:1.0", "app:latest", "mirror.example/app:1"])
def test_each_of_the_tags_selects_the_image(empty_repo: Repo, workdir: Path, reference: str) -> None:
    tags = ("app:1.0", "app:latest", "mirror.example/app:1")
    archive = docker_archive(workdir / "d.tar", {tags: LAYERS, ("other:1",): [BASE]})
    assert _files(_check_out(empty_repo, f"docker-archive:{archive}:{reference}")) == FINAL


def test_the_same_image_from_each_source_is_the_same_tree(empty_repo: Repo, workdir: Path) -> None:
    roots = []
    for kind in KINDS:
        (workdir / kind).mkdir()
        empty_repo.cli("import", _archived(workdir / kind, kind), "--branch", kind)
        roots.append(empty_repo.checked_out(kind, kind))
    assert_same(roots[0], roots[1])
    assert_same(roots[0], roots[2])


def test_images_that_share_layers_share_them_in_the_store(empty_repo: Repo, workdir: Path) -> None:
    archive = docker_archive(workdir / "d.tar", {("one:1",): [BASE], ("two:2",): [BASE, MIDDLE]})
    empty_repo.cli("import", f"docker-archive:{archive}:one:1")
    empty_repo.cli("import", f"docker-archive:{archive}:two:2", "--branch", "two")
    assert len(list((empty_repo.dot / "layers").glob("*/fs"))) == 2


# ------------------------------------------------------------------------------------------------------- verification


def _layer_of(image: OciLayout) -> Path:
    """The blob of the middle layer."""
    [manifest] = json.loads((image.root / "index.json").read_text())["manifests"]
    return image.path(json.loads(image.path(manifest["digest"]).read_text())["layers"][1]["digest"])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _config_blob(image: OciLayout) -> Path:
    [manifest] = json.loads((image.root / "index.json").read_text())["manifests"]
    return image.path(json.loads(image.path(manifest["digest"]).read_text())["config"]["digest"])


def _manifest_blob(image: OciLayout) -> Path:
    [manifest] = json.loads((image.root / "index.json").read_text())["manifests"]
    return image.path(manifest["digest"])


DAMAGE = {
    "layer-bit": lambda image: _flip(_layer_of(image)),
    "layer-truncated": lambda image: os.truncate(_layer_of(image), 40),
    "layer-trailing-bytes": lambda image: _append(_layer_of(image), b"trailing"),
    "layer-missing": lambda image: _layer_of(image).unlink(),
    "config-bit": lambda image: _flip(_config_blob(image)),
    "manifest-space": lambda image: _append(_manifest_blob(image), b" "),
    "manifest-missing": lambda image: _manifest_blob(image).unlink(),
    "index-no-json": lambda image: (image.root / "index.json").write_text("{"),
}


def _append(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_every_digest_and_size_is_verified(empty_repo: Repo, workdir: Path, damage: str, kind: str) -> None:
    image = simple_layout(workdir / "image", LAYERS)
    DAMAGE[damage](image)
    source = f"oci:{image.root}" if kind == "oci" else f"oci-archive:{image.archive(workdir / 'o.tar')}"
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", source)
    assert empty_repo.recorded() == before


def _lying(layout: OciLayout, change: dict[str, Any], where: str = "layers") -> str:
    manifest = layout.manifest(LAYERS)
    target = manifest["layers"][1] if where == "layers" else manifest["config"]
    target.update(change)
    layout.finish(layout.document(manifest))
    return f"oci:{layout.root}"


@pytest.mark.parametrize(
    "change",
    [
        {"size": 1},
        {"size": 1 << 40},
        {"size": -1},
        {"digest": "sha256:" + "0" * 64},
        {"digest": "sha256:../../../../../../etc/passwd"},
        {"digest": "md5:" + "0" * 32},
        {"digest": "nonsense"},
        {"digest": 7},
        {"mediaType": f"{OCI}.config.v1+json"},
    ],
    ids=str,
)
def test_a_descriptor_that_lies_is_refused(empty_repo: Repo, layout: OciLayout, change: dict[str, Any]) -> None:
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", _lying(layout, change))
    assert empty_repo.recorded() == before


def test_a_diff_id_that_lies_is_refused(empty_repo: Repo, workdir: Path) -> None:
    config = config_of([BASE, BASE, TOP])
    image = simple_layout(workdir / "image", LAYERS, config=config)
    empty_repo.cli.fails(5, "import", f"oci:{image.root}")


def test_a_diff_id_that_lies_is_refused_in_a_docker_archive(empty_repo: Repo, workdir: Path) -> None:
    rootfs = {"type": "layers", "diff_ids": [digest_of(BASE), digest_of(BASE), digest_of(TOP)]}
    archive = docker_archive(workdir / "d.tar", {("app:1",): LAYERS}, rootfs=rootfs)
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", f"docker-archive:{archive}")
    assert empty_repo.recorded() == before


def test_a_document_that_is_manifest_and_index_at_once_is_refused(empty_repo: Repo, layout: OciLayout) -> None:
    """CVE-2021-41190: two readers, two images."""
    manifest = layout.manifest(LAYERS)
    manifest["manifests"] = [layout.document(layout.manifest([BASE]))]
    layout.finish(layout.document(manifest))
    empty_repo.cli.fails(5, "import", f"oci:{layout.root}")


def test_an_index_that_holds_itself_is_refused(empty_repo: Repo, layout: OciLayout) -> None:
    """A chain of indexes without end must not recurse without end."""
    descriptor = layout.document(layout.manifest(LAYERS))
    for _ in range(200):
        descriptor = layout.document(layout.index([descriptor]))
    layout.finish(descriptor)
    assert empty_repo.cli.run("import", f"oci:{layout.root}", check=False).code in (0, 5)


@pytest.mark.parametrize("layers", ["more", "fewer"])
def test_as_many_layers_as_diff_ids(empty_repo: Repo, workdir: Path, layers: str) -> None:
    config = config_of(LAYERS[:2] if layers == "more" else [*LAYERS, BASE])
    image = simple_layout(workdir / "image", LAYERS, config=config)
    empty_repo.cli.fails(5, "import", f"oci:{image.root}")


def test_a_docker_archive_without_a_manifest(empty_repo: Repo, workdir: Path) -> None:
    (workdir / "d.tar").write_bytes(tar_of(entry("f", b"x")))
    empty_repo.cli.fails(5, "import", f"docker-archive:{workdir / 'd.tar'}")


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "missing.tar"])
def test_a_docker_archive_that_names_files_outside(empty_repo: Repo, workdir: Path, path: str) -> None:
    config = json.dumps(config_of([BASE])).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": [path]}]).encode()
    (workdir / "d.tar").write_bytes(tar_of(entry("c.json", config), entry("manifest.json", manifest)))
    before = empty_repo.recorded()
    empty_repo.cli.fails(5, "import", f"docker-archive:{workdir / 'd.tar'}")
    assert empty_repo.recorded() == before


def test_a_blob_that_is_a_symlink_out_of_the_layout_is_not_read(empty_repo: Repo, workdir: Path) -> None:
    image = simple_layout(workdir / "image", LAYERS)
    blob = _layer_of(image)
    blob.unlink()
    blob.symlink_to("/etc/passwd")
    empty_repo.cli.fails(5, "import", f"oci:{image.root}")


def test_a_truncated_image_archive_leaves_nothing(empty_repo: Repo, workdir: Path) -> None:
    before = empty_repo.recorded()
    for kind in ("docker-archive", "oci-archive"):
        source = _archived(workdir, kind)
        path = Path(source.partition(":")[2])
        os.truncate(path, path.stat().st_size // 3)
        empty_repo.cli.fails(5, "import", source)
    assert empty_repo.recorded() == before
