"""``diff --packages``, ``--config`` and ``--stat``: what a change means, on a real Debian rootfs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import Layerctl, Repo

pytestmark = pytest.mark.xdist_group("debian")


def _deb(folder: Path, version: str) -> Path:
    control = folder / "tiny/DEBIAN/control"
    control.parent.mkdir(parents=True, exist_ok=True)
    control.write_text(
        f"Package: tiny\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@e.org>\nDescription: tiny\n more\n"
    )
    target = folder / f"tiny-{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder / "tiny", target], check=True, capture_output=True)
    return target


def _dpkg(repo: Repo, *words: str | Path) -> None:
    command = ["dpkg", f"--root={repo.rootfs}", "--force-script-chrootless", "--force-depends", *words]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def debian(module_workdir: Path, minbase_tar: Path) -> Repo:
    """debian — tiny 1.0-9 — tiny 1.0-10 without gpgv; one package not committed. Only to be looked at."""
    for name in ("top", "home", "deb"):
        (module_workdir / name).mkdir()
    cli = Layerctl(module_workdir / "top", module_workdir / "home")
    cli("init")
    cli("import", minbase_tar, "-m", "debian", "--change", 'CMD ["sh"]', "--change", "ENV A=1 B=1")
    cli("checkout")
    repo = Repo(cli.cwd, cli)
    for folder in ("info", "updates", "triggers"):
        (repo.rootfs / "var/lib/dpkg" / folder).mkdir(parents=True, exist_ok=True)
    (repo.rootfs / "var/lib/dpkg/status").touch()
    _dpkg(repo, "-i", _deb(module_workdir / "deb", "1.0-9"))
    repo.commit("tiny", "--change", "ENV A=2", "--change", "LABEL maintained=yes", "--change", "EXPOSE 80")
    _dpkg(repo, "-i", _deb(module_workdir / "deb", "1.0-10"))
    repo.commit("more of tiny", "--change", "USER app")
    _dpkg(repo, "-r", "tiny")
    (repo.rootfs / "opt/app/node_modules/left-pad").mkdir(parents=True)
    (repo.rootfs / "opt/app/node_modules/left-pad/package.json").write_text('{"version": "1.3.0"}')
    return repo


def test_packages_between_commits(debian: Repo) -> None:
    lines = debian.cli("diff", "--packages", "HEAD~2", "HEAD~1").lines
    assert lines == ["added  dpkg  tiny  1.0-9", "1 added"]
    assert debian.cli("diff", "--packages", "HEAD~1", "HEAD").lines[0] == "upgraded  dpkg  tiny  1.0-9 → 1.0-10"
    assert debian.cli("diff", "--packages", "HEAD", "HEAD~1").lines[0] == "downgraded  dpkg  tiny  1.0-10 → 1.0-9"


def test_packages_of_the_rootfs(debian: Repo) -> None:
    assert debian.cli("diff", "--packages").lines == [
        "removed  dpkg  tiny      1.0-10",
        "added    npm   left-pad  1.3.0   (/opt/app/node_modules)",
        "1 added, 1 removed",
    ]
    assert debian.cli("diff", "--packages", "--", "/opt").lines[0].startswith("added  npm  left-pad")


def test_packages_json(debian: Repo) -> None:
    document = debian.cli.json("diff", "--packages", "HEAD~1", "HEAD")
    assert document["packages"] == [
        {
            "kind": "upgraded",
            "ecosystem": "dpkg",
            "name": "tiny",
            "architecture": "all",
            "location": None,
            "old_version": "1.0-9",
            "new_version": "1.0-10",
        }
    ]
    assert document["unread"] == []
    plain = debian.cli.json("diff", "HEAD~1", "HEAD")
    assert set(plain) == {"from", "to", "changes"}
    assert document == plain | {key: document[key] for key in ("packages", "unread")}


def test_config(debian: Repo) -> None:
    assert debian.cli("diff", "--config", "HEAD~2", "HEAD").lines == [
        "M  Env.A                1 → 2",
        "A  ExposedPorts.80/tcp",
        "A  Labels.maintained    yes",
        "A  User                 app",
    ]
    assert debian.cli("diff", "--config", "HEAD~1").lines == ["A  User  app"]
    assert debian.cli("diff", "--config").lines == []
    [change] = debian.cli.json("diff", "--config", "HEAD~1")["config"]
    assert change == {"kind": "A", "key": "User", "old": None, "new": "app"}


def test_stat_json_has_totals(debian: Repo) -> None:
    document = debian.cli.json("diff", "--stat", "HEAD~1", "HEAD")
    changes = [change for change in document["changes"] if change["what"] != ["mtime"]]
    totals = document["totals"]
    assert set(totals) == {"added", "modified", "deleted", "bytes_added", "bytes_removed"}
    assert totals["deleted"] == len([change for change in changes if change["kind"] == "D"])
    assert totals["bytes_added"] == sum(
        change["new_size"] for change in changes if change["kind"] == "A" or "content" in change["what"]
    )


def test_stat_has_the_biggest_first(debian: Repo) -> None:
    *rows, total = debian.cli("diff", "--stat", "HEAD~2", "HEAD").lines
    assert "var/lib/dpkg/status" in rows[0]
    assert re.search(r"\d+ added, .*; \+", total)


def test_levels_are_shown_together_and_one_after_the_other(debian: Repo) -> None:
    text = debian.cli("diff", "--stat", "--packages", "--config", "-p", "HEAD~2", "HEAD", "--", "var/lib/dpkg").stdout
    stat, packages, config, patch = text.split("\n\n", 3)
    assert " | " in stat
    assert packages.startswith("added")
    assert config.startswith("M  Env.A")
    assert patch.startswith("diff --layerctl")


def test_exit_status_is_that_of_the_levels_asked_for(debian: Repo) -> None:
    for words, code in (
        (("--packages", "HEAD~1", "HEAD"), 1),
        (("--packages", "HEAD", "HEAD"), 0),
        (("--config", "HEAD~1", "HEAD"), 1),
        (("--config", "HEAD"), 0),
        (("--packages", "HEAD", "--", "/opt/app/other"), 0),
    ):
        debian.cli.run("diff", "--exit-code", *words, code=code)
    assert debian.cli.run("-q", "diff", "--packages", "HEAD~1", "HEAD", code=1).out == b""


def test_a_database_that_cannot_be_read_is_a_warning(repo: Repo) -> None:
    repo.write("var/lib/rpm/Packages", "old rpm")
    result = repo.cli("diff", "--packages")
    assert result.out == b""
    assert (
        result.stderr == "warning: /var/lib/rpm/Packages is in the Berkeley DB format of rpm, which is not supported\n"
    )
    assert repo.cli.json("diff", "--packages")["unread"][0]["path"] == "var/lib/rpm/Packages"
