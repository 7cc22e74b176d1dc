"""What verbs make of their words, and what they print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from layerctl.errors import Declined, UsageError
from layerctl.model.commit import Author
from layerctl.model.results import (
    Check,
    CheckoutResult,
    CommitResult,
    Diff,
    ImportResult,
    PathView,
    RollbackResult,
    Tag,
    UndoResult,
)
from tests.unit.cli.conftest import Cli, FakeRepository
from tests.unit.cli.samples import BASE, ONE, SIDE, TWO, changes, file, history, layer

Captured = pytest.CaptureFixture[str]


def test_checkout_prints_the_mount_point_alone_on_stdout(
    cli: Cli, repository: FakeRepository, capsys: Captured
) -> None:
    repository.answers["checkout"] = CheckoutResult("default", ONE, None, "/srv/root", parked=4)
    cli("checkout", "v1", "--at", "x", "--discard")
    assert repository.arguments("checkout")[1]["at"] == Path("x")
    out, err = capsys.readouterr()
    assert out == "/srv/root\n"
    assert "detached at 1111111" in err
    assert "'layerctl undo'" in err


def test_checkout_quiet_says_nothing_besides(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers["checkout"] = CheckoutResult("default", ONE, "main", "/srv/root")
    cli("-q", "checkout")
    assert capsys.readouterr() == ("/srv/root\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-m", "a", "-m", "b\n"), "a\n\nb"),
        (("-m", "# kept\n\n# too"), "# kept\n\n# too"),
        (("-F", "{file}"), "from file"),
    ],
)
def test_commit_messages(
    cli: Cli, repository: FakeRepository, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "file").write_text("from file\n\n")
    repository.answers["commit"] = CommitResult(ONE, "main", "a", layer(), root=False)
    cli("commit", *(word.format(file=tmp_path / "file") for word in words))
    assert repository.arguments("commit")[0] == (message,)


def test_commit_prints_what_git_prints(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers["commit"] = CommitResult(ONE, "main", "The subject", layer(3, 1, 2), root=False)
    cli("commit", "-m", "The subject")
    assert capsys.readouterr().out == "[main 1111111] The subject\n 3 added, 1 modified, 2 deleted, 1.2 MB (sealed)\n"


def test_commit_with_everything(cli: Cli, repository: FakeRepository) -> None:
    repository.answers["commit"] = CommitResult(ONE, None, "x", layer(), root=False)
    cli("commit", "-mx", "--author", "Ada L <a@b>", "--date", "@0", "--no-verify", "--exclude", "*.o", "/etc/x", "./y/")
    _, keywords = repository.arguments("commit")
    assert keywords["author"] == Author("Ada L", "a@b")
    assert keywords["date"] == datetime.fromtimestamp(0, UTC)
    assert (keywords["verify"], keywords["pause"]) == (False, True)
    assert keywords["exclude"] == ["*.o"]
    assert keywords["paths"] == [b"etc/x", b"y"]


@pytest.mark.parametrize("words", [(), ("-m", ""), ("-m", "a", "-F", "b"), ("-m", "x", "--author", "nobody")])
def test_commit_that_makes_no_sense(cli: Cli, repository: FakeRepository, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        cli("commit", *words)
    assert repository.calls == []


def test_amend_without_a_terminal_keeps_the_message(cli: Cli, repository: FakeRepository) -> None:
    repository.answers["commit"] = CommitResult(ONE, "main", "x", layer(), root=False)
    cli("commit", "--amend")
    assert repository.arguments("commit")[0] == (None,)


def test_import_prints_warnings_on_stderr(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers["import_image"] = ImportResult(
        (BASE, ONE), "main", ("v1",), 1204, 5_000_000, ("no\033[1m socket",)
    )
    cli("import", "x.tar")
    out, err = capsys.readouterr()
    assert out == "[main 1111111] 1,204 paths, 5.0 MB in 2 commits, tagged v1\n"
    assert err == "warning: no?[1m socket\n"


def test_rollback(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers |= {"rollback": RollbackResult(TWO, ONE, 9, True, "main", "/x"), "log": iter(history()[3:])}
    cli("rollback", "-n", "2", "--stop")
    assert repository.arguments("rollback") == ((None,), {"count": 2, "discard": False, "stop": True})
    out = capsys.readouterr().out
    assert "main: 2222222 → 1111111 Install nginx" in out
    assert "undo" in out
    assert "Parked" in out


@pytest.mark.parametrize("words", [("HEAD", "-n", "1"), ("-n", "0")])
def test_rollback_that_makes_no_sense(cli: Cli, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        cli("rollback", *words)


def test_log_takes_ranges_paths_and_numbers(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers["log"] = iter(history())
    cli("log", "-5", "v1..main", "^x", "--oneline", "--", "/etc", "-3")
    args, keywords = repository.arguments("log")
    assert args == (["v1..main", "^x"],)
    assert keywords["limit"] == 5
    assert keywords["paths"] == [b"etc", b"-3"]
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_log_graph_of_paths_joins_what_is_shown(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    shown = [entry for entry in history() if entry.commit.id in (TWO, SIDE, BASE)]
    everything = iter(history())
    answers = iter([iter(shown), everything])
    repository.answers["log"] = None
    repository.__dict__["log"] = lambda *args, **kwargs: next(answers)
    cli("log", "--graph", "--oneline", "--", "etc")
    assert [line.split()[0:2] for line in capsys.readouterr().out.splitlines()] == [
        ["*", TWO.short],
        ["|", "*"],
        ["|/"],
        ["*", BASE.short],
    ]


@pytest.mark.parametrize(
    ("words", "sides"),
    [
        ((), (None, None)),
        (("a",), ("a", None)),
        (("a", "b"), ("a", "b")),
        (("a..b",), ("a", "b")),
        (("a..",), ("a", "HEAD")),
    ],
)
def test_diff_sides(
    cli: Cli, repository: FakeRepository, words: tuple[str, ...], sides: tuple[str | None, ...]
) -> None:
    repository.answers["diff"] = Diff(ONE, TWO, ())
    assert cli("diff", "--exit-code", *words) == 0
    assert repository.arguments("diff")[0] == sides


def test_diff_without_dashes_finds_paths(cli: Cli, repository: FakeRepository, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "main").touch()
    repository.mountpoint = tmp_path
    repository.answers |= {"diff": Diff(ONE, None, ()), "revisions": {"main"}}
    cli("diff", "main", "etc", "etc/x")
    args, keywords = repository.arguments("diff")
    assert args == ("main", None)
    assert keywords["paths"] == [b"etc", b"etc/x"]


def test_exit_code_ignores_noise(cli: Cli, repository: FakeRepository) -> None:
    noise = tuple(change for change in changes() if change.is_noise)
    repository.answers["diff"] = Diff(ONE, None, noise)
    assert cli("diff", "--exit-code") == 0
    repository.answers["diff"] = Diff(ONE, None, changes())
    assert cli("diff", "--exit-code") == 1
    assert cli("diff") == 0


def test_diff_of_three_is_refused(cli: Cli) -> None:
    with pytest.raises(UsageError):
        cli("diff", "a", "b", "c")


def test_name_status_with_nul(cli: Cli, repository: FakeRepository, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    repository.answers["diff"] = Diff(ONE, None, tuple(change for change in changes() if b"ab" in change.path))
    cli("diff", "--name-status", "-z")
    assert capfdbinary.readouterr().out == b"A\0etc/t\tab\xff\0"


@pytest.mark.parametrize(
    ("argument", "revision", "path"),
    [
        ("HEAD:etc/motd", "HEAD", b"etc/motd"),
        ("v1:/etc/", "v1", b"etc"),
        ("main@{2026-01-01 10:00}:a:b", "main@{2026-01-01 10:00}", b"a:b"),
        (":x", "HEAD", b"x"),
        ("v1:", "v1", b""),
    ],
)
def test_show_splits_revision_and_path(
    cli: Cli,
    repository: FakeRepository,
    capfdbinary: pytest.CaptureFixture[bytes],
    argument: str,
    revision: str,
    path: bytes,
) -> None:
    repository.answers["show_path"] = PathView(path, file(b"x"), (), iter([b"\0raw", b"\xff"]))
    cli("show", argument)
    assert repository.arguments("show_path")[0] == (revision, path)
    assert capfdbinary.readouterr().out == b"\0raw\xff"


def test_show_of_an_annotated_tag_begins_with_its_message(
    cli: Cli, repository: FakeRepository, capsys: Captured
) -> None:
    repository.answers |= {"show": (history()[1], Diff(ONE, TWO, changes())), "tags": [Tag("v2", TWO, "Second")]}
    cli("show", "v2")
    assert capsys.readouterr().out.startswith(f"tag v2\n\nSecond\n\ncommit {TWO.hex} (tag: v2)\n")


def test_tags_and_branches_are_made_in_silence(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers |= {"create_tag": Tag("v1", ONE, "x"), "create_branch": None}
    cli("tag", "v1", "HEAD~2", "-m", "x", "-f")
    cli("branch", "b")
    assert repository.arguments("create_tag") == (("v1", "HEAD~2"), {"message": "x", "force": True})
    assert repository.arguments("create_branch") == (("b", "HEAD"), {"force": False})
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("words", [("tag", "-d"), ("tag", "-m", "x"), ("branch", "-D"), ("branch", "-d", "a", "b")])
def test_tags_and_branches_need_a_name(cli: Cli, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        cli(*words)


def test_deleting_says_where_it_was(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers |= {"delete_tag": ONE, "delete_branch": TWO}
    cli("tag", "-d", "v1")
    cli("branch", "-D", "b")
    assert repository.arguments("delete_branch")[1] == {"force": True}
    assert capsys.readouterr().out == "Deleted tag v1 (was 1111111)\nDeleted branch b (was 2222222)\n"


def test_config(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers |= {"get_config": "v", "set_config": None, "list_config": [("a.b", "c")]}
    cli("config", "a.b")
    cli("config", "a.b", "c")
    cli("config", "--unset", "a.b")
    cli("config", "--list")
    assert capsys.readouterr().out == "v\na.b=c\n"
    assert [args for name, args, _ in repository.calls if name == "set_config"] == [("a.b", "c"), ("a.b", None)]


def test_config_of_what_is_not_set(cli: Cli, repository: FakeRepository) -> None:
    repository.answers["get_config"] = None
    with pytest.raises(Declined):
        cli("config", "a.b")


def test_undo(cli: Cli, repository: FakeRepository, capsys: Captured) -> None:
    repository.answers["undo"] = UndoResult(10, 9, "layerctl rollback", True)
    cli("undo")
    assert capsys.readouterr().out.splitlines()[0] == "Took back operation 9: layerctl rollback"
    cli("undo", "--json")
    assert json.loads(capsys.readouterr().out)["undone"] == 9


@pytest.mark.parametrize(("needed", "status"), [(True, 6), (False, 0)])
def test_doctor_fails_only_for_what_is_needed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: Captured, needed: bool, status: int
) -> None:
    checks = [Check("a", True, "fine"), Check("b", False, "bad", "do", needed=needed)]
    monkeypatch.setattr("layerctl.ops.repository.Repository.doctor", lambda *args: checks)
    assert cli("doctor") == status
    assert "hint: do" in capsys.readouterr().out
