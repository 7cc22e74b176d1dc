"""``layerctl grep``: lines of a commit's files, or of the rootfs as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.model.search import Query
from layerctl.ops import grep as grep_module
from tests.support.cli import Repo


@pytest.fixture(scope="module")
def searched(shared_repo: Repo) -> Repo:
    """A history in which a needle moves; the rootfs has one that is not committed. Only to be looked at."""
    repo = shared_repo
    repo.write("srv/a", "needle one\nhay\nanother needle\n")
    repo.write("srv/deep/b", "Needle\n")
    repo.write("srv/bin", b"\0needle\n")
    repo.commit("first")
    repo.write("srv/a", "hay\n")
    repo.write("srv/copy", "needle one\nhay\nanother needle\n")
    os.link(repo.rootfs / "srv/copy", repo.rootfs / "srv/linked")
    repo.commit("second")
    repo.write("srv/live", "needle, not committed\n")
    (repo.rootfs / "srv/copy").unlink()
    (repo.rootfs / "srv/soft").symlink_to("live")
    os.mkfifo(repo.rootfs / "srv/fifo")
    return repo


def test_the_rootfs_as_it_is(searched: Repo) -> None:
    assert searched.cli("grep", "needle").lines == [
        "Binary file srv/bin matches",
        "srv/linked:needle one",
        "srv/linked:another needle",
        "srv/live:needle, not committed",
    ]


def test_a_commit(searched: Repo) -> None:
    assert searched.cli("grep", "-n", "needle", "HEAD~1").lines == [
        "HEAD~1:srv/a:1:needle one",
        "HEAD~1:srv/a:3:another needle",
        "Binary file HEAD~1:srv/bin matches",
    ]
    assert searched.cli("grep", "needle one", "HEAD").lines == [
        "HEAD:srv/copy:needle one",
        "HEAD:srv/linked:needle one",
    ]


def test_options(searched: Repo) -> None:
    cli = searched.cli
    assert cli("grep", "-il", "NEEDLE", "HEAD~1").lines == ["HEAD~1:srv/a", "HEAD~1:srv/bin", "HEAD~1:srv/deep/b"]
    assert cli("grep", "-e", "^hay$", "-e", "^Need", "HEAD~1", "--", "srv").lines == [
        "HEAD~1:srv/a:hay",
        "HEAD~1:srv/deep/b:Needle",
    ]
    cli.run("grep", "-F", "needl.", code=1)
    assert cli("grep", "-q", "needle").out == b""


def test_paths(searched: Repo) -> None:
    assert searched.cli("grep", "-l", "needle", "--", "/srv/live", "srv/deep").lines == ["srv/live"]
    assert searched.cli("grep", "-l", "needle", "HEAD", "--", "srv/a", "srv/copy").lines == ["HEAD:srv/copy"]
    assert searched.cli("grep", "-l", "needle", searched.rootfs / "srv/live").lines == ["srv/live"]


def test_nothing_found_is_status_1(searched: Repo) -> None:
    for words in (("grep", "no such text"), ("-q", "grep", "no such text"), ("grep", "needle", "HEAD~2")):
        result = searched.cli.run(*words, code=1)
        assert (result.out, result.err) == (b"", b"")
    assert searched.cli.run("--json", "grep", "no such text", code=1).json["matches"] == []


def test_grep_json(searched: Repo) -> None:
    document = searched.cli.json("grep", "one", "HEAD", "--", "srv/copy")
    assert document == {
        "commit": searched.head(),
        "matches": [{"path": "srv/copy", "binary": False, "line": 1, "text": "needle one"}],
    }
    [binary] = searched.cli.json("grep", "needle", "--", "srv/bin")["matches"]
    assert binary == {"path": "srv/bin", "binary": True, "line": None, "text": None}


def test_what_makes_no_sense(searched: Repo) -> None:
    searched.cli.fails(2, "grep")
    searched.cli.fails(2, "grep", "[")
    searched.cli.fails(2, "grep", "x", "HEAD", "HEAD~1")
    searched.cli.fails(3, "grep", "x", "nonsense")
    searched.cli.fails(3, "grep", "x", "--", "no/such")
    searched.cli.fails(3, "grep", "x", "HEAD~2", "--", "srv/a")
    searched.cli.fails(3, "grep", "x", "HEAD", "--", "srv/live")


def test_the_same_lines_as_grep(searched: Repo) -> None:
    """GNU grep on the mounted rootfs: every text file in it."""
    command = ["grep", "-rInE", "--", "o+[a-z]", "."]
    done = subprocess.run(command, cwd=searched.rootfs, capture_output=True, env={"LC_ALL": "C"})
    theirs = sorted(line.removeprefix(b"./") for line in done.stdout.splitlines())
    ours = [line for line in searched.cli("grep", "-n", "o+[a-z]").out.splitlines() if not line.startswith(b"Binary")]
    assert len(theirs) > 10
    assert [line for line in sorted(ours) if b"odd/" not in line] == [line for line in theirs if b"odd/" not in line]


def test_no_terminal_gets_control_characters(repo: Repo) -> None:
    repo.write("srv/evil", b"needle \033[2J\n")
    script = ["script", "-qec", "PAGER=cat python -m layerctl grep needle", "/dev/null"]
    env = repo.cli.environment({"PATH": f"{Path(sys.executable).parent}:{repo.cli.env['PATH']}"})
    shown = subprocess.run(script, cwd=repo.top, env=env, capture_output=True, stdin=subprocess.DEVNULL).stdout
    assert b"\033[2J" not in shown
    assert b"?[2J" in shown
    assert repo.cli("grep", "needle").out == b"srv/evil:needle \033[2J\n"


def test_a_rootfs_that_is_not_mounted(repo: Repo) -> None:
    repo.write("srv/f", "needle\n")
    subprocess.run(["umount", repo.rootfs], check=True)
    assert repo.cli("grep", "needle").lines == ["srv/f:needle"]


def test_each_content_is_searched_once_and_only_below_the_paths(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        repo.write(f"srv/d{number % 3}/f{number}", "the same needle\n")
    repo.write("opt/other", "needle\n")
    repo.commit("many")
    calls: list[bytes] = []
    search = grep_module._search_file

    def counting(state, holders, path, *rest, **options):  # type: ignore[no-untyped-def]
        calls.append(path)
        return search(state, holders, path, *rest, **options)

    monkeypatch.setattr(grep_module, "_search_file", counting)
    _, found = Repository.open(repo.top).grep(Query((b"needle",)), "HEAD", paths=[b"srv"])
    assert len(list(found)) == 20
    assert len(calls) == 1


def test_a_deep_history_is_searched_without_compacting(repo: Repo) -> None:
    repo.cli("config", "layerctl.sync", "false")
    library = Repository.open(repo.top)
    for number in range(30):
        repo.write(f"srv/f{number}", f"needle {number}\n")
        library.commit(str(number))
    compacted = repo.dot / "layers/compacted"
    before = sorted(compacted.iterdir())
    subprocess.run(["rm", "-r", *before], check=True)
    lines = repo.cli("grep", "needle", "HEAD", "--", "srv").lines
    assert sorted(lines) == sorted(f"HEAD:srv/f{number}:needle {number}" for number in range(30))
    assert repo.cli("show", "HEAD~3:srv/f2").out == b"needle 2\n"
    assert sorted(compacted.iterdir()) == []


def test_a_missing_layer_is_damage(repo: Repo) -> None:
    made = repo.commit_file("srv/f", "needle\n")
    (repo.layer_fs(made) / "srv/f").unlink()
    repo.cli.fails(5, "grep", "needle", "HEAD", "--", "srv")
