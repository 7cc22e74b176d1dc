"""Traps 24 to 27: importing what somebody else made."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerctl.errors import DigestMismatch, LayerctlError, LimitExceeded
from layerctl.model.results import ImportResult
from tests.oracle import assert_same, listing
from tests.property.test_hostile_archives import archive, gadgets
from tests.support import rootfs
from tests.support.archives import OciLayout, config_of, digest_of, entry, named, simple_layout, tar_of
from tests.support.hostile import Grounds
from tests.support.mounts import unmount_below


@pytest.fixture
def grounds(tmp_path: Path) -> Iterator[Grounds]:
    yield Grounds(tmp_path / "grounds")
    unmount_below(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_trap_24_everything_stays_inside_or_nothing_is_left(grounds: Grounds, tmp_path: Path) -> None:
    """Each attempt by itself and behind a symlink that leads out, as a rootfs and as an image."""
    steps = gadgets(os.fsencode(grounds.canary))
    for number, step in enumerate(steps):
        for chosen in ([step], [steps[number % 2], step], [step, steps[number % 2]]):
            grounds.attack(data=archive(chosen))
            image = simple_layout(tmp_path / "image", [archive(chosen[:-1]), archive(chosen[-1:])])
            grounds.attack(f"oci:{image.root}")
            shutil.rmtree(image.root)
    assert grounds.taken > 10
    assert grounds.refused > 50


def test_trap_24_a_digest_is_no_path_and_a_document_is_one_thing(grounds: Grounds, tmp_path: Path) -> None:
    """CVE-2024-3727 and CVE-2021-41190."""
    layout = OciLayout(tmp_path / "image")
    manifest = layout.manifest([tar_of(entry("f"))])
    both = {**manifest, "manifests": [layout.document(manifest)]}
    for descriptor in ({**layout.document(manifest), "digest": "sha256:../../../etc/passwd"}, layout.document(both)):
        layout.finish(descriptor)
        assert isinstance(grounds.attack(f"oci:{layout.root}"), LayerctlError)


def test_trap_24_absolute_symlinks_are_legal(grounds: Grounds) -> None:
    result = grounds.attack(data=archive([gadgets(b"/etc/alternatives/x")[0]]))
    assert isinstance(result, ImportResult)
    with grounds.mounted(result) as point:
        assert os.readlink(point / "link") == "/etc/alternatives/x"


def test_trap_25_bounds_hold_and_every_byte_is_hashed(grounds: Grounds, tmp_path: Path) -> None:
    data = tar_of(entry("f", b"x" * 3000))
    for cut in (700, 1200, 3000):
        assert isinstance(grounds.attack(data=data[:cut]), LayerctlError)
    image = simple_layout(tmp_path / "image", [data], compression=["plain"])
    blob = image.path(digest_of(data))
    blob.write_bytes(data + b"trailing")
    assert isinstance(grounds.attack(f"oci:{image.root}"), DigestMismatch)
    blob.write_bytes(data.replace(b"xx", b"xy", 1))
    assert isinstance(grounds.attack(f"oci:{image.root}"), DigestMismatch)
    for key in ("maxBytes", "maxEntries", "maxDepth", "maxPath", "maxName"):
        grounds.repository.set_config(f"import.{key}", "3")
    grounds._inside = None
    for too_much in (data, tar_of(*map(entry, "abcd")), tar_of(entry("a/b/c/d")), tar_of(entry("long"))):
        assert isinstance(grounds.attack(data=too_much), LimitExceeded)
    assert isinstance(grounds.attack(data=tar_of(entry("a"))), ImportResult)


def test_trap_26_attributes_in_an_archive_are_bytes(grounds: Grounds, tmp_path: Path) -> None:
    capability = struct.pack("<IIIII", 0x02000001, 0x8000FF, 0xC3A9, 0xE9, 0)
    source = tmp_path / "source"
    source.mkdir()
    (source / "tool").touch()
    os.setxattr(source / "tool", "security.capability", capability)
    os.setxattr(source / "tool", "user.binary", bytes(range(256)))
    os.setxattr(source / "tool", b"user.latin\xe9", "caf\u00e9".encode("latin-1"))
    result = grounds.attack(str(rootfs.tar(source, tmp_path / "a.tar")))
    assert isinstance(result, ImportResult)
    with grounds.mounted(result) as point:
        assert_same(listing(source), listing(point))
        assert os.getxattr(point / "tool", "security.capability") == capability


def test_trap_27_images_of_every_make(grounds: Grounds, tmp_path: Path) -> None:
    """Nested indexes of two makes, a variant to pick, three compressions, steps without a layer, unknown fields."""
    layout = OciLayout(tmp_path / "image")
    layers = [tar_of(entry(name, name.encode())) for name in "abc"]
    history = [
        {"created_by": "one"},
        {"created_by": "ENV x", "empty_layer": True},
        {"created_by": "two"},
        {"created_by": "three"},
        {"created_by": "CMD y", "empty_layer": True},
    ]
    config = config_of(layers, history=history, architecture="arm", variant="v7", somebodys={"own": ["field"]})
    right = layout.manifest(layers, compression=["plain", "gz", "zst"], config=config)
    other = layout.manifest([tar_of(entry("wrong"))])
    arm = {"os": "linux", "architecture": "arm"}
    inner = layout.index(
        [
            layout.document(other, platform={**arm, "variant": "v6"}),
            layout.document(right, platform={**arm, "variant": "v7"}),
            layout.document(other, platform={"os": "linux", "architecture": "s390x"}),
        ],
        docker=True,
    )
    layout.finish(layout.document(inner, **named("app:1")))
    repository = grounds.repository
    result = repository.import_image(f"oci:{layout.root}", branch="arm", platform="linux/arm/v7")
    entries = list(repository.log(["arm"]))
    assert [found.commit.subject for found in reversed(entries)] == ["one", "two", "three"]
    assert [found.commit.layer.diff_id for found in reversed(entries)] == [digest_of(layer) for layer in layers]
    assert repository._context.store.commits.config(entries[0].commit).raw["somebodys"] == {"own": ["field"]}
    with grounds.mounted(result) as point:
        assert sorted(os.listdir(point)) == ["a", "b", "c"]
    docker = OciLayout(tmp_path / "docker")
    docker.finish(docker.document(docker.manifest(layers, docker=True)))
    assert isinstance(grounds.attack(f"oci:{docker.root}"), ImportResult)
