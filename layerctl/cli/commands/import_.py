"""``layerctl import``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, BinaryIO

from layerctl.cli import documents
from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.message import given_message
from layerctl.cli.render.quantities import count_text, size_text
from layerctl.cli.text import printable
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session
    from layerctl.model.results import ImportResult

_EXAMPLES = """\
Examples:
  layerctl import debian.tar.zst -m 'Debian 12'
  curl -s https://example.org/rootfs.tar.gz | layerctl import -
  layerctl import docker-archive:app.tar:app:1.0 --branch app --tag v1
"""

app = App()


@app.command("import", epilog=_EXAMPLES)
def import_(
    session: Session,
    source: Annotated[
        str,
        Argument(
            metavar="SOURCE",
            help="A directory; a tar archive, plain or compressed with gzip, zstd, xz or bzip2 ('-': stdin); "
            "oci:DIR[:REF], oci-archive:FILE[:REF] or docker-archive:FILE[:REF].",
        ),
    ],
    message: Annotated[
        list[str] | None,
        Option("-m", "--message", metavar="MSG", help="The commit's message; again: a paragraph."),
    ] = None,
    branch: Annotated[
        str | None,
        Option("--branch", metavar="B", help="A new branch for it; by default the current one, if it is empty."),
    ] = None,
    tag: Annotated[str | None, Option("--tag", metavar="T", help="Tag the image.")] = None,
    change: Annotated[
        list[str] | None, Option("--change", metavar="INSTR", help="A Dockerfile instruction, such as 'ENV A=b'.")
    ] = None,
    platform: Annotated[
        str | None, Option("--platform", metavar="OS/ARCH", help="Which image of several; this machine's.")
    ] = None,
) -> None:
    """Make commits of a root filesystem that exists elsewhere.

    A directory or tar archive becomes one base image; an OCI or docker image one commit a layer, with its history.
    """
    if source == "-" and sys.stdin.isatty():
        raise UsageError("stdin is a terminal, not an archive", hint="pipe an archive into 'layerctl import -'")
    result = session.repository().import_image(
        source,
        message=given_message(message or (), None),
        branch=branch,
        tag=tag,
        changes=change or (),
        platform=platform,
        stdin=_stdin() if source == "-" else None,
    )
    for warning in result.warnings:
        session.out.warn(warning)
    if session.out.json:
        session.out.document(documents.imported(result))
    elif not session.out.quiet:
        session.out.line(_summary(result))


def _stdin() -> BinaryIO:
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def _summary(result: ImportResult) -> str:
    head = f"[{printable(result.branch)} {result.commits[-1].short}]"
    tags = f", tagged {', '.join(map(printable, result.tags))}" if result.tags else ""
    counts = f"{count_text(result.entries, 'path')}, {size_text(result.size)}"
    return f"{head} {counts} in {count_text(len(result.commits), 'commit')}{tags}"
