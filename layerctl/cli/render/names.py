"""Paths for people: as they are, or quoted as Git quotes them."""

from __future__ import annotations

from layerctl.model.entry import Kind

_ESCAPES = {0x07: "\\a", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r"}
_ESCAPES |= {0x22: '\\"', 0x5C: "\\\\"}


def quote(path: bytes) -> str:
    """A path; in double quotes and with C escapes if it has quotes, backslashes or characters that do not print."""
    text = path.decode("utf-8", "surrogateescape")
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return f'"{"".join(_escape(character) for character in text)}"'


def _escape(character: str) -> str:
    if character.isprintable() and character not in '"\\':
        return character
    raw = character.encode("utf-8", "surrogateescape")
    return "".join(_ESCAPES.get(byte, f"\\{byte:03o}") for byte in raw)


def display(path: bytes, kind: Kind) -> str:
    """A path with a slash if it is a directory; ``/`` for the root."""
    return quote(path + b"/" if kind is Kind.DIR or not path else path)
