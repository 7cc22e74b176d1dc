"""``hook list``, ``run``, ``enable`` and ``disable``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import Repo


def states(repo: Repo) -> dict[str, str]:
    return {hook["name"]: hook["state"] for hook in repo.cli.json("hook", "list")}


def test_a_sample_is_turned_on_and_off(empty_repo: Repo) -> None:
    folder = empty_repo.dot / "hooks"
    assert states(empty_repo)["pre-commit.secrets"] == "sample"
    made = empty_repo.cli.json("hook", "enable", "secrets")
    assert (made["name"], made["event"], made["state"]) == ("pre-commit.secrets", "pre-commit", "active")
    assert Path(made["path"]) == folder / "pre-commit.d/secrets"
    assert not (folder / "pre-commit.secrets.sample").exists()
    assert states(empty_repo)["pre-commit.secrets"] == "active"
    Path(made["path"]).write_text("#!/bin/sh\n# Mine.\n")
    gone = empty_repo.cli.json("hook", "disable", "pre-commit.secrets")
    assert (gone["state"], gone["summary"]) == ("sample", "Mine")
    assert (folder / "pre-commit.secrets.sample").read_text() == "#!/bin/sh\n# Mine.\n"
    assert list((folder / "pre-commit.d").iterdir()) == []


@pytest.mark.parametrize("name", ["secrets", "pre-commit.secrets", "pre-commit.secrets.sample"])
def test_every_spelling_of_a_sample(hooked: Repo, name: str) -> None:
    """Also of one that is not in the folder of hooks: layerctl's own is taken then."""
    made = hooked.cli.json("hook", "enable", name)
    assert Path(made["path"]).read_bytes() == (Path(__file__).parents[2] / "hooks/pre-commit.secrets").read_bytes()
    assert Path(made["path"]).stat().st_mode & 0o111
    assert hooked.cli.json("hook", "enable", name) == made  # once more does no harm
    assert hooked.cli("hook", "disable", name).stdout == ""
    assert states(hooked)["pre-commit.secrets"] == "sample"


def test_git_s_own_way_to_name_a_sample(hooked: Repo) -> None:
    hooked.hook("pre-run.sample", "exit 1").chmod(0o644)
    hooked.cli("hook", "enable", "pre-run")
    assert (hooked.dot / "hooks/pre-run").stat().st_mode & 0o111
    hooked.cli.run("run", "true", code=1)
    hooked.cli("hook", "disable", "pre-run")
    assert (hooked.dot / "hooks/pre-run.sample").exists()
    assert not (hooked.dot / "hooks/pre-run").exists()


def test_a_hook_that_is_not_executable_is_made_so(hooked: Repo) -> None:
    path = hooked.hook("pre-run", "exit 1")
    path.chmod(0o640)
    assert hooked.cli.json("hook", "enable", "pre-run")["state"] == "active"
    assert path.stat().st_mode & 0o777 == 0o750


def test_the_team_s_folder_is_meant_if_there_is_one(hooked: Repo) -> None:
    hooked.cli("config", "core.hooksPath", "team/hooks")
    hooked.cli("hook", "enable", "limits")
    assert (hooked.top / "team/hooks/pre-commit.d/limits").exists()


def test_what_there_is_in_words(hooked: Repo) -> None:
    hooked.hook("pre-commit", "# Say no to everything.\nexit 1")
    hooked.hook("commit-msg", "exit 1").chmod(0o644)
    hooked.hook("precommit", "exit 1")
    (hooked.dot / "hooks/post-commit").symlink_to("gone")
    lines = hooked.cli("hook", "list").lines
    assert lines[0].split(maxsplit=2) == ["active", "pre-commit", "Say no to everything"]
    assert "not executable  commit-msg" in lines
    assert "broken          post-commit" in lines
    assert "unknown event   precommit" in lines
    assert any(line.startswith("sample          pre-commit.smoke") for line in lines)
    assert len({line.index(line.split()[-1]) for line in lines[:1]}) == 1


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (3, "enable nope", "no hook or sample is called 'nope'"),
        (3, "enable pre-push", "no hook or sample is called 'pre-push'"),
        (3, "disable pre-push", "no hook or sample is called 'pre-push'"),
        (3, "run pre-push", "no hook 'pre-push' is active"),
        (3, "run nope", "no hook or sample is called 'nope'"),
        (3, "run --stdin gone secrets", "there is no file gone"),
        (2, "enable twice", "'twice' can be commit-msg.twice or pre-run.twice"),
        (1, "enable post-commit", "is a symlink that leads nowhere"),
        (1, "run post-run.d", "is a symlink that leads nowhere"),
        (4, "disable pre-run", "pre-run.sample exists already"),
        (2, "run", "missing argument"),
        (2, "enable", "missing argument"),
    ],
)
def test_what_is_wrong_is_said(hooked: Repo, code: int, words: str, message: str) -> None:
    for name in ("commit-msg.twice.sample", "pre-run.twice.sample", "pre-run", "pre-run.sample"):
        hooked.hook(name, "exit 0")
    (hooked.dot / "hooks/post-commit").symlink_to("gone")
    (hooked.dot / "hooks/post-run.d").mkdir()
    (hooked.dot / "hooks/post-run.d/d").symlink_to("gone")
    if words == "run post-run.d":
        words = "run d"
    assert message in hooked.cli.fails(code, "hook", *words.split()).stderr


# ------------------------------------------------------------------------------------------------------------- run

SHOW = 'echo "$LAYERCTL_HOOK|$*|$LAYERCTL_OLD|$LAYERCTL_NEW|$(cat)"'


def tried(repo: Repo, event: str, *arguments: str) -> str:
    repo.hook(event, SHOW)
    return repo.cli("hook", "run", event, *arguments).stderr.strip().removeprefix(f"{event}: ")


def test_each_event_is_tried_with_what_its_verb_would_give_it(hooked: Repo) -> None:
    base = hooked.head()
    one = hooked.commit_file("srv/n", "1")["commit"]
    zero = "0" * 40
    assert tried(hooked, "post-commit") == f"post-commit||{base}|{one}|"
    assert tried(hooked, "pre-rollback") == f"pre-rollback||{one}|{base}|"
    assert tried(hooked, "post-checkout", "a", "--json") == f"post-checkout|a --json|{one}|{one}|"
    assert tried(hooked, "post-import") == f"post-import|||{one}|"
    assert tried(hooked, "pre-gc") == "pre-gc||||"
    assert tried(hooked, "pre-push", "origin", "/srv/o") == (
        f"pre-push|origin /srv/o|||refs/heads/main {one} refs/heads/main {zero}"
    )
    assert tried(hooked, "reference-transaction") == f"reference-transaction|prepared|||{base} {one} refs/heads/main"
    (hooked.dot / "hooks/reference-transaction").unlink()
    hooked.write("etc/new", "x")
    *_, old, new, stdin = tried(hooked, "pre-commit").split("|")
    assert (old, new) == (one, "")
    assert [json.loads(line.removeprefix("pre-commit: "))["path"] for line in stdin.splitlines()] == ["etc", "etc/new"]


def test_commit_msg_is_tried_with_the_last_message(hooked: Repo) -> None:
    hooked.commit_file("srv/n", "1", "the subject")
    hooked.hook("commit-msg", 'cat "$1"; echo more >> "$1"')
    assert hooked.cli("hook", "run", "commit-msg").stderr == "commit-msg: the subject\n"
    (hooked.top / "message").write_text("another\n")
    assert hooked.cli("hook", "run", "commit-msg", "message").stderr == "commit-msg: another\n"
    assert (hooked.top / "message").read_text() == "another\nmore\n"
    assert hooked.cli.json("log")[0]["message"] == "the subject"


def test_a_hook_reads_what_it_is_given(hooked: Repo) -> None:
    hooked.hook("pre-commit", "cat")
    (hooked.top / "input").write_text("made up\n")
    assert hooked.cli("hook", "run", "--stdin", "input", "pre-commit").stderr == "pre-commit: made up\n"
    assert hooked.cli("hook", "run", "--stdin", "-", "pre-commit", input=b"typed").stderr == "pre-commit: typed\n"


def test_a_sample_is_tried_without_turning_it_on(hooked: Repo) -> None:
    hooked.write("srv/.env", "TOKEN=x")
    result = hooked.cli.run("hook", "run", "secrets", code=1)
    assert "pre-commit.secrets: /srv/.env: has the name of a file that holds secrets" in result.stderr
    assert result.lines == ["NO  pre-commit.secrets  refused (exit status 1)"]
    hooked.commit()


def test_the_exit_status_is_the_hook_s(hooked: Repo) -> None:
    hooked.hook("post-commit", "echo one")
    hooked.hook("post-commit.d/bad", "exit 7")
    hooked.hook("post-commit.d/last", "echo three")
    result = hooked.cli.run("--json", "hook", "run", "post-commit", code=7)
    assert result.json == [
        {"name": "post-commit", "status": 0, "problem": None},
        {"name": "post-commit.bad", "status": 7, "problem": "refused (exit status 7)"},
        {"name": "post-commit.last", "status": 0, "problem": None},
    ]
    hooked.hook("pre-run", "exit 3")
    hooked.hook("pre-run.d/last", "echo never")
    assert [run["name"] for run in hooked.cli.run("--json", "hook", "run", "pre-run", code=3).json] == ["pre-run"]


@pytest.mark.parametrize(("event", "inner"), [("pre-commit", "commit -m x"), ("reference-transaction", "tag v1")])
def test_it_is_tried_under_the_locks_of_its_verb(hooked: Repo, event: str, inner: str) -> None:
    hooked.hook(event, f"layerctl {inner}; exit $?")
    assert "the one whose hook this is" in hooked.cli.run("hook", "run", event, code=4).stderr
