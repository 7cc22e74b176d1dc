"""``layerctl doctor``: what this machine can and cannot do."""

from __future__ import annotations

from pathlib import Path

from tests.support.cli import Layerctl, Repo


def test_doctor_works_without_a_repository(layerctl: Layerctl) -> None:
    printed = layerctl("doctor").stdout
    assert "overlay" in printed
    assert "runc" in printed


def test_doctor_in_a_repository(repo: Repo) -> None:
    assert "overlay" in repo.cli("doctor").stdout


def test_doctor_leaves_nothing_behind(repo: Repo) -> None:
    before = repo.recorded()
    repo.cli("doctor")
    assert repo.recorded() == before


def test_doctor_json(repo: Repo) -> None:
    assert "runc" in str(repo.cli.json("doctor"))


def test_a_missing_runtime_is_named(layerctl: Layerctl, workdir: Path) -> None:
    (workdir / "empty").mkdir()
    here = layerctl.run("doctor", check=False).stdout
    without = layerctl.run("doctor", check=False, env={"PATH": str(workdir / "empty")})
    assert without.code in (0, 6)
    assert without.stdout != here
    assert "runc" in without.stdout


def test_a_machine_without_privilege_is_described(layerctl: Layerctl, public_dir: Path) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    result = layerctl.run("doctor", cwd=public_dir, prefix=nobody, check=False)
    assert result.code in (0, 6)
    assert "overlay" in result.stdout
