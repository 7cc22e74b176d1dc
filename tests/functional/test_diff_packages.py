"""``diff --packages`` on databases that the package managers themselves wrote: rpm and pip; dpkg is in diff_levels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import Repo

SPEC = """\
Name: {name}
Version: {version}
Release: {release}
{epoch}
Summary: tiny
License: none
BuildArch: noarch
%description
Tiny.
%files
"""
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "Tiny_Project.py"
version = "{version}"
[tool.hatch.build.targets.wheel]
include = ["tiny.py"]
"""


def build_rpm(folder: Path, name: str, version: str, release: str = "1", epoch: str = "") -> Path:
    spec = folder / f"{name}.spec"
    line = f"Epoch: {epoch}" if epoch else ""
    spec.write_text(SPEC.format(name=name, version=version, release=release, epoch=line))
    command = ["rpmbuild", "--quiet", "-bb", "--define", f"_topdir {folder}", spec]
    subprocess.run(command, check=True, capture_output=True)
    return folder / f"RPMS/noarch/{name}-{version}-{release}.noarch.rpm"


def rpm(repo: Repo, database: str, *words: str | Path) -> str:
    command = ["rpm", "--root", repo.rootfs, "--dbpath", database, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("database", ["/var/lib/rpm", "/usr/lib/sysimage/rpm"])
def test_rpm(repo: Repo, tmp_path: Path, database: str) -> None:
    built = [
        build_rpm(tmp_path, "one", "1.0"),
        build_rpm(tmp_path, "two", "2.0~rc1", "3.fc40"),
        build_rpm(tmp_path, "three", "1.9", epoch="2"),
    ]
    (repo.rootfs / database[1:]).mkdir(parents=True)
    rpm(repo, database, "-i", *built)
    repo.commit("three packages")
    rpm(repo, database, "-U", build_rpm(tmp_path, "one", "1.0", "2"), build_rpm(tmp_path, "two", "2.0", "1.fc40"))
    rpm(repo, database, "-U", "--oldpackage", build_rpm(tmp_path, "three", "3.0", epoch="1"))
    rpm(repo, database, "-i", build_rpm(tmp_path, "four", "4"))
    assert repo.cli("diff", "--packages", "HEAD~1", "HEAD").lines == [
        "added  rpm  one    1.0-1",
        "added  rpm  three  2:1.9-1",
        "added  rpm  two    2.0~rc1-3.fc40",
        "3 added",
    ]
    repo.commit("upgraded")
    assert repo.cli("diff", "--packages", "HEAD~1", "HEAD").lines == [
        "added       rpm  four   4-1",
        "upgraded    rpm  one    1.0-1 → 1.0-2",
        "downgraded  rpm  three  2:1.9-1 → 1:3.0-1",
        "upgraded    rpm  two    2.0~rc1-3.fc40 → 2.0-1.fc40",
        "1 added, 2 upgraded, 1 downgraded",
    ]
    rpm(repo, database, "-e", "four")
    assert repo.cli("diff", "--packages").lines == ["removed  rpm  four  4-1", "1 removed"]
    repo.cli("rollback", "HEAD")
    repo.cli("rollback")
    assert sorted(rpm(repo, database, "-qa").split()) == [
        "one-1.0-1.noarch",
        "three-1.9-1.noarch",
        "two-2.0~rc1-3.fc40.noarch",
    ]


def pip(repo: Repo, folder: Path, version: str, *words: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "tiny.py").write_text(f"version = {version!r}\n")
    (folder / "pyproject.toml").write_text(PROJECT.format(version=version))
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    target = ["--root", str(repo.rootfs), "--prefix", "/usr", "--ignore-installed", "--root-user-action=ignore"]
    subprocess.run([sys.executable, "-m", "pip", "install", *quiet, *target, *words, folder], check=True)


def test_pip(repo: Repo, tmp_path: Path) -> None:
    pip(repo, tmp_path / "p", "1.0rc1")
    repo.commit("pip")
    [shown, count] = repo.cli("diff", "--packages", "HEAD~1", "HEAD").lines
    assert (shown.split(), count) == (["added", "pip", "tiny-project-py", "1.0rc1", *shown.split()[4:]], "1 added")
    [old] = (repo.rootfs / "usr").rglob("*.dist-info")
    subprocess.run(["rm", "-r", old], check=True)
    pip(repo, tmp_path / "p", "1.0")
    [shown, count] = repo.cli("diff", "--packages").lines
    assert "tiny-project-py  1.0rc1 → 1.0" in shown
    assert count == "1 upgraded"
    [new] = (repo.rootfs / "usr").rglob("*.dist-info")
    subprocess.run(["rm", "-r", new], check=True)
    assert repo.cli("diff", "--packages").lines[-1] == "1 removed"
