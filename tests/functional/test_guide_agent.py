"""The guide for agents is one program: it runs, and each part of it prints what the guide says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.oracle import Listing, assert_same
from tests.support.cli import Layerctl

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/an-agents-sandbox.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
END = "-- the end of a part --"


def parts() -> list[tuple[str, str]]:
    """Each piece of the program with what it prints."""
    blocks = FENCE.findall(GUIDE.read_text())
    assert [kind for kind, _ in blocks] == ["python", "text"] * (len(blocks) // 2)
    return [(code, printed) for (_, code), (_, printed) in zip(blocks[::2], blocks[1::2], strict=True)]


def test_the_program_prints_what_the_guide_says(
    layerctl: Layerctl, busybox_tar: Path, busybox_tar_tree: Listing
) -> None:
    (layerctl.cwd / "rootfs.tar").symlink_to(busybox_tar)
    guide = parts()
    assert len(guide) > 5
    program = f"print({END!r}, flush=True)\n".join(code for code, _ in guide)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=layerctl.cwd,
        env=layerctl.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.split(f"{END}\n") == [printed for _, printed in guide]
    box = layerctl.cwd / "box"
    assert sorted(path.name for path in box.iterdir()) == [".layerctl", "rootfs"]
    base = layerctl("checkout", "--detach", "main", cwd=box).lines[0]
    assert_same(busybox_tar_tree, Path(base))
