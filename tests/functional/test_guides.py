"""Each guide in docs/guides works word for word: its commands are run, and print what it says.

``LAYERCTL_UPDATE_GOLDEN=1`` writes what they print into the guides; look at the difference before committing it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import COMMAND, Layerctl, assert_no_crash

GUIDES = Path(__file__).resolve().parents[2] / "docs/guides"
#: Those whose examples begin with ``rootfs.tar`` in an empty folder.
NAMES = ("undo-a-bad-upgrade", "find-the-commit-that-broke-it")
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


@pytest.mark.parametrize("name", NAMES)
def test_guide(name: str, layerctl: Layerctl, busybox_tar: Path) -> None:
    (layerctl.cwd / "rootfs.tar").symlink_to(busybox_tar)
    follow(layerctl, name)


def follow(layerctl: Layerctl, name: str) -> None:
    """Runs a guide's commands and compares what they print."""
    path = GUIDES / f"{name}.md"
    text = path.read_text()
    run = runner(layerctl)
    blocks = CONSOLE.findall(text)
    assert len(blocks) > 4
    for block in blocks:
        printed = "".join(f"$ {command}\n{run(command)}" for command in commands(block))
        if os.environ.get("LAYERCTL_UPDATE_GOLDEN") and plain(printed) != plain(block):
            text = text.replace(f"```console\n{block}```", f"```console\n{printed}```")
            path.write_text(text)
        else:
            assert plain(printed) == plain(block)


def commands(block: str) -> list[str]:
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]


def runner(layerctl: Layerctl) -> Callable[[str], str]:
    """Runs a line in a shell that knows layerctl, and gives what a terminal would show."""
    wrapper = layerctl.cwd.parent / "bin/layerctl"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    wrapper.chmod(0o755)
    env = layerctl.environment({"PATH": f"{wrapper.parent}:{layerctl.env['PATH']}", "COLUMNS": "100"})

    def run(line: str) -> str:
        done = subprocess.run(
            ["sh", "-euc", line], cwd=layerctl.cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert_no_crash(done.stdout)
        shown = done.stdout.decode().replace(str(layerctl.cwd), "/srv/box")
        assert done.returncode == 0, (line, shown)
        return re.sub(r"[ \t]+$", "", shown, flags=re.M)

    return run


def plain(text: str) -> str:
    """Without what differs each time: ids and dates."""
    text = re.sub(r"\b[0-9a-f]{40}\b", "COMMIT", text)
    text = re.sub(r"\b[0-9a-f]{7}\b", "COMMIT", text)
    return re.sub(r"^(Date: +).*$|\d+ (second|minute)s? ago", r"\1DATE", text, flags=re.M)
