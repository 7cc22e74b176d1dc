"""The words that name an import source."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

from layerctl.errors import SourceNotFound, UsageError
from layerctl.values import frozen

_FOREIGN = re.compile(r"([a-z][a-z0-9+.-]+):")


class SourceKind(Enum):
    """Kinds of sources, by the prefix that asks for them."""

    DIRECTORY = "directory"
    TAR = "tar"
    STDIN = "-"
    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"


_PREFIXED = (SourceKind.OCI, SourceKind.OCI_ARCHIVE, SourceKind.DOCKER_ARCHIVE)


@frozen
class SourceSpec:
    """A source, understood.

    Attributes:
        kind: how to read it.
        path: where it is; meaningless for standard input.
        ref: which image of several; None to take the only one.
        text: as it was written.
    """

    kind: SourceKind
    path: Path
    ref: str | None
    text: str


def parse_spec(text: str) -> SourceSpec:
    """Understands ``DIR``, ``FILE``, ``-`` and the prefixes ``oci:``, ``oci-archive:`` and ``docker-archive:``.

    A directory or file whose name starts with such a prefix can be given as ``./oci:…``.

    Raises:
        UsageError: the text is empty, or has a prefix that nobody knows.
        SourceNotFound: nothing of that name is there.
    """
    if not text or "\0" in text:
        raise UsageError("the name of an import source is empty" if not text else "an import source's name has a NUL")
    if text == "-":
        return SourceSpec(SourceKind.STDIN, Path("-"), None, text)
    prefix, colon, rest = text.partition(":")
    for kind in _PREFIXED:
        if colon and prefix == kind.value:
            path, ref = _split(rest, kind)
            return SourceSpec(kind, path, ref, text)
    path = Path(text)
    if path.is_dir():
        return SourceSpec(SourceKind.DIRECTORY, path, None, text)
    if not path.exists():
        raise _unknown(text)
    return SourceSpec(SourceKind.TAR, path, None, text)


def _split(rest: str, kind: SourceKind) -> tuple[Path, str | None]:
    """Splits ``PATH[:REF]``: both may have colons, so the longest path that is there counts."""
    if not rest:
        raise UsageError(f"{kind.value}: needs a path", hint=f"for example {kind.value}:PATH[:REF]")
    if Path(rest).exists():
        return Path(rest), None
    cut = len(rest)
    while (cut := rest.rfind(":", 0, cut)) > 0:
        if Path(rest[:cut]).exists():
            return Path(rest[:cut]), _ref(rest[cut + 1 :], kind)
    raise SourceNotFound(f"no such file or directory: {rest!r}")


def _ref(text: str, kind: SourceKind) -> str:
    if not text:
        raise UsageError(f"the reference after {kind.value}:PATH: is empty", hint="leave the last colon out")
    return text


def _unknown(text: str) -> SourceNotFound | UsageError:
    match = _FOREIGN.match(text)
    if match is None:
        return SourceNotFound(f"no such file or directory: {text!r}")
    known = ", ".join(f"{kind.value}:" for kind in _PREFIXED)
    return UsageError(
        f"cannot import from {match[1]!r}: neither a file of that name nor a known prefix ({known})",
        hint=f"fetch the image first, for example: skopeo copy {text} oci:DIR",
    )
