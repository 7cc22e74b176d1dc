"""``layerctl config``: the settings of the repository, kept where plain git finds them."""

from __future__ import annotations

from tests.support.cli import Repo


def test_a_value_set_is_read_back(empty_repo: Repo) -> None:
    empty_repo.cli("config", "user.name", "Config Name")
    assert empty_repo.cli("config", "user.name").stdout == "Config Name\n"
    assert empty_repo.git("config", "user.name") == "Config Name\n"


def test_an_unset_key_is_a_no(empty_repo: Repo) -> None:
    result = empty_repo.cli.run("config", "layerctl.nothing", check=False)
    assert result.code in (1, 3)
    assert result.out == b""


def test_a_key_that_is_no_key_is_usage(empty_repo: Repo) -> None:
    assert empty_repo.cli.run("config", "nodot", "x", check=False).code == 2


def test_the_repository_config_names_the_author(repo: Repo) -> None:
    repo.cli("config", "user.name", "Config Name")
    repo.cli("config", "user.email", "config@example.org")
    repo.write("etc/new", "x")
    repo.cli("commit", "-m", "x", env={"LAYERCTL_AUTHOR_NAME": None, "LAYERCTL_AUTHOR_EMAIL": None})
    assert repo.git("log", "-1", "--format=%an <%ae>").strip() == "Config Name <config@example.org>"


def test_the_environment_beats_the_config(repo: Repo) -> None:
    repo.cli("config", "user.name", "Config Name")
    repo.commit("x", "--allow-empty")
    assert repo.git("log", "-1", "--format=%an").strip() == "Test Author"


def test_sync_can_be_traded_for_speed(repo: Repo) -> None:
    repo.cli("config", "layerctl.sync", "false")
    repo.commit_file("etc/new", "x")
    assert repo.cli("show", "HEAD:etc/new").out == b"x"


def test_import_limits_are_settings(empty_repo: Repo, busybox_tar: object) -> None:
    before = empty_repo.recorded()
    empty_repo.cli("config", "import.maxEntries", "10")
    assert "entries" in empty_repo.cli.fails(5, "import", str(busybox_tar)).stderr
    empty_repo.cli("config", "import.maxEntries", "100000")
    empty_repo.cli("import", str(busybox_tar))
    assert before != empty_repo.recorded()


def test_config_as_json(empty_repo: Repo) -> None:
    empty_repo.cli("config", "user.name", "Config Name")
    assert "Config Name" in str(empty_repo.cli.json("config"))
