"""``scripts/demo``, which ``make demo`` runs: the whole loop with the real command line, proved file by file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.cli import COMMAND, Layerctl

PROJECT = Path(__file__).resolve().parents[2]
PROOF = "rolled-back rootfs equals the committed one"


@pytest.fixture
def programs(workdir: Path) -> Path:
    """A directory for PATH with ``layerctl`` in it, installed or not."""
    place = workdir / "programs"
    place.mkdir()
    _script(place / "layerctl", f'exec {" ".join(COMMAND)} "$@"')
    return place


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _demo(script: Path, cli: Layerctl, programs: Path) -> str:
    env = cli.environment({"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(programs.parent)})
    done = subprocess.run([sys.executable, script], cwd=cli.cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return done.stdout


@pytest.mark.serial
@pytest.mark.timeout(180)
def test_the_demo_proves_itself_in_under_two_minutes(layerctl: Layerctl, programs: Path) -> None:
    start = time.monotonic()
    assert PROOF in _demo(PROJECT / "scripts/demo", layerctl, programs)
    assert time.monotonic() - start < 120


def test_without_a_mirror_the_demo_runs_on_busybox(layerctl: Layerctl, programs: Path, workdir: Path) -> None:
    _script(programs / "mmdebstrap", "exit 1")
    (workdir / "copy").mkdir()
    scripts = shutil.copytree(PROJECT / "scripts", workdir / "copy/scripts")
    shown = _demo(scripts / "demo", layerctl, programs)
    assert "busybox" in shown
    assert PROOF in shown


def test_the_demo_leaves_nothing_mounted_and_no_files(layerctl: Layerctl, programs: Path, workdir: Path) -> None:
    _script(programs / "mmdebstrap", "exit 1")
    (workdir / "copy").mkdir()
    before = set(os.listdir(workdir))
    scripts = shutil.copytree(PROJECT / "scripts", workdir / "copy/scripts")
    _demo(scripts / "demo", layerctl, programs)
    assert set(os.listdir(workdir)) == before
