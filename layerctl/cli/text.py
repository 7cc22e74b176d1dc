"""Text from elsewhere, made fit for a terminal and for JSON."""

from __future__ import annotations

import os
import re

_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")
#: Control characters except tab and newline, with the C1 block: what could move a cursor or change a colour.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: The same where bytes that are no UTF-8 stay as they are.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udc9f]")


def readable(text: str) -> str:
    """Bytes that were no UTF-8 become replacement characters."""
    return os.fsencode(text).decode("utf-8", "replace") if not text.isascii() else text


def printable(text: str) -> str:
    """Text of unknown origin for a terminal: control characters as ``?``."""
    return _CONTROL.sub("?", readable(text))


def for_terminal(text: str) -> str:
    """Text with colours for a terminal: what a container's file holds must not take over the terminal that shows it."""
    return "".join(part if index % 2 else _UNSAFE.sub("?", part) for index, part in enumerate(_COLOR.split(text)))


def one_line(text: str) -> str:
    """The same on one line."""
    return printable(" ".join(text.split()))
