"""Archives made to escape, imported by the thousand: each is refused cleanly, or is what a chroot makes of it.

``LAYERCTL_SOAK=1`` (``make soak``) tries many more.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from itertools import count, permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layerctl.errors import LayerctlError
from tests.oracle import assert_same, listing
from tests.property.chroot import Layer, Refused, Step, Unknown, blanked, stacked, unpack
from tests.support.archives import OciLayout, simple_layout
from tests.support.hostile import Grounds
from tests.support.mounts import unmount_below
from tests.support.unpacking import END, padded, pax, raw_header

_SOAK = bool(os.environ.get("LAYERCTL_SOAK"))
_ROOTFS = 5000 if _SOAK else 300
_IMAGES = 3000 if _SOAK else 120
_RAW = 5000 if _SOAK else 200
_QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
_UP = b"../" * 12


@pytest.fixture
def grounds(tmp_path: Path) -> Iterator[Grounds]:
    yield Grounds(tmp_path / "grounds")
    unmount_below(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


# --------------------------------------------------------------------------------------------- from steps to bytes


def encoded(step: Step, spelling: str = "plain") -> bytes:
    """One entry as bytes; ``spelling`` says where its name and target stand."""
    kinds = {"f": b"0", "d": b"5", "s": b"2", "l": b"1", "c": b"3", "b": b"4", "p": b"6"}
    records = [(b"SCHILY.xattr." + os.fsencode(name), value) for name, value in step.xattrs]
    name, target, before = step.name, step.target, b""
    if not name or not (target or step.kind not in "sl"):
        spelling = "plain"  # an empty record takes the keyword back, and what the header says counts
    if spelling == "pax" or max(len(name), len(target)) > 100:
        records += [(b"path", name), (b"linkpath", target)]
        name = target = b"decoy"
    elif spelling == "gnu":
        before = _long(b"L", name) + _long(b"K", target)
        name = target = b"../decoy"
    elif spelling == "prefix" and 0 < name.find(b"/") < len(name) - 1:
        prefix, _, name = name.partition(b"/")
        return _join(step, kinds, records, before, name, target, {"prefix": prefix})
    return _join(step, kinds, records, before, name, target, {})


def _join(
    step: Step,
    kinds: dict[str, bytes],
    records: list[tuple[bytes, bytes]],
    before: bytes,
    name: bytes,
    target: bytes,
    more: dict[str, bytes],
) -> bytes:
    header = raw_header(
        name,
        size=len(step.content),
        kind=kinds[step.kind],
        mode=b"%07o\0" % step.mode,
        uid=b"%07o\0" % step.uid,
        gid=b"%07o\0" % step.uid,
        mtime=b"%011o\0" % step.mtime,
        linkname=target,
        major=b"%07o\0" % step.rdev[0],
        minor=b"%07o\0" % step.rdev[1],
        **more,
    )
    return (pax(*records) if records else b"") + before + header + padded(step.content)


def _long(kind: bytes, text: bytes) -> bytes:
    return raw_header(b"././@LongLink", size=len(text) + 1, kind=kind) + padded(text + b"\0")


def archive(steps: list[Step], tail: bytes = b"") -> bytes:
    return b"".join(map(encoded, steps)) + END + tail


# ----------------------------------------------------------------------------------------- the classics, in both orders

_FILE = Step("f", b"f", content=b"overwritten")


def gadgets(canary: bytes) -> list[Step]:
    """What escapes are made of; any two of them, in both orders, are an attempt."""
    return [
        Step("s", b"link", canary),
        Step("s", b"link", _UP + canary[1:]),
        Step("s", b"link/directory", b"/etc"),
        Step("d", b"link", mode=0o777),
        Step("f", b"link", content=b"overwritten"),
        Step("f", b"link/secret", content=b"overwritten"),
        Step("f", b"link/directory/owned", content=b"x"),
        Step("d", b"link/directory", mode=0o777, uid=7),
        Step("l", b"mine", b"link/secret"),
        Step("l", b"link", b"mine"),
        Step("l", b"mine", b"link"),
        Step("f", b"mine", content=b"overwritten"),
        Step("l", b"mine", canary + b"/secret"),
        Step("l", canary + b"/owned", b"mine"),
        Step("f", _UP + canary[1:] + b"/owned", content=b"x"),
        Step("c", b"link/null", rdev=(1, 3)),
        Step("c", b"link", rdev=(0, 0)),
        Step("p", b"link"),
        Step("f", b"link/.wh.secret"),
        Step("f", b"link/.wh..wh..opq"),
        Step("f", b".wh.link"),
        Step("f", b"link/.wh..."),
        Step("s", b"link/.wh.secret", canary),
        Step("s", b".", canary),
        Step("d", b"link", xattrs=(("trusted.overlay.opaque", b"y"), ("trusted.overlay.redirect", canary))),
        Step("f", b"link", xattrs=(("trusted.overlay.metacopy", b""), ("user.overlay.whiteout", b""))),
    ]


def test_every_two_gadgets_in_both_orders(grounds: Grounds) -> None:
    """The kernel, in a chroot, says where an archive leads; a layer is what is there, or nothing is."""
    steps = gadgets(os.fsencode(grounds.canary))
    tried = permutations(steps, 3) if _SOAK else _half_of(permutations(steps, 2), steps)
    with tempfile.TemporaryDirectory(dir=grounds.outer.parent) as scratch:
        for number, chosen in enumerate(tried):
            _import_rootfs(grounds, list(chosen), archive(list(chosen)), Path(scratch, str(number)))
    assert grounds.taken > 80
    assert grounds.refused > 80


def _half_of(pairs: Iterable[tuple[Step, ...]], steps: list[Step]) -> Iterator[tuple[Step, ...]]:
    """Every other pair, but of each one that is taken the reverse too."""
    return (pair for pair in pairs if sum(map(steps.index, pair)) % 2)


def test_every_gadget_in_a_layer_over_every_other(grounds: Grounds, workdir: Path) -> None:
    steps = gadgets(os.fsencode(grounds.canary))
    lowest = [Step("d", b"link"), Step("f", b"link/secret", content=b"inside"), Step("f", b"mine", content=b"mine")]
    pairs = (
        [(one, two) for one in steps for two in steps]
        if _SOAK
        else list(zip(steps, [*steps[7:], *steps[:7]], strict=True))
    )
    numbers = count()
    with tempfile.TemporaryDirectory(dir=grounds.outer.parent) as scratch:
        for one, two in pairs:
            for middle in ([one], []):
                _import_image(grounds, [lowest, middle, [two]], Path(scratch, str(next(numbers))))
    assert grounds.taken > 20
    assert grounds.refused > 10


# ---------------------------------------------------------------------------------------------------------- generated

_PLAIN = st.sampled_from([b"a", b"b", b"d", b"d", b"l"])
_ODD = st.sampled_from([b"..", b".", b"", b"n" * 255, b"n" * 256, b"\xff\n"])
_PART = st.one_of(*[_PLAIN] * 9, _ODD)
_MARK = st.sampled_from([b".wh.a", b".wh.l", b".wh.d", b".wh..wh..opq", b".wh..wh.plnk", b".wh.", b".wh..", b".wh..."])
_XATTR = st.sampled_from(
    [
        ("user.a", b"\0\xff"),
        ("user.overlay.opaque", b"y"),
        ("user.overlay.redirect", b"/a"),
        ("trusted.overlay.opaque", b"y"),
        ("trusted.overlay.redirect", b"/etc"),
        ("trusted.overlay.metacopy", b""),
        ("trusted.overlay.whiteout", b""),
    ]
)
_CANARY = b"\0canary\0"


def _path(parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    inside = st.lists(parts, min_size=1, max_size=3).map(b"/".join)
    outside = st.sampled_from([_CANARY, _CANARY + b"/secret", b"/etc/hosts", _UP + b"etc/hosts", b"/", b"./", b"//a"])
    return st.one_of(*[inside] * 9, outside)


@st.composite
def _steps(draw: st.DrawFn, marks: bool) -> Step:
    parts = st.one_of(_PART, _PART, _PART, _MARK) if marks else _PART
    kind = draw(st.sampled_from("ffffddsssllcbp"))
    return Step(
        kind,
        draw(_path(parts)),
        draw(_path(_PART) if kind == "s" else st.one_of(_path(_PART), st.just(b"a"))) if kind in "sl" else b"",
        draw(st.binary(max_size=20)) if kind == "f" else b"",
        draw(st.sampled_from([0o644, 0o755, 0o4755, 0o2775, 0o000])),
        draw(st.sampled_from([0, 7])),
        draw(st.sampled_from([0, 1_600_000_000])),
        draw(st.sampled_from([(1, 3), (1, 3), (1, 3), (0, 0), (4095, 7)])) if kind in "cb" else (1, 3),
        tuple(dict(draw(st.lists(_XATTR, max_size=2))).items()) if kind in "fd" else (),
    )


_SPELLING = st.sampled_from(["plain", "plain", "pax", "gnu", "prefix"])
_TAIL = st.sampled_from([b"", b"", b"", bytes(512), b"trailing", encoded(_FILE)])


def _aimed(steps: list[Step], canary: Path) -> list[Step]:
    def aim(path: bytes) -> bytes:
        return path.replace(_CANARY, os.fsencode(canary))

    return [
        Step(s.kind, aim(s.name), aim(s.target), s.content, s.mode, s.uid, s.mtime, s.rdev, s.xattrs) for s in steps
    ]


def _base(canary: Path) -> list[Step]:
    """Something to attack: directories, and symlinks that lead out and in."""
    out = os.fsencode(canary)
    return [Step("d", b"d"), Step("f", b"a", content=b"a"), Step("s", b"l", out), Step("s", b"d/l", b"../d/../d")]


def test_generated_archives(grounds: Grounds, tmp_path_factory: pytest.TempPathFactory) -> None:
    scratch = tmp_path_factory.mktemp("models")
    numbers = count()

    @settings(max_examples=_ROOTFS, deadline=None, suppress_health_check=_QUIET, database=None)
    @given(drawn=st.lists(_steps(marks=False), min_size=1, max_size=6), spellings=st.data(), tail=_TAIL)
    def attempt(drawn: list[Step], spellings: st.DataObject, tail: bytes) -> None:
        steps = _base(grounds.canary) + _aimed(drawn, grounds.canary)
        data = b"".join(encoded(step, spellings.draw(_SPELLING)) for step in steps) + END + tail
        taken = _import_rootfs(grounds, steps, data, scratch / str(next(numbers)))
        assert not (taken and tail.strip(b"\0")), "something followed the end marker"

    attempt()
    assert grounds.taken > _ROOTFS // 10
    assert grounds.refused > _ROOTFS // 10


def test_generated_images(grounds: Grounds, tmp_path_factory: pytest.TempPathFactory) -> None:
    scratch = tmp_path_factory.mktemp("models")
    numbers = count()

    @settings(max_examples=_IMAGES, deadline=None, suppress_health_check=_QUIET, database=None)
    @given(drawn=st.lists(st.lists(_steps(marks=True), min_size=1, max_size=4), min_size=1, max_size=3))
    def attempt(drawn: list[list[Step]]) -> None:
        layers = [_base(grounds.canary), *(_aimed(steps, grounds.canary) for steps in drawn)]
        _import_image(grounds, layers, scratch / str(next(numbers)))

    attempt()
    assert grounds.taken > _IMAGES // 20
    assert grounds.refused > _IMAGES // 20


def test_generated_bytes(grounds: Grounds) -> None:
    """Blocks that are nearly headers: any field may be anything. Refused, or there, and nothing else."""
    field = st.sampled_from(["name", "mode", "uid", "gid", "size", "mtime", "linkname", "magic", "major", "prefix"])
    junk = st.sampled_from([b"", b"\xff\xff\xff", b"-1", b"\x80", b"77777", b"9", b"../x", b"ustar", b"\0\0a", b" 7 "])
    kind = st.sampled_from([bytes([byte]) for byte in b"0123456789gxXLKSVDMN\0A"])
    record = st.tuples(
        st.sampled_from(
            [b"path", b"size", b"GNU.sparse.major", b"GNU.sparse.map", b"GNU.sparse.size", b"mtime", b"uid"]
        ),
        st.sampled_from([b"", b"1", b"-1", b"../x", b"0,1", b"9" * 19, b"1e3", b"1.5", b"\xff"]),
    )
    block = st.one_of(
        st.builds(
            lambda name, size, kind, fields: raw_header(**{"name": name, "size": size, "kind": kind, **fields}),
            st.sampled_from([b"a", b"d/", b"l", b"l/x", b"../x"]),
            st.sampled_from([0, 0, 1, 512, 1 << 32]),
            kind,
            st.dictionaries(field.filter(lambda name: name not in ("name", "size")), junk, max_size=2),
        ),
        st.lists(record, min_size=1, max_size=2).map(lambda records: pax(*records)),
        st.binary(min_size=1, max_size=600).map(padded),
        st.just(bytes(512)),
    )

    @settings(max_examples=_RAW, deadline=None, suppress_health_check=_QUIET, database=None)
    @given(blocks=st.lists(block, max_size=5), whole=st.booleans())
    def attempt(blocks: list[bytes], whole: bool) -> None:
        data = archive(_base(grounds.canary))[: -len(END)] + b"".join(blocks) + (END if whole else b"")
        result = grounds.attack(data=data)
        if not isinstance(result, LayerctlError):
            _assert_no_stray(grounds)

    attempt()
    assert grounds.refused > _RAW // 10
    assert grounds.taken > 0


def _assert_no_stray(grounds: Grounds) -> None:
    """Files of the newest layer have no other name, inside or outside, that the layer does not have."""
    layers = list((grounds.dot / "layers").glob("*/fs"))
    newest = max(layers, key=lambda path: path.parent.stat().st_mtime_ns)
    tree = listing(newest)
    for path, node in tree.nodes.items():
        if node.kind == "file":
            group = next((group for group in tree.links if path in group), {path})
            assert os.lstat(os.path.join(os.fsencode(newest), path)).st_nlink == len(group)


# -------------------------------------------------------------------------------------------------- import and compare


def _import_rootfs(grounds: Grounds, steps: list[Step], data: bytes, scratch: Path) -> bool:
    """Imports a tar archive; whether that went well. What is there is what the chroot has."""
    result = grounds.attack(data=data)
    if isinstance(result, LayerctlError):
        return False
    try:
        model = unpack(steps, scratch, whiteouts=False)
    except Refused as refused:
        raise AssertionError(f"{refused}, and yet it was imported: {steps}") from None
    [commit] = result.commits
    layer = grounds.repository._context.store.commits.read(commit).layer.id
    expected = stacked([model])
    actual = grounds.dot / "layers" / layer.hex / "fs"
    assert_same(expected, blanked(listing(actual), expected))
    _assert_alone(actual, expected.links)
    shutil.rmtree(scratch)
    return True


def _assert_alone(root: Path, links: frozenset[frozenset[bytes]]) -> None:
    """No file has a name outside of the layer."""
    groups = {path: len(group) for group in links for path in group}
    for top, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(top, name)
            status = os.lstat(path)
            if not stat.S_ISDIR(status.st_mode):
                assert status.st_nlink == groups.get(os.path.relpath(path, os.fsencode(root)), 1), path


def _import_image(grounds: Grounds, layers: list[list[Step]], scratch: Path) -> None:
    scratch.mkdir()
    image: OciLayout = simple_layout(scratch / "image", [archive(steps) for steps in layers])
    result = grounds.attack(f"oci:{image.root}")
    if not isinstance(result, LayerctlError):
        models: list[Layer] = []
        try:
            for number, steps in enumerate(layers):
                models.append(unpack(steps, scratch / str(number), whiteouts=True))
        except Unknown:
            models = []
        except Refused as refused:
            raise AssertionError(f"{refused}, and yet it was imported: {layers}") from None
        if models:
            expected = stacked(models)
            with grounds.mounted(result) as point:
                assert_same(expected, blanked(listing(point), expected))
    shutil.rmtree(scratch)


def test_the_model_is_not_blind(tmp_path: Path) -> None:
    """It follows what a plain extraction would, and refuses what none can follow."""
    model = unpack(
        [Step("d", b"x"), Step("s", b"l", b"/x"), Step("f", b"l/f", content=b"1")], tmp_path / "1", whiteouts=False
    )
    assert set(model.tree.nodes) == {b".", b"x", b"l", b"x/f"}
    with pytest.raises(Refused):
        unpack([Step("s", b"l", b"/nowhere"), Step("f", b"l/f")], tmp_path / "2", whiteouts=False)
    upper = unpack([Step("f", b"x/.wh.f"), Step("f", b"y/g")], tmp_path / "3", whiteouts=True)
    assert set(stacked([model, upper]).nodes) == {b".", b"x", b"l", b"y", b"y/g"}
