"""``layerctl init`` and how every verb finds its repository."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import Layerctl, Repo


def test_init_makes_a_private_repository_of_format_one(layerctl: Layerctl) -> None:
    layerctl("init")
    dot = layerctl.cwd / ".layerctl"
    assert stat.S_IMODE(dot.stat().st_mode) == 0o700
    assert (dot / "format").read_text().strip() == "1"


def test_init_makes_a_bare_git_repository_on_branch_main(empty_repo: Repo) -> None:
    assert empty_repo.git("rev-parse", "--is-bare-repository").strip() == "true"
    assert empty_repo.git("symbolic-ref", "HEAD").strip() == "refs/heads/main"


def test_init_makes_the_directory_it_is_given(layerctl: Layerctl) -> None:
    layerctl("init", "new/place")
    assert (layerctl.cwd / "new/place/.layerctl/git/HEAD").exists()


def test_init_copies_sample_hooks_that_are_not_active(empty_repo: Repo) -> None:
    shipped = {path.name for path in (Path(__file__).parents[2] / "hooks").iterdir()}
    hooks = list((empty_repo.dot / "hooks").iterdir())
    assert {hook.name for hook in hooks} == {f"{name}.sample" for name in shipped}
    assert len(shipped) > 8
    assert all(hook.stat().st_mode & 0o777 == 0o755 for hook in hooks)


def test_init_again_keeps_everything(repo: Repo) -> None:
    repo.write("etc/new", "x")
    before = repo.recorded()
    repo.cli.run("init", check=False)
    assert repo.recorded() == before
    assert repo.changes() == {"etc/new": "A"}


def test_verbs_find_the_repository_from_below(imported: Repo) -> None:
    below = imported.top / "a/b/c"
    below.mkdir(parents=True)
    assert imported.cli.json("log", cwd=below)[0]["message"] == "base"


def test_verbs_find_the_repository_from_inside_the_rootfs(repo: Repo) -> None:
    assert repo.cli.json("status", cwd=repo.rootfs / "etc")["mountpoint"] == str(repo.rootfs)


@pytest.mark.parametrize("how", ["-C", "--repo", "environment"])
def test_the_repository_can_be_named(imported: Repo, workdir: Path, how: str) -> None:
    elsewhere = workdir / "elsewhere"
    elsewhere.mkdir()
    options = {"-C": ["-C", imported.top], "--repo": ["--repo", imported.dot], "environment": []}[how]
    env = {"LAYERCTL_REPO": str(imported.dot)} if how == "environment" else {}
    assert imported.cli.run(*options, "--json", "log", cwd=elsewhere, env=env).json[0]["message"] == "base"


def test_dash_c_resolves_relative_arguments_there(layerctl: Layerctl, workdir: Path) -> None:
    (workdir / "there").mkdir()
    layerctl("-C", "../there", "init", "sub")
    assert (workdir / "there/sub/.layerctl").is_dir()


@pytest.mark.parametrize("verb", ["status", "log", "diff", "checkout", "branch", "tag", "reflog", "rollback"])
def test_outside_a_repository_every_verb_says_so(layerctl: Layerctl, verb: str) -> None:
    assert "layerctl init" in layerctl.fails(3, verb).stderr


def test_a_newer_format_is_refused(imported: Repo) -> None:
    (imported.dot / "format").write_text("2\n")
    assert "format" in imported.cli.fails(5, "log").stderr


def test_an_empty_repository_fsck_is_clean(empty_repo: Repo) -> None:
    assert "error" not in empty_repo.git("fsck", "--strict")


def test_init_does_not_need_git_on_the_path(layerctl: Layerctl) -> None:
    layerctl("init", env={"PATH": "/nonexistent"})
    assert (layerctl.cwd / ".layerctl/git/HEAD").exists()


def test_a_repository_of_another_owner_still_works_for_root(imported: Repo) -> None:
    subprocess.run(["chown", "-R", "1000:1000", imported.dot / "git"], check=True)
    os.chown(imported.dot, 1000, 1000)
    assert imported.cli.json("log")[0]["message"] == "base"
