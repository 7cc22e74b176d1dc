"""``layerctl import`` of bombs and junk: one clear error and nothing left behind, or exactly what was packed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from layerctl.errors import BadArchive, Damaged, LayerctlError, LimitExceeded
from layerctl.model.results import ImportResult
from tests.oracle import Listing, assert_same, listing
from tests.support.archives import (
    COMPRESS,
    DOCKER,
    OCI,
    OciLayout,
    config_of,
    digest_of,
    directory,
    entry,
    hardlink,
    named,
    simple_layout,
    symlink,
    tar_of,
)
from tests.support.cli import Repo
from tests.support.hostile import Grounds
from tests.support.mounts import unmount_below
from tests.support.unpacking import END, pax, raw_header


@pytest.fixture
def grounds(tmp_path: Path) -> Iterator[Grounds]:
    yield Grounds(tmp_path / "grounds")
    unmount_below(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


def _whole() -> bytes:
    """A small archive with the shortest end marker."""
    data = tar_of(
        directory("d", pax_headers={"SCHILY.xattr.user.k": "v"}),
        entry("d/f", b"x" * 700),
        symlink("l", "d/f"),
        hardlink("h", "d/f"),
        entry("n" * 120, b"long"),
    )
    end = len(data.rstrip(b"\0"))
    return data[: end + -end % 512] + END


def _tree(grounds: Grounds, result: ImportResult) -> Listing:
    layer = grounds.repository._context.store.commits.read(result.commits[-1]).layer.id
    return listing(grounds.dot / "layers" / layer.hex / "fs")


def _refused(result: ImportResult | LayerctlError, kind: type[LayerctlError] = Damaged) -> None:
    assert isinstance(result, kind), result


# ---------------------------------------------------------------------------------------------------------------- cut


def test_cut_at_every_block_and_between_before_it_was_compressed(grounds: Grounds) -> None:
    """The end marker's first block says that the archive is whole; before it, nothing is."""
    data = _whole()
    cuts = sorted({*range(0, len(data) - 1024 + 1, 512), 1, 100, 511, 513, 1000, 1535})
    for number, cut in enumerate(cuts):
        form = list(COMPRESS)[number % len(COMPRESS)]
        _refused(grounds.attack(data=data[:cut]))
        _refused(grounds.attack(data=COMPRESS[form](data[:cut])))
    assert grounds.taken == 0


@pytest.mark.parametrize("form", COMPRESS)
def test_cut_after_it_was_compressed(grounds: Grounds, form: str) -> None:
    data = COMPRESS[form](_whole())
    last = len(data) - 1024 if form == "plain" else len(data) - 1
    for cut in sorted({*range(1, last, max(1, last // 25)), *range(0, last, 512), last}):
        _refused(grounds.attack(data=data[:cut]))
    assert grounds.taken == 0
    assert isinstance(grounds.attack(data=data), ImportResult)


@pytest.mark.parametrize("form", ["plain", "gz", "zst"])
def test_layers_cut_at_every_block(grounds: Grounds, form: str) -> None:
    """A layer may end without an end marker, but then its digest says so."""
    whole = _whole()
    for number, cut in enumerate(range(512, len(whole), 512)):
        layout = OciLayout(grounds.outer.parent / f"cut{number}")
        manifest = layout.manifest([whole], compression=[form])
        blob = layout.path(manifest["layers"][0]["digest"])
        if number % 2:
            blob.write_bytes(COMPRESS[form](whole[:cut]))
        else:
            cut_blob = layout.blob(COMPRESS[form](whole[:cut]), manifest["layers"][0]["mediaType"])
            manifest["layers"] = [cut_blob]
        layout.finish(layout.document(manifest))
        _refused(grounds.attack(f"oci:{layout.root}"))
        shutil.rmtree(layout.root)
    assert grounds.taken == 0


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_image_archives_cut_at_every_block(grounds: Grounds, workdir: Path, kind: str) -> None:
    data = _image_archive(workdir, kind).read_bytes()
    end = len(data.rstrip(b"\0"))
    for cut in range(0, end, 1024):
        (workdir / "cut.tar").write_bytes(data[: cut + (7 if cut % 4096 else 0)])
        _refused(grounds.attack(f"{kind}:{workdir / 'cut.tar'}"))
    assert grounds.taken == 0


def _image_archive(workdir: Path, kind: str) -> Path:
    if kind == "oci-archive":
        return simple_layout(workdir / "image", [_whole()]).archive(workdir / "whole.tar")
    config = json.dumps(config_of([_whole()])).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l.tar"]}]).encode()
    members = [entry("c.json", config), entry("l.tar", _whole()), entry("manifest.json", manifest)]
    (workdir / "whole.tar").write_bytes(tar_of(*members))
    return workdir / "whole.tar"


# -------------------------------------------------------------------------------------------------------------- flips


def _flipped(data: bytes, step: int) -> Iterator[tuple[int, bytes]]:
    for position in range(0, len(data), step):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position // step % 8
        yield position, bytes(damaged)


@pytest.mark.parametrize("form", COMPRESS)
def test_flipped_bits_in_a_tar(grounds: Grounds, form: str) -> None:
    """Without a digest some flips pass, in names and content; with the compression's checksum none changes a thing."""
    data = COMPRESS[form](_whole())
    right = grounds.attack(data=data)
    assert isinstance(right, ImportResult)
    for _, damaged in _flipped(data, 61 if form == "plain" else max(1, len(data) // 40)):
        result = grounds.attack(data=damaged)
        if isinstance(result, ImportResult) and form in ("gz", "xz", "bz2"):
            assert_same(_tree(grounds, right), _tree(grounds, result))
    assert grounds.refused > 20


def test_flipped_bits_in_an_image(grounds: Grounds, workdir: Path) -> None:
    """Whatever has a digest is refused; what has none, the index, names the right blobs or none."""
    layout = simple_layout(workdir / "image", [_whole()])
    for blob in (layout.root / "blobs/sha256").iterdir():
        content = blob.read_bytes()
        for _, damaged in _flipped(content, max(1, len(content) // 12)):
            blob.write_bytes(damaged)
            _refused(grounds.attack(f"oci:{layout.root}"))
        blob.write_bytes(content)
    assert grounds.taken == 0
    assert isinstance(grounds.attack(f"oci:{layout.root}"), ImportResult)


# ----------------------------------------------------------------------------------------------------- lying documents

DIGESTS = {
    "path": "sha256:../../../../../../../../etc/passwd",
    "path-of-the-right-length": "sha256:" + ("../" * 22)[:64],
    "absolute": "sha256:/etc/passwd",
    "path-as-algorithm": "../../../etc:" + "0" * 64,
    "path-in-algorithm": "sha256/../../x:" + "0" * 64,
    "md5": "md5:" + "0" * 32,
    "sha1": "sha1:" + "0" * 40,
    "unknown": "blake9:" + "0" * 64,
    "short": "sha256:" + "0" * 63,
    "long": "sha256:" + "0" * 65,
    "sha512-of-sha256-length": "sha512:" + "0" * 64,
    "upper-case": "sha256:" + "A" * 64,
    "upper-case-algorithm": "SHA256:" + "a" * 64,
    "newline": "sha256:" + "a" * 64 + "\n",
    "nul": "sha256:" + "a" * 63 + "\0",
    "digits-of-another-script": "sha256:" + "\u0661" * 64,
    "two": "sha256:" + "a" * 64 + ":" + "b" * 64,
    "no-colon": "sha256" + "a" * 64,
    "empty": "",
}


@pytest.mark.parametrize("where", ["index", "config", "layer", "diff_id"])
def test_digests_that_are_none(grounds: Grounds, workdir: Path, where: str) -> None:
    """CVE-2024-3727: a digest becomes a path only after its form was checked."""
    for name, digest in DIGESTS.items():
        layout = OciLayout(workdir / f"{where}-{name}")
        config = config_of([_whole()])
        if where == "diff_id":
            config["rootfs"]["diff_ids"] = [digest]
        manifest = layout.manifest([_whole()], config=config)
        if where in ("config", "layer"):
            (manifest["config"] if where == "config" else manifest["layers"][0])["digest"] = digest
        document = layout.document(manifest)
        layout.finish({**document, "digest": digest} if where == "index" else document)
        _refused(grounds.attack(f"oci:{layout.root}"))
    assert grounds.taken == 0


SIZES: list[Any] = [0, 1, -1, 1 << 40, 1 << 70, "700", None, 1.5, True, [], {"size": 1}]


@pytest.mark.parametrize("where", ["index", "config", "layer"])
def test_sizes_that_lie(grounds: Grounds, workdir: Path, where: str) -> None:
    for number, size in enumerate(SIZES):
        layout = OciLayout(workdir / str(number))
        manifest = layout.manifest([_whole()])
        if where != "index":
            (manifest["config"] if where == "config" else manifest["layers"][0])["size"] = size
        document = layout.document(manifest)
        layout.finish({**document, "size": size} if where == "index" else document)
        _refused(grounds.attack(f"oci:{layout.root}"))
    assert grounds.taken == 0


INDEX, MANIFEST = f"{OCI}.index.v1+json", f"{OCI}.manifest.v1+json"


def _confused(layout: OciLayout) -> Iterator[dict[str, Any]]:
    """Descriptors of documents that two readers could take for two things (CVE-2021-41190), or that are others."""
    manifest = layout.manifest([_whole()])
    index = layout.index([layout.document(layout.manifest([tar_of(entry("other"))]))])
    both = {**manifest, "manifests": index["manifests"]}
    yield layout.document(both)
    yield layout.blob(json.dumps({**both, "mediaType": INDEX}).encode(), INDEX)
    yield layout.blob(json.dumps({k: v for k, v in both.items() if k != "mediaType"}).encode(), MANIFEST)
    yield layout.blob(json.dumps({k: v for k, v in both.items() if k != "mediaType"}).encode(), INDEX)
    yield layout.blob(json.dumps(manifest).encode(), INDEX)
    yield layout.blob(json.dumps(index).encode(), MANIFEST)
    yield layout.blob(json.dumps(manifest).encode(), f"{DOCKER}.manifest.v2+json")
    yield layout.blob(json.dumps({**manifest, "mediaType": 5}).encode(), MANIFEST)
    yield layout.blob(json.dumps({**manifest, "fsLayers": []}).encode(), MANIFEST)
    yield layout.blob(json.dumps([manifest]).encode(), MANIFEST)
    yield layout.blob(json.dumps(manifest).encode(), "application/octet-stream")
    yield layout.blob(_whole(), f"{OCI}.layer.v1.tar")
    for media_type in ("application/vnd.oci.empty.v1+json", "text/plain", f"{OCI}.config.v1+json"):
        layers = [{**layer, "mediaType": media_type} for layer in manifest["layers"]]
        yield layout.document({**manifest, "layers": layers})
    for media_type in ("application/vnd.oci.empty.v1+json", f"{OCI}.layer.v1.tar+gzip", ""):
        yield layout.document({**manifest, "config": {**manifest["config"], "mediaType": media_type}})


def test_documents_of_a_wrong_or_doubtful_type(grounds: Grounds, workdir: Path) -> None:
    layout = OciLayout(workdir / "image")
    tried = list(_confused(layout))
    for descriptor in tried:
        layout.finish(descriptor)
        _refused(grounds.attack(f"oci:{layout.root}"))
    assert (grounds.taken, grounds.refused) == (0, len(tried))


def test_what_points_at_itself(grounds: Grounds, workdir: Path) -> None:
    """A digest of oneself cannot be had, so: a wrong one, a chain, and configs and layers that are their manifest."""
    layout = OciLayout(workdir / "image")
    manifest = layout.manifest([_whole()])
    own = layout.document(layout.index([{**layout.document(manifest), "digest": digest_of(b"itself")}]))
    shutil.copy(layout.path(own["digest"]), layout.path(digest_of(b"itself")))
    chain = layout.document(manifest)
    for _ in range(40):
        chain = layout.document(layout.index([chain]))
    itself = layout.document(manifest)
    as_config = {**manifest, "config": {**itself, "mediaType": f"{OCI}.config.v1+json"}}
    as_layer = {**manifest, "layers": [{**itself, "mediaType": f"{OCI}.layer.v1.tar"}]}
    for descriptor in (own, chain, layout.document(as_config), layout.document(as_layer)):
        layout.finish(descriptor)
        _refused(grounds.attack(f"oci:{layout.root}"))
    assert grounds.taken == 0


JSON: dict[str, bytes] = {
    "deep": b"[" * 100_000,
    "deep-objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "huge": b'{"manifests": [' + b" " * (9 << 20) + b"]}",
    "long-number": b'{"schemaVersion": ' + b"9" * 100_000 + b"}",
    "not-utf8": b'{"a": "\xff\xfe"}',
    "nan": b"NaN",
    "empty": b"",
    "nothing": b"null",
    "text": b'"index"',
    "nul": b"\0" * 100,
    "surrogate": b'{"manifests": [{"digest": "\\ud800"}]}',
    "manifests-a-text": b'{"manifests": "sha256:"}',
    "manifests-of-texts": b'{"manifests": ["sha256:"]}',
}


@pytest.mark.parametrize("where", ["index", "manifest", "config"])
def test_documents_that_are_junk(grounds: Grounds, workdir: Path, where: str) -> None:
    for name, junk in JSON.items():
        layout = OciLayout(workdir / name)
        if where == "index":
            (layout.root / "index.json").write_bytes(junk)
        else:
            manifest = layout.manifest([_whole()])
            if where == "config":
                manifest["config"] = layout.blob(junk, f"{OCI}.config.v1+json")
            layout.finish(layout.document(manifest) if where == "config" else layout.blob(junk, MANIFEST))
        _refused(grounds.attack(f"oci:{layout.root}"))
    assert grounds.taken == 0


def test_more_layers_than_anybody_has(grounds: Grounds, workdir: Path) -> None:
    layout = OciLayout(workdir / "image")
    layers = [_whole()] * 600
    manifest = layout.manifest([_whole()], config=config_of([]))
    manifest["layers"] *= 600
    config = {"rootfs": {"diff_ids": [digest_of(layer) for layer in layers]}}
    manifest["config"] = layout.blob(json.dumps(config).encode(), f"{OCI}.config.v1+json")
    layout.finish(layout.document(manifest))
    _refused(grounds.attack(f"oci:{layout.root}"), LimitExceeded)


# ------------------------------------------------------------------------------------------------- files in the layout


def _socket(path: Path) -> None:
    directory_fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    with closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.bind(f"/proc/self/fd/{directory_fd}/{path.name[:20]}")
    os.rename(path.parent / path.name[:20], path)
    os.close(directory_fd)


INSTEAD: dict[str, Callable[[Path], None]] = {
    "symlink": lambda path: path.symlink_to("/etc/passwd"),
    "relative-symlink": lambda path: path.symlink_to("../../../canary/secret"),
    "loop": lambda path: path.symlink_to(path.name),
    "fifo": os.mkfifo,
    "zero": lambda path: os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(1, 5)),
    "disk": lambda path: os.mknod(path, stat.S_IFBLK | 0o644, os.makedev(7, 0)),
    "directory": Path.mkdir,
    "socket": _socket,
}


@pytest.mark.parametrize("what", INSTEAD)
def test_blobs_and_folders_that_are_something_else(grounds: Grounds, workdir: Path, what: str) -> None:
    layout = simple_layout(workdir / "image", [_whole()])
    places = [layout.root / "index.json", *(layout.root / "blobs/sha256").iterdir(), layout.root / "blobs/sha256"]
    for place in places:
        moved = workdir / "moved"
        os.rename(place, moved)
        if not (what == "directory" and place.name == "sha256"):
            INSTEAD[what](place)
        _refused(grounds.attack(f"oci:{layout.root}"))
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        else:
            place.unlink(missing_ok=True)
        os.rename(moved, place)
    assert isinstance(grounds.attack(f"oci:{layout.root}"), ImportResult)


def test_layers_of_a_docker_archive_that_lie_elsewhere(grounds: Grounds, workdir: Path) -> None:
    """Names in an archive are looked up in the archive alone, symlinks among them too."""
    config = json.dumps(config_of([_whole()])).encode()
    canary = str(grounds.canary / "secret")
    (grounds.outer / "outside.tar").write_bytes(_whole())
    outside = str(grounds.outer / "outside.tar")
    grounds._before = grounds.surroundings()
    paths = [outside, "../outside.tar", "../" * 12 + outside[1:], canary, "", ".", "/", "..", "x\0y", "manifest.json"]
    links = [symlink("l.tar", path or ".") for path in paths] + [hardlink("l.tar", outside), symlink("l.tar", "l.tar")]
    archives = [([], path) for path in paths] + [([link], "l.tar") for link in links]
    archives += [([directory("l.tar")], "l.tar"), ([entry("l.tar", kind=tarfile.FIFOTYPE)], "l.tar")]
    for members, path in archives:
        manifest = json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": [path]}]).encode()
        data = tar_of(entry("c.json", config), *members, entry("manifest.json", manifest))
        (workdir / "d.tar").write_bytes(data)
        _refused(grounds.attack(f"docker-archive:{workdir / 'd.tar'}"))
    assert grounds.taken == 0


# -------------------------------------------------------------------------------------------------------------- limits


def _bomb(form: str) -> bytes:
    """64 MiB of zeros, compressed well."""
    header = entry("zeros")[0]
    header.size = 64 << 20
    return COMPRESS[form](header.tobuf(tarfile.PAX_FORMAT) + bytes(64 << 20) + END)


LIMITS = {
    "maxBytes": (2_000, tar_of(entry("f", b"x" * 2_001)), tar_of(entry("f", b"x" * 1_900))),
    "maxEntries": (3, tar_of(*(entry(name) for name in "abcd")), tar_of(entry("a/b/c"))),
    "maxDepth": (3, tar_of(entry("a/b/c/d")), tar_of(entry("a/b/c"))),
    "maxPath": (20, tar_of(entry("abcde/" * 4)), tar_of(entry("abcde/abcde/abcde"))),
    "maxName": (10, tar_of(entry("d/" + "n" * 11)), tar_of(entry("d/" + "n" * 10))),
}


@pytest.mark.parametrize("key", LIMITS)
def test_each_bound_is_configurable(grounds: Grounds, workdir: Path, key: str) -> None:
    """It is kept by rootfs archives and by layers, and to the last entry that fits."""
    value, too_much, enough = LIMITS[key]
    as_image = [simple_layout(workdir / str(number), [data]).root for number, data in enumerate((too_much, enough))]
    assert isinstance(grounds.attack(data=too_much), ImportResult)
    grounds.repository.set_config(f"import.{key}", str(value))
    grounds._inside = None
    for image, data in zip(as_image, (too_much, enough), strict=True):
        expected = LimitExceeded if data is too_much else ImportResult
        assert isinstance(grounds.attack(data=data), expected)
        assert isinstance(grounds.attack(f"oci:{image}"), expected)
    grounds.repository.set_config(f"import.{key}", "many")
    grounds._inside = None
    assert getattr(grounds.attack(data=enough), "exit_code", 0) == 2


def test_the_number_of_layers_is_configurable(grounds: Grounds, workdir: Path) -> None:
    image = simple_layout(workdir / "image", [_whole(), tar_of(entry("more"))])
    grounds.repository.set_config("import.maxLayers", "1")
    grounds._inside = None
    _refused(grounds.attack(f"oci:{image.root}"), LimitExceeded)


@pytest.mark.parametrize("form", ["gz", "zst", "xz", "bz2"])
def test_the_ratio_is_configurable(grounds: Grounds, workdir: Path, form: str) -> None:
    bomb = _bomb(form)
    grounds.repository.set_config("import.maxRatio", "100")
    grounds._inside = None
    _refused(grounds.attack(data=bomb), LimitExceeded)
    if form in ("gz", "zst"):
        image = simple_layout(workdir / "image", [_whole()])
        manifest = image.manifest([_whole()])
        manifest["layers"] = [image.blob(bomb, f"{OCI}.layer.v1.tar+{'gzip' if form == 'gz' else 'zstd'}")]
        image.finish(image.document(manifest, **named("a")))
        _refused(grounds.attack(f"oci:{image.root}"), LimitExceeded)


def test_a_bomb_of_extension_headers(grounds: Grounds) -> None:
    """Megabytes of headers that add up before a single entry are memory, which no bound on content sees."""
    record = pax((b"a" * 10, bytes(1 << 20)))
    many = b"".join(pax((b"%d" % number, b"x" * (1 << 20))) for number in range(20))
    _refused(grounds.attack(data=many + raw_header(b"f") + END), BadArchive)
    _refused(grounds.attack(data=COMPRESS["zst"](record * 40 + raw_header(b"f") + END)), BadArchive)


def test_attributes_count_as_content(grounds: Grounds) -> None:
    grounds.repository.set_config("import.maxBytes", "1000")
    grounds._inside = None
    many = {f"SCHILY.xattr.user.{number}": "v" * 100 for number in range(10)}
    _refused(grounds.attack(data=tar_of(entry("f", pax_headers=many))), LimitExceeded)


def test_the_command_says_it_in_one_sentence(empty_repo: Repo, workdir: Path) -> None:
    """What the tests above get as exceptions, as users see it: exit status 5, a sentence and a hint."""
    before = empty_repo.recorded()
    image = simple_layout(workdir / "image", [_whole()])
    (image.root / "index.json").write_bytes(JSON["deep"])
    assert "not JSON" in empty_repo.cli.fails(5, "import", f"oci:{image.root}").stderr
    assert "cut short" in empty_repo.cli.fails(5, "import", "-", input=_whole()[:700]).stderr
    assert empty_repo.recorded() == before
    empty_repo.cli("config", "import.maxName", "5")
    assert "5 bytes" in empty_repo.cli.fails(5, "import", "-", input=tar_of(entry("longname"))).stderr
