"""OCI layouts and OCI archives."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from layerctl.errors import BadArchive, DigestMismatch, LimitExceeded, NotFound, SourceNotFound, UsageError
from layerctl.model.imports import ImportedImage, ImportLimits
from tests.oracle import assert_same
from tests.support.archives import (
    COMPRESS,
    OCI,
    OciLayout,
    config_of,
    digest_of,
    directory,
    entry,
    hardlink,
    named,
    simple_layout,
    tar_of,
)
from tests.support.engines import skopeo, umoci
from tests.support.importing import Import
from tests.support.scans import assert_describes

BASE = tar_of(directory("etc", mode=0o711), entry("etc/a", b"a"), entry("etc/b", b"b", mode=0o4755), entry("opt/old"))
MIDDLE = tar_of(entry("etc/.wh.a"), directory("opt"), entry("opt/.wh..wh..opq"))
TOP = tar_of(entry("etc/c", b"cc"), hardlink("etc/d", "etc/b"))
LAYERS = [BASE, MIDDLE, TOP]


@pytest.fixture
def layout(workdir: Path) -> OciLayout:
    return OciLayout(workdir / "layout")


def _names(image: ImportedImage) -> list[set[str]]:
    return [
        {str(path.relative_to(layer.fs)) for path in layer.fs.rglob("*") if not path.is_dir()} for layer in image.layers
    ]


@pytest.mark.parametrize("kind", ["oci", "oci-archive", "oci-archive.gz", "oci-archive.zst"])
def test_layers_with_their_history(load: Import, workdir: Path, kind: str) -> None:
    built = simple_layout(workdir / "image", LAYERS)
    spec = f"oci:{built.root}"
    if kind != "oci":
        archive = built.archive(workdir / "o.tar")
        archive.write_bytes(COMPRESS[kind.partition(".")[2] or "plain"](archive.read_bytes()))
        spec = f"oci-archive:{archive}"
    image = load(spec)
    for layer in image.layers:
        assert_describes(layer.scan, layer.fs)
    assert _names(image) == [{"etc/a", "etc/b", "opt/old"}, set(), {"etc/b", "etc/c", "etc/d"}]
    assert [layer.fs.name for layer in image.layers] == ["0", "1", "2"]
    assert [layer.diff_id for layer in image.layers] == [digest_of(layer) for layer in LAYERS]
    assert [layer.message for layer in image.layers] == ["step 0", "step 1", "step 2"]
    assert image.layers[2].created == datetime.datetime(2020, 1, 3, tzinfo=datetime.UTC)
    assert (image.tags, image.label) == (("latest",), spec)
    assert image.config.env == ("PATH=/bin", "FROM=image")
    middle = image.layers[1].scan.root
    assert (middle.dirs[b"etc"].whiteouts, middle.dirs[b"opt"].opaque) == ({b"a"}, True)


def test_a_hard_link_across_layers_is_brought_up(load: Import, workdir: Path) -> None:
    image = load(f"oci:{simple_layout(workdir / 'image', LAYERS).root}")
    assert image.layers[2].scan.links == ((b"etc/b", b"etc/d"),)
    assert image.layers[2].scan.root.dirs[b"etc"].files[b"d"].mode == 0o4755


@pytest.mark.parametrize("target", ["etc/a", "opt/old", "etc/nothing", "nothing/at/all"])
def test_a_hard_link_to_what_lower_layers_have_no_more(load: Import, workdir: Path, target: str) -> None:
    layers = [BASE, MIDDLE, tar_of(hardlink("new", target))]
    with pytest.raises(BadArchive, match="hard link"):
        load(f"oci:{simple_layout(workdir / 'image', layers).root}")


@pytest.mark.parametrize("forms", [["gz"] * 3, ["zst"] * 3, ["plain"] * 3, ["plain", "zst", "gz"]])
def test_compressions(load: Import, workdir: Path, forms: list[str]) -> None:
    image = load(f"oci:{simple_layout(workdir / 'image', LAYERS, compression=forms).root}")
    assert [layer.diff_id for layer in image.layers] == [digest_of(layer) for layer in LAYERS]


def test_docker_media_types_and_nested_indexes(load: Import, layout: OciLayout) -> None:
    manifest = layout.document(layout.manifest(LAYERS, docker=True))
    for _ in range(3):
        manifest = layout.document(layout.index([manifest], docker=True))
    layout.finish(manifest)
    assert len(load(f"oci:{layout.root}").layers) == 3


def test_an_image_without_layers_has_an_empty_one(load: Import, workdir: Path) -> None:
    image = load(f"oci:{simple_layout(workdir / 'image', []).root}")
    [layer] = image.layers
    assert_describes(layer.scan, layer.fs)
    assert (os.listdir(layer.fs), layer.fs.stat().st_mode & 0o7777) == ([], 0o755)


def test_layers_without_an_end_marker_or_any_byte(load: Import, workdir: Path) -> None:
    image = load(f"oci:{simple_layout(workdir / 'image', [tar_of(entry('f', b'x'))[:1024], b'']).root}")
    assert _names(image) == [{"f"}, set()]


# ------------------------------------------------------------------------------------------------ which image it is


def _several(layout: OciLayout, *names: str) -> Path:
    return layout.finish(
        *[layout.document(layout.manifest([tar_of(entry("which", name.encode()))]), **named(name)) for name in names]
    )


def test_a_reference_picks_an_image(load: Import, layout: OciLayout) -> None:
    root = _several(layout, "one", "two", "reg.example:5000/app:3")
    for name in ("two", "reg.example:5000/app:3"):
        image = load(f"oci:{root}:{name}")
        assert (image.layers[0].fs / "which").read_text() == name
        assert image.tags == (name,)


def test_a_digest_picks_an_image(load: Import, layout: OciLayout) -> None:
    root = _several(layout, "one", "two")
    digest = json.loads((root / "index.json").read_text())["manifests"][1]["digest"]
    assert (load(f"oci:{root}:{digest}").layers[0].fs / "which").read_text() == "two"


def test_no_reference_is_no_guess(load: Import, layout: OciLayout) -> None:
    with pytest.raises(UsageError) as caught:
        load(f"oci:{_several(layout, 'one', 'two')}")
    assert "one, two" in (caught.value.hint or "")


def test_an_unknown_reference(load: Import, layout: OciLayout) -> None:
    with pytest.raises(SourceNotFound, match="three") as caught:
        load(f"oci:{_several(layout, 'one', 'two')}:three")
    assert "one, two" in (caught.value.hint or "")


def test_one_image_with_two_names_needs_no_reference(load: Import, layout: OciLayout) -> None:
    manifest = layout.manifest(LAYERS)
    layout.finish(layout.document(manifest, **named("one")), layout.document(manifest, **named("two")))
    assert load(f"oci:{layout.root}").tags == ("one", "two")
    assert load(f"oci:{layout.root}:two").tags == ("one", "two")


def _for(layout: OciLayout, **platform: str) -> dict[str, Any]:
    text = "/".join(platform.values())
    config = config_of([tar_of(entry("arch", text.encode()))], **platform)
    return layout.document(layout.manifest([tar_of(entry("arch", text.encode()))], config=config), platform=platform)


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize(
    ("asked", "got"),
    [
        (None, "linux/amd64"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/amd64", "linux/amd64"),
    ],
)
def test_the_platform(load: Import, layout: OciLayout, nested: bool, asked: str | None, got: str) -> None:
    """TRAPS 27."""
    offers = [
        _for(layout, os="unknown", architecture="unknown"),
        _for(layout, os="linux", architecture="arm", variant="v6"),
        _for(layout, os="linux", architecture="arm", variant="v7"),
        _for(layout, os="linux", architecture="arm64", variant="v8"),
        _for(layout, os="windows", architecture="amd64"),
        _for(layout, os="linux", architecture="amd64"),
    ]
    layout.finish(*([layout.document(layout.index(offers), **named("x"))] if nested else offers))
    image = load(f"oci:{layout.root}", platform=asked)
    assert (image.layers[0].fs / "arch").read_text() == got


def test_a_platform_that_is_not_there(load: Import, layout: OciLayout) -> None:
    layout.finish(_for(layout, os="linux", architecture="s390x"), _for(layout, os="linux", architecture="arm64"))
    with pytest.raises(SourceNotFound, match="linux/amd64") as caught:
        load(f"oci:{layout.root}")
    assert "linux/arm64, linux/s390x" in (caught.value.hint or "")


def test_a_single_image_for_another_machine_is_taken_unless_asked_otherwise(load: Import, layout: OciLayout) -> None:
    config = config_of(LAYERS, architecture="s390x")
    layout.finish(layout.document(layout.manifest(LAYERS, config=config)))
    assert load(f"oci:{layout.root}").config.raw["architecture"] == "s390x"
    with pytest.raises(SourceNotFound, match="s390x"):
        load(f"oci:{layout.root}", platform="linux/amd64")


# --------------------------------------------------------------------------------------------------------- history


def test_history(load: Import, workdir: Path) -> None:
    """TRAPS 27: entries that are not ``empty_layer`` pair with the diff_ids."""
    history = [
        {"created": "2021-02-03T04:05:06.123456789+02:00", "created_by": "base", "author": "Ann", "comment": "c"},
        {"created_by": "ENV x", "empty_layer": True},
        {"comment": "only a comment", "created": "0001-01-01T00:00:00Z", "empty_layer": False},
        {},
    ]
    image = load(f"oci:{simple_layout(workdir / 'i', LAYERS, config=config_of(LAYERS, history=history)).root}")
    base, middle, top = image.layers
    assert (base.message, base.author) == ("base", "Ann")
    assert base.created is not None
    assert base.created.isoformat() == "2021-02-03T04:05:06.123456+02:00"
    assert (middle.message, middle.created, middle.author) == ("only a comment", None, None)
    assert (top.message, top.created) == (None, None)


@pytest.mark.parametrize("history", [None, []])
def test_no_history(load: Import, workdir: Path, history: list[Any] | None) -> None:
    image = load(f"oci:{simple_layout(workdir / 'i', LAYERS, config=config_of(LAYERS, history=history)).root}")
    assert [layer.message for layer in image.layers] == [None] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"history": [{}]},
        {"history": [{}] * 4},
        {"history": [{"empty_layer": True}] * 3},
        {"history": [{"created": "yesterday"}, {}, {}]},
        {"history": [{"created": "2020-01-01T00:00:00"}, {}, {}]},
        {"history": [{"created": 5}, {}, {}]},
        {"history": "text"},
        {"history": [5, {}, {}]},
        {"rootfs": None},
        {"rootfs": []},
        {"rootfs": {"diff_ids": [digest_of(BASE)]}},
        {"rootfs": {"diff_ids": [digest_of(layer) for layer in [*LAYERS, BASE]]}},
        {"rootfs": {"diff_ids": ["sha256:../../../etc/passwd"] * 3}},
        {"rootfs": {"diff_ids": [5] * 3}},
    ],
    ids=str,
)
def test_a_config_that_does_not_fit(load: Import, workdir: Path, change: dict[str, Any]) -> None:
    with pytest.raises(BadArchive):
        load(f"oci:{simple_layout(workdir / 'i', LAYERS, config=config_of(LAYERS, **change)).root}")


# ------------------------------------------------------------------------------------------------------ verification


def _blob(layout: OciLayout, what: str) -> Path:
    [manifest] = json.loads((layout.root / "index.json").read_text())["manifests"]
    if what == "manifest":
        return layout.path(manifest["digest"])
    document = json.loads(layout.path(manifest["digest"]).read_text())
    return layout.path((document["config"] if what == "config" else document["layers"][1])["digest"])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _append(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b" ")


@pytest.mark.parametrize("damage", [_flip, _append, lambda path: os.truncate(path, path.stat().st_size - 1)])
@pytest.mark.parametrize("what", ["manifest", "config", "layer"])
@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_every_digest_and_size_is_verified(load: Import, workdir: Path, kind: str, what: str, damage: Any) -> None:
    """TRAPS 25."""
    built = simple_layout(workdir / "image", LAYERS)
    damage(_blob(built, what))
    spec = f"oci:{built.root}" if kind == "oci" else f"oci-archive:{built.archive(workdir / 'o.tar')}"
    with pytest.raises(DigestMismatch, match="not what the image says"):
        load(spec)


def test_bytes_that_were_appended_to_a_layer_are_hashed_too(load: Import, layout: OciLayout) -> None:
    """A size that covers the tail, and a digest that does not."""
    manifest = layout.manifest(LAYERS, compression=["plain"] * 3)
    descriptor = manifest["layers"][1]
    with open(layout.path(descriptor["digest"]), "ab") as file:
        file.write(bytes(10_240))
    descriptor["size"] += 10_240
    layout.finish(layout.document(manifest))
    with pytest.raises(DigestMismatch):
        load(f"oci:{layout.root}")


@pytest.mark.parametrize("form", ["plain", "gz", "zst"])
def test_a_diff_id_that_lies(load: Import, workdir: Path, form: str) -> None:
    built = simple_layout(workdir / "i", LAYERS, config=config_of([BASE, BASE, TOP]), compression=[form] * 3)
    with pytest.raises(DigestMismatch, match="uncompressed"):
        load(f"oci:{built.root}")


@pytest.mark.parametrize(
    "change",
    [
        {"size": 1},
        {"size": 1 << 60},
        {"size": -1},
        {"size": None},
        {"size": True},
        {"size": "5"},
        {"digest": "sha256:" + "0" * 64},
        {"digest": "sha256:" + "A" * 64},
        {"digest": "sha256:../../../../../../etc/passwd"},
        {"digest": "sha256:" + "0" * 64 + "\n"},
        {"digest": "md5:" + "0" * 32},
        {"digest": 7},
        {"mediaType": f"{OCI}.config.v1+json"},
        {"mediaType": f"{OCI}.layer.v1.tar+gzip+encrypted"},
        {"mediaType": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("where", ["layer", "config"])
def test_a_descriptor_that_lies(load: Import, layout: OciLayout, where: str, change: dict[str, Any]) -> None:
    """CVE-2024-3727: a digest is not a path."""
    manifest = layout.manifest(LAYERS)
    (manifest["config"] if where == "config" else manifest["layers"][1]).update(change)
    layout.finish(layout.document(manifest))
    if where == "config" and str(change.get("mediaType")).endswith("config.v1+json"):
        assert load(f"oci:{layout.root}").layers
        return
    with pytest.raises(BadArchive) as caught:
        load(f"oci:{layout.root}")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("what", ["manifest", "config", "layer"])
@pytest.mark.parametrize("how", ["missing", "symlink", "directory", "fifo"])
def test_blobs_are_regular_files(load: Import, workdir: Path, what: str, how: str) -> None:
    built = simple_layout(workdir / "image", LAYERS)
    blob = _blob(built, what)
    os.rename(blob, workdir / "moved")
    if how == "symlink":
        blob.symlink_to(workdir / "moved")
    elif how == "directory":
        blob.mkdir()
    elif how == "fifo":
        os.mkfifo(blob)
    with pytest.raises(BadArchive):
        load(f"oci:{built.root}")


@pytest.mark.parametrize("part", ["blobs", "blobs/sha256"])
def test_no_symlink_inside_a_layout_is_followed(load: Import, workdir: Path, part: str) -> None:
    built = simple_layout(workdir / "image", LAYERS)
    os.rename(built.root / part, workdir / "moved")
    (built.root / part).symlink_to(workdir / "moved")
    with pytest.raises(BadArchive):
        load(f"oci:{built.root}")


# ----------------------------------------------------------------------------------------------- confusing documents


@pytest.mark.parametrize("inner", ["manifests", "mediaType", "fsLayers"])
def test_a_manifest_that_could_be_an_index(load: Import, layout: OciLayout, inner: str) -> None:
    """CVE-2021-41190: two readers, two images."""
    manifest = layout.manifest(LAYERS)
    other = layout.document(layout.manifest([BASE]))
    blob = {**manifest, inner: {"manifests": [other], "mediaType": f"{OCI}.index.v1+json", "fsLayers": []}[inner]}
    descriptor = layout.document(blob)
    layout.finish({**descriptor, "mediaType": manifest["mediaType"]})
    with pytest.raises(BadArchive):
        load(f"oci:{layout.root}")


@pytest.mark.parametrize("key", ["layers", "config"])
@pytest.mark.parametrize("top", [True, False])
def test_an_index_that_could_be_a_manifest(load: Import, layout: OciLayout, key: str, top: bool) -> None:
    manifest = layout.manifest(LAYERS)
    index = {**layout.index([layout.document(manifest)]), key: manifest[key]}
    layout.finish(layout.document(index))
    if top:
        (layout.root / "index.json").write_text(json.dumps(index))
    with pytest.raises(BadArchive, match="also be read"):
        load(f"oci:{layout.root}")


def test_documents_without_media_types_are_told_by_their_looks(load: Import, layout: OciLayout) -> None:
    manifest = layout.manifest(LAYERS)
    media_type = manifest.pop("mediaType")
    blob = layout.blob(json.dumps(manifest).encode(), media_type)
    del blob["mediaType"]
    index = layout.blob(json.dumps({"schemaVersion": 2, "manifests": [blob]}).encode(), "")
    layout.finish(index)
    assert len(load(f"oci:{layout.root}").layers) == 3


def test_an_endless_chain_of_indexes(load: Import, layout: OciLayout) -> None:
    descriptor = layout.document(layout.manifest(LAYERS))
    for _ in range(200):
        descriptor = layout.document(layout.index([descriptor]))
    layout.finish(descriptor)
    with pytest.raises(BadArchive, match="nested"):
        load(f"oci:{layout.root}")


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", "5", "[" * 100_000, '{"manifests": {}}', '{"manifests": [5]}', "\xff", "9" * 5000]
)
def test_an_index_that_is_nonsense(load: Import, layout: OciLayout, text: str) -> None:
    layout.finish()
    (layout.root / "index.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadArchive):
        load(f"oci:{layout.root}")


def test_an_empty_layout(load: Import, layout: OciLayout, workdir: Path) -> None:
    with pytest.raises(SourceNotFound):
        load(f"oci:{layout.finish()}")
    (workdir / "empty").mkdir()
    with pytest.raises(BadArchive, match=r"index\.json"):
        load(f"oci:{workdir / 'empty'}")


def test_artifacts_are_no_images(load: Import, layout: OciLayout) -> None:
    manifest = layout.manifest([])
    manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json"
    layout.finish(layout.document(manifest))
    with pytest.raises(BadArchive, match="container image"):
        load(f"oci:{layout.root}")


def test_a_document_of_absurd_size(load: Import, layout: OciLayout) -> None:
    layout.finish()
    with open(layout.root / "index.json", "ab") as file:
        file.write(b" " * (9 << 20))
    with pytest.raises(LimitExceeded):
        load(f"oci:{layout.root}")


def test_limits_hold_for_the_whole_image(load: Import, workdir: Path) -> None:
    layers = [tar_of(entry(f"f{number}", bytes(1000))) for number in range(4)]
    built = simple_layout(workdir / "image", layers)
    load(f"oci:{built.root}", limits=ImportLimits(max_bytes=4008, max_entries=4))
    for limits in (ImportLimits(max_bytes=4007), ImportLimits(max_entries=3)):
        with pytest.raises(LimitExceeded):
            load(f"oci:{built.root}", limits=limits)


def test_prefixes_that_do_not_fit(load: Import, workdir: Path) -> None:
    built = simple_layout(workdir / "image", LAYERS)
    archive = built.archive(workdir / "o.tar")
    for spec, right in (
        (f"oci:{archive}", f"oci-archive:{archive}"),
        (f"oci-archive:{built.root}", f"oci:{built.root}"),
        (f"docker-archive:{archive}", f"oci-archive:{archive}"),
    ):
        with pytest.raises(UsageError) as caught:
            load(spec)
        assert right in (caught.value.hint or "")


def test_a_cut_archive(load: Import, workdir: Path) -> None:
    archive = simple_layout(workdir / "image", LAYERS).archive(workdir / "o.tar")
    data = archive.read_bytes()
    for size in (0, 100, 512, len(data) // 3, len(data) // 2, len(data.rstrip(b"\0")) - 100):
        archive.write_bytes(data[:size])
        with pytest.raises(BadArchive):
            load(f"oci-archive:{archive}")
    with pytest.raises(NotFound):
        load(f"oci-archive:{workdir / 'nothing'}")


# ------------------------------------------------------------------------------------------------- what others make


def test_what_umoci_makes(load: Import, workdir: Path, busybox_rootfs: Path) -> None:
    """A base of everything, a second layer of changes; umoci itself unpacks the same for comparison."""
    image, bundle = workdir / "image", workdir / "bundle"
    umoci("init", "--layout", image)
    umoci("new", "--image", f"{image}:box")
    umoci("unpack", "--image", f"{image}:box", bundle)
    skip = ["--exclude=./odd", "--exclude=./home/shared"]  # umoci loses those names and that ACL
    copying = f"tar -C {busybox_rootfs} --xattrs --xattrs-include='*' {' '.join(skip)} -cf - . | "
    subprocess.run(copying + f"tar -C {bundle}/rootfs --xattrs --xattrs-include='*' -xf -", shell=True, check=True)
    umoci("repack", "--image", f"{image}:box", "--history.created_by", "first", bundle)
    umoci("unpack", "--image", f"{image}:box", workdir / "one")
    subprocess.run(["rm", "-r", workdir / "one/rootfs/usr/lib", workdir / "one/rootfs/etc/motd"], check=True)
    (workdir / "one/rootfs/usr/lib").mkdir()
    (workdir / "one/rootfs/usr/lib/new").write_text("new")
    umoci("repack", "--image", f"{image}:box", "--history.created_by", "second", workdir / "one")
    umoci("unpack", "--image", f"{image}:box", workdir / "expected")
    base, top = load(f"oci:{image}:box").layers
    assert (base.message, top.message) == ("first", "second")
    assert_describes(base.scan, base.fs)
    assert_same(workdir / "expected/rootfs/usr/bin", base.fs / "usr/bin", ignore=["links"])
    assert_same(workdir / "expected/rootfs/dev", base.fs / "dev", ignore=["links"])
    assert_same(workdir / "expected/rootfs/usr/lib", top.fs / "usr/lib")
    assert top.scan.root.dirs[b"etc"].whiteouts == {b"motd"}


@pytest.mark.parametrize("options", [[], ["--dest-compress-format", "zstd"]])
@pytest.mark.parametrize("target", ["oci:{}", "oci-archive:{}"])
def test_what_skopeo_copies(load: Import, workdir: Path, options: list[str], target: str) -> None:
    source = simple_layout(workdir / "image", LAYERS, compression=["plain"] * 3)
    expected = load(f"oci:{source.root}")
    copied = load(skopeo(f"oci:{source.root}:latest", target.format(workdir / "copy") + ":new", *options))
    assert [layer.scan for layer in copied.layers] == [layer.scan for layer in expected.layers]
    assert [layer.message for layer in copied.layers] == [layer.message for layer in expected.layers]
    assert copied.tags == ("new",)
