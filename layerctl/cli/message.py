"""Where a commit's message and author come from."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.cli.text import readable
from layerctl.errors import Declined, SourceNotFound, UsageError
from layerctl.model.commit import Author

if TYPE_CHECKING:
    from layerctl.cli.settings import Settings

_AUTHOR = re.compile(r"\s*([^<>\n]*[^<>\s])\s*<([^<>\n]*)>\s*\Z")
_HELP = (
    "",
    "# Write the message of the commit. Lines that start with '#' are left",
    "# out, and an empty message stops the commit.",
    "#",
)


def parse_author(text: str) -> Author:
    """``Name <email>`` as an author.

    Raises:
        UsageError: it is not of that form.
    """
    match = _AUTHOR.match(readable(text))
    if match is None:
        raise UsageError(
            f"'{text}' is not of the form 'Name <email>'", hint="for example --author 'Ada <ada@example.org>'"
        )
    return Author(match[1], match[2].strip())


def given_message(paragraphs: Sequence[str], file: str | None) -> str | None:
    """The message of ``-m`` or ``-F``; None if there is neither.

    Raises:
        UsageError: there are both, or the message is empty.
        layerctl.errors.SourceNotFound: there is no such file.
    """
    if paragraphs and file is not None:
        raise UsageError("-m and -F exclude each other", hint="give the message once")
    if not paragraphs and file is None:
        return None
    text = _read(file) if file is not None else "\n\n".join(paragraphs)
    message = readable(text).rstrip("\n")
    if not message.strip():
        raise UsageError("the commit message is empty", hint="say in a few words what changed, with -m")
    return message


def _read(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(errors="surrogateescape")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as exc:
        raise SourceNotFound(f"cannot read the message from {file}", hint="-F takes a file, or '-' for stdin") from exc


def edited_message(settings: Settings, configured: str | None, start: str, comments: Iterable[str]) -> str:
    """Lets the user write the message in an editor.

    Args:
        settings: names the editor.
        configured: ``core.editor`` of git's configuration.
        start: the text to start from.
        comments: lines shown below it.

    Raises:
        Declined: the message is empty, or the editor failed.
    """
    import subprocess  # noqa: PLC0415 (slow to load, and mostly not needed)
    import tempfile  # noqa: PLC0415

    editor = settings.editor or configured or settings.fallback_editor
    template = "\n".join([start, *_HELP, *(f"#{' ' if line else ''}{line}" for line in comments)])
    with tempfile.TemporaryDirectory(prefix="layerctl-") as folder:
        path = Path(folder, "COMMIT_EDITMSG")
        path.write_text(template + "\n", errors="surrogateescape")
        if subprocess.run(f"{editor} {shlex.quote(str(path))}", shell=True).returncode != 0:
            raise Declined(f"the editor '{editor}' failed", hint="set EDITOR, or give the message with -m")
        return _without_comments(path.read_text(errors="surrogateescape"))


def _without_comments(text: str) -> str:
    lines = [line.rstrip() for line in readable(text).splitlines() if not line.startswith("#")]
    message = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    if not message:
        raise Declined("the commit message is empty; nothing was committed", hint="write one, or use -m")
    return message
