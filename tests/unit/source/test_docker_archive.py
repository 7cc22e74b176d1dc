"""Archives of ``docker save`` and ``podman save``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from layerctl.errors import BadArchive, DigestMismatch, SourceNotFound, UsageError
from layerctl.model.imports import ImportedImage
from tests.support.archives import (
    COMPRESS,
    Member,
    config_of,
    digest_of,
    docker_archive,
    entry,
    hardlink,
    simple_layout,
    symlink,
    tar_of,
)
from tests.support.engines import skopeo
from tests.support.importing import Import
from tests.support.scans import assert_describes

BASE = tar_of(entry("etc/a", b"a"), entry("etc/b", b"b"))
TOP = tar_of(entry("etc/.wh.a"), entry("etc/c", b"c"))
LAYERS = [BASE, TOP]


def _built(workdir: Path, manifest: Any, *members: Member) -> str:
    path = workdir / "d.tar"
    path.write_bytes(tar_of(*members, entry("manifest.json", json.dumps(manifest).encode())))
    return f"docker-archive:{path}"


def _check(image: ImportedImage) -> None:
    base, top = image.layers
    for layer in image.layers:
        assert_describes(layer.scan, layer.fs)
    assert sorted(os.listdir(base.fs / "etc")) == ["a", "b"]
    assert sorted(os.listdir(top.fs / "etc")) == ["c"]
    assert top.scan.root.dirs[b"etc"].whiteouts == {b"a"}
    assert [layer.diff_id for layer in image.layers] == [digest_of(layer) for layer in LAYERS]


@pytest.mark.parametrize("form", COMPRESS)
def test_an_archive_in_every_compression(load: Import, workdir: Path, form: str) -> None:
    archive = docker_archive(workdir / "d.tar", {("app:1.0", "app:latest"): LAYERS})
    archive.write_bytes(COMPRESS[form](archive.read_bytes()))
    image = load(f"docker-archive:{archive}")
    _check(image)
    assert image.tags == ("app:1.0", "app:latest")
    assert [layer.message for layer in image.layers] == ["step 0", "step 1"]


@pytest.mark.parametrize("form", COMPRESS)
def test_layers_in_every_compression(load: Import, workdir: Path, form: str) -> None:
    layers = {f"{number}.tar": COMPRESS[form](layer) for number, layer in enumerate(LAYERS)}
    members = [entry(name, data) for name, data in layers.items()]
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": list(layers)}]
    image = load(_built(workdir, manifest, *members, entry("c.json", json.dumps(config_of(LAYERS)).encode())))
    _check(image)
    assert image.tags == ()


@pytest.mark.parametrize("link", [symlink("b/layer.tar", "../a/layer.tar"), hardlink("b/layer.tar", "a/layer.tar")])
def test_equal_layers_as_links(load: Import, workdir: Path, link: Member) -> None:
    """As old versions of docker wrote them."""
    config = json.dumps(config_of([BASE, BASE])).encode()
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
    image = load(_built(workdir, manifest, entry("c.json", config), entry("a/layer.tar", BASE), link))
    assert [layer.diff_id for layer in image.layers] == [digest_of(BASE)] * 2


@pytest.mark.parametrize("target", ["loop.tar", "../../../etc/passwd", "/etc/passwd", "missing"])
def test_links_stay_inside_the_archive(load: Import, workdir: Path, target: str) -> None:
    manifest = [{"Config": "c.json", "Layers": ["loop.tar"]}]
    members = [entry("c.json", json.dumps(config_of([BASE])).encode()), symlink("loop.tar", target)]
    with pytest.raises(BadArchive, match="no file"):
        load(_built(workdir, manifest, *members))


def _several(workdir: Path) -> Path:
    images: dict[tuple[str, ...], list[bytes]] = {
        ("one:1", "one:latest"): [BASE],
        ("localhost/two:2",): LAYERS,
        ("docker.io/library/three:latest", "reg.example:5000/three"): [TOP],
        (): [BASE, BASE],
    }
    return docker_archive(workdir / "d.tar", images)


@pytest.mark.parametrize(
    ("ref", "layers"),
    [
        ("one:1", [BASE]),
        ("one", [BASE]),
        ("docker.io/library/one:1", [BASE]),
        ("two:2", LAYERS),
        ("localhost/two:2", LAYERS),
        ("three", [TOP]),
        ("library/three:latest", [TOP]),
        ("reg.example:5000/three:latest", [TOP]),
        ("@0", [BASE]),
        ("@3", [BASE, BASE]),
    ],
)
def test_references(load: Import, workdir: Path, ref: str, layers: list[bytes]) -> None:
    image = load(f"docker-archive:{_several(workdir)}:{ref}")
    assert [layer.diff_id for layer in image.layers] == [digest_of(layer) for layer in layers]


def test_an_image_id_is_a_reference(load: Import, workdir: Path) -> None:
    digest = digest_of(json.dumps(config_of(LAYERS)).encode())
    archive = _several(workdir)
    assert load(f"docker-archive:{archive}:{digest}").tags == ("localhost/two:2",)
    assert load(f"docker-archive:{archive}:{digest.removeprefix('sha256:')}").tags == ("localhost/two:2",)


@pytest.mark.parametrize("ref", ["one:2", "four", "reg.example:5000/one:1", "@4", "@99999999", "sha256:" + "0" * 64])
def test_unknown_references(load: Import, workdir: Path, ref: str) -> None:
    with pytest.raises(SourceNotFound) as caught:
        load(f"docker-archive:{_several(workdir)}:{ref}")
    assert "one:1" in (caught.value.hint or "")


def test_no_reference_is_no_guess(load: Import, workdir: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(f"docker-archive:{_several(workdir)}")
    assert "one:1, one:latest, localhost/two:2" in (caught.value.hint or "")
    assert "@3" in (caught.value.hint or "")


def test_a_diff_id_that_lies(load: Import, workdir: Path) -> None:
    rootfs = {"type": "layers", "diff_ids": [digest_of(BASE), digest_of(BASE)]}
    with pytest.raises(DigestMismatch):
        load(f"docker-archive:{docker_archive(workdir / 'd.tar', {('a:1',): LAYERS}, rootfs=rootfs)}")


@pytest.mark.parametrize("name", ["{}.json", "blobs/sha256/{}"])
def test_a_config_that_is_not_what_its_name_says(load: Import, workdir: Path, name: str) -> None:
    name = name.format("0" * 64)
    members = [entry(name, json.dumps(config_of([BASE])).encode()), entry("l.tar", BASE)]
    with pytest.raises(DigestMismatch, match="config"):
        load(_built(workdir, [{"Config": name, "Layers": ["l.tar"]}], *members))


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        5,
        [5],
        [{}],
        [{"Config": 5}],
        [{"Config": "missing"}],
        [{"Config": "../../etc/passwd"}],
        [{"Config": "c.json", "Layers": "l.tar"}],
        [{"Config": "c.json", "Layers": [5]}],
        [{"Config": "c.json", "Layers": ["missing"]}],
        [{"Config": "c.json", "Layers": []}],
        [{"Config": "c.json", "Layers": ["l.tar", "l.tar"]}],
        [{"Config": "c.json", "Layers": ["l.tar"], "RepoTags": "a:1"}],
        [{"Config": "l.tar", "Layers": ["l.tar"]}],
    ],
    ids=str,
)
def test_manifests_that_are_nonsense(load: Import, workdir: Path, manifest: Any) -> None:
    members = [entry("c.json", json.dumps(config_of([BASE])).encode()), entry("l.tar", BASE)]
    with pytest.raises(BadArchive) as caught:
        load(_built(workdir, manifest, *members))
    assert "\n" not in caught.value.message


def test_archives_that_are_something_else(load: Import, workdir: Path) -> None:
    with pytest.raises(SourceNotFound, match="no image"):
        load(_built(workdir, []))
    (workdir / "rootfs.tar").write_bytes(BASE)
    with pytest.raises(BadArchive, match=r"manifest\.json"):
        load(f"docker-archive:{workdir / 'rootfs.tar'}")
    with pytest.raises(UsageError):
        load(f"docker-archive:{workdir}")


def test_cut_and_broken_archives(load: Import, workdir: Path) -> None:
    archive = docker_archive(workdir / "d.tar", {("a:1",): LAYERS})
    data = archive.read_bytes()
    for size in (0, 100, 512, len(data) // 3, len(data) // 2, len(data.rstrip(b"\0"))):
        archive.write_bytes(data[:size])
        with pytest.raises(BadArchive):
            load(f"docker-archive:{archive}")
    archive.write_bytes(os.urandom(10_000))
    with pytest.raises(BadArchive):
        load(f"docker-archive:{archive}")


def test_what_skopeo_saves(load: Import, workdir: Path) -> None:
    source = simple_layout(workdir / "image", LAYERS)
    image = load(skopeo(f"oci:{source.root}:latest", f"docker-archive:{workdir / 's.tar'}:app:1"))
    _check(image)
    assert image.tags == ("docker.io/library/app:1",)
    assert [layer.message for layer in image.layers] == ["step 0", "step 1"]


def test_nothing_but_the_layers_is_left_in_staging(load: Import, workdir: Path) -> None:
    archive = docker_archive(workdir / "d.tar", {("a:1",): LAYERS})
    archive.write_bytes(COMPRESS["gz"](archive.read_bytes()))
    image = load(f"docker-archive:{archive}")
    assert sorted(os.listdir(image.layers[0].fs.parent)) == ["0", "1"]
