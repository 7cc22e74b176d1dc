"""The words that name a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerctl.errors import SourceNotFound, UsageError
from layerctl.source.spec import SourceKind, parse_spec


@pytest.fixture(autouse=True)
def things(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workdir)
    for name in ("dir", "with:colon", "oci:dir"):
        Path(name).mkdir()
    for name in ("file.tar", "a:b.tar", "a:b.tar:c"):
        Path(name).touch()


@pytest.mark.parametrize(
    ("text", "kind", "path", "ref"),
    [
        ("-", SourceKind.STDIN, "-", None),
        ("dir", SourceKind.DIRECTORY, "dir", None),
        ("with:colon", SourceKind.DIRECTORY, "with:colon", None),
        ("./oci:dir", SourceKind.DIRECTORY, "oci:dir", None),
        ("file.tar", SourceKind.TAR, "file.tar", None),
        ("a:b.tar", SourceKind.TAR, "a:b.tar", None),
        ("oci:dir", SourceKind.OCI, "dir", None),
        ("oci:dir:v1", SourceKind.OCI, "dir", "v1"),
        ("oci:with:colon", SourceKind.OCI, "with:colon", None),
        ("oci:with:colon:v1", SourceKind.OCI, "with:colon", "v1"),
        ("oci:dir:reg.example:5000/app:3", SourceKind.OCI, "dir", "reg.example:5000/app:3"),
        ("oci-archive:file.tar:v1", SourceKind.OCI_ARCHIVE, "file.tar", "v1"),
        ("docker-archive:file.tar:app:1.0", SourceKind.DOCKER_ARCHIVE, "file.tar", "app:1.0"),
        ("docker-archive:a:b.tar:c", SourceKind.DOCKER_ARCHIVE, "a:b.tar:c", None),
        ("docker-archive:a:b.tar:d", SourceKind.DOCKER_ARCHIVE, "a:b.tar", "d"),
        ("docker-archive:file.tar:@1", SourceKind.DOCKER_ARCHIVE, "file.tar", "@1"),
    ],
)
def test_specs(text: str, kind: SourceKind, path: str, ref: str | None) -> None:
    spec = parse_spec(text)
    assert (spec.kind, spec.path, spec.ref, spec.text) == (kind, Path(path), ref, text)


@pytest.mark.parametrize("text", ["nothing", "oci:nothing", "oci-archive:no:thing", "docker-archive:nothing.tar:x"])
def test_what_is_not_there(text: str) -> None:
    with pytest.raises(SourceNotFound, match="no"):
        parse_spec(text)


@pytest.mark.parametrize("text", ["", "oci:", "docker-archive:", "oci:dir:", "a\0b"])
def test_what_says_nothing(text: str) -> None:
    with pytest.raises(UsageError):
        parse_spec(text)


@pytest.mark.parametrize("text", ["docker://debian:12", "https://example.org/a.tar", "containers-storage:x", "dir:/x"])
def test_other_tools_prefixes_get_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text)
    assert "skopeo" in (caught.value.hint or "")
