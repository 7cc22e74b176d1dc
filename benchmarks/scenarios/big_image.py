"""An image of very many files: what counts is what is done to it, not how large it is."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

from benchmarks import payloads
from benchmarks.bench import Bench
from benchmarks.clock import Commands
from benchmarks.results import Row
from benchmarks.tools import TOOLS
from benchmarks.tools.layerctl import Layerctl
from benchmarks.tools.tool import BASE, Ability, Place, Tool

_NAME = "big-image"
#: Bytes in each file, and when it was changed last.
_SIZE, _TIME = 200, 1_700_000_000


def big_image(bench: Bench) -> Iterator[Row]:
    """Import, checkout, a tiny commit, and what changed."""
    with ExitStack() as stack:
        archive = _archive(bench)
        tools = [_twin(bench, tool, archive, stack) for tool in bench.able(Ability.CHANGES)]
        count = f"{bench.sizes.image_directories * bench.sizes.image_files:,} files"
        yield from bench.side_by_side(_NAME, f"{count}: import", tools, _import)
        ours = [tool for tool in tools if isinstance(tool, Layerctl)]
        yield from bench.side_by_side(_NAME, f"{count}: checkout", ours, _checkout)

        @contextmanager
        def changed(tool: Tool, run: int) -> Iterator[None]:
            tool.have_base()
            with tool.box("box", BASE):
                tool.write("box", bench.payload(_NAME, run, payloads.one_file))
                yield

        @contextmanager
        def commit(tool: Tool, run: int) -> Iterator[Commands]:
            with changed(tool, run):
                yield tool.committing("box", f"committed{run}")

        @contextmanager
        def status(tool: Tool, run: int) -> Iterator[Commands]:
            with changed(tool, run):
                yield tool.listing("box")

        yield from bench.side_by_side(_NAME, f"{count}: commit one 3-byte file", tools, commit)
        yield from bench.side_by_side(_NAME, f"{count}: list the change of one file", tools, status)
    bench.forget_payload(_NAME)


def _archive(bench: Bench) -> Path:
    """The base image, with very many small files besides: containers must still run in it.

    No such files are made for it: ext4 is slow with what is made soon after so much was deleted.
    """
    folder = bench.place / "big"
    folder.mkdir()
    archive = folder / "big.tar"
    bench.call("cp", bench.base, archive)
    with tarfile.open(archive, "a") as tar:
        for number in range(bench.sizes.image_directories):
            directory = f"./usr/share/d{number // 100:02}/d{number:04}"
            tar.addfile(_member(directory, tarfile.DIRTYPE, 0))
            for index in range(bench.sizes.image_files):
                content = f"{number}/{index}\n".encode().ljust(_SIZE, b".")
                tar.addfile(_member(f"{directory}/f{index:03}", tarfile.REGTYPE, _SIZE), BytesIO(content))
    return archive


def _member(name: str, kind: bytes, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.mtime = kind, size, _TIME
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return member


def _twin(bench: Bench, tool: Tool, archive: Path, stack: ExitStack) -> Tool:
    """The same program with a store of its own and the big image as its base."""
    top = bench.place / "big" / tool.name
    top.mkdir()
    twin = TOOLS[tool.name](Place(top, archive, bench.env))
    stack.enter_context(twin.started())
    return twin


@contextmanager
def _import(tool: Tool, run: int) -> Iterator[Commands]:
    tool.clear()
    yield tool.importing(BASE)
    tool.imported()


@contextmanager
def _checkout(tool: Tool, run: int) -> Iterator[Commands]:
    assert isinstance(tool, Layerctl)
    tool.have_base()
    tool.call("umount", tool.rootfs)
    yield [tool.argv("checkout")]
