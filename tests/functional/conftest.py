"""Repositories to be damaged."""

from __future__ import annotations

import subprocess

import pytest

from layerctl import Repository
from tests.support.cli import Layerctl, Repo
from tests.support.damage import Two


@pytest.fixture(scope="session")
def two_once(tmp_path_factory: pytest.TempPathFactory) -> Two:
    folder = tmp_path_factory.mktemp("two")
    for name in ("top", "home", "source/etc"):
        (folder / name).mkdir(parents=True)
    (folder / "source/etc/motd").write_text("hello\n")
    cli = Layerctl(folder / "top", folder / "home")
    repo = Repo(cli.cwd, cli)
    cli("init")
    cli("import", folder / "source", "-m", "base")
    cli("checkout")
    one = repo.commit_file("srv/data/one", "one\n")
    second = repo.commit_file("srv/data/two", "two\n")
    subprocess.run(["umount", repo.rootfs], check=True)
    return Two(repo, one, second)


@pytest.fixture
def two(two_once: Two, layerctl: Layerctl) -> Two:
    """A copy of it to break."""
    subprocess.run(["cp", "-a", two_once.repo.dot, layerctl.cwd], check=True)
    return Two(Repo(layerctl.cwd, layerctl), two_once.one, two_once.second)


@pytest.fixture(scope="session")
def compacted_once(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository whose history is mounted through compacted runs."""
    folder = tmp_path_factory.mktemp("compacted")
    for name in ("deep", "deep-home", "deep-source/etc"):
        (folder / name).mkdir(parents=True)
    (folder / "deep-source/etc/motd").write_text("hello\n")
    cli = Layerctl(folder / "deep", folder / "deep-home")
    cli("init")
    repository = Repository.open(cli.cwd)
    repository.set_config("layerctl.sync", "false")
    repository.import_image(str(folder / "deep-source"))
    repository.checkout()
    for number in range(26):
        (cli.cwd / f"rootfs/f{number % 20}").write_text(str(number))
        repository.commit(str(number))
    for _ in range(2):
        repository.commit("empty", allow_empty=True)
    subprocess.run(["umount", cli.cwd / "rootfs"], check=True)
    return Repo(cli.cwd, cli)


@pytest.fixture
def compacted(compacted_once: Repo, layerctl: Layerctl) -> Repo:
    """A copy of it to break."""
    subprocess.run(["cp", "-a", compacted_once.dot, layerctl.cwd], check=True)
    return Repo(layerctl.cwd, layerctl)
