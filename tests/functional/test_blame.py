"""``layerctl blame``: whose each line of a file, or each entry of a directory, is."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.cli import Repo


@pytest.fixture(scope="module")
def blamed(shared_repo: Repo) -> Repo:
    """base — a second line in motd — a binary, an odd name, and hosts gone. Only to be looked at."""
    repo = shared_repo
    repo.write("etc/motd", "welcome\nto the machine\nenjoy\nlast")
    repo.cli("commit", "-m", "motd", "--author", "Grace Hopper <g@h>", "--date", "2 days ago")
    repo.write("etc/binary", b"\0\1\2")
    Path(os.fsdecode(os.fsencode(repo.rootfs) + b"/etc/odd\n\xff")).touch()
    (repo.rootfs / "etc/hostname").unlink()
    repo.commit("more", "--date", "@1700000000")
    return repo


def test_lines_of_a_file(blamed: Repo) -> None:
    lines = blamed.cli("blame", "/etc/motd").lines
    base, motd = blamed.head("HEAD~2")[:7], blamed.head("HEAD~1")[:7]
    assert [line[:7] for line in lines] == [base, motd, base, motd]
    assert re.fullmatch(rf"{motd}  Grace Hopper +2 days ago +2  to the machine", lines[1])
    assert len({line.index(text) for line, text in zip(lines, ("welcome", "to", "enjoy", "last"), strict=True)}) == 1


def test_another_revision(blamed: Repo) -> None:
    for words in (("HEAD~2", "etc/motd"), ("HEAD~2", "--", "etc/motd")):
        lines = blamed.cli("blame", *words).lines
        assert {line[:7] for line in lines} == {blamed.head("HEAD~2")[:7]}
        assert [line.rsplit("  ", 1)[1] for line in lines] == ["welcome", "to the box", "enjoy"]


def test_entries_of_a_directory(blamed: Repo) -> None:
    owners = {line.rsplit("  ", 1)[1]: line[:7] for line in blamed.cli("blame", "etc").lines}
    assert owners["motd"] == blamed.head("HEAD~1")[:7]
    assert owners["binary"] == owners['"odd\\n\\377"'] == blamed.head()[:7]
    assert owners["passwd"] == blamed.head("HEAD~2")[:7]
    assert "hostname" not in owners


def test_the_root_shows_what_changed_anywhere_below(blamed: Repo) -> None:
    owners = {line.rsplit("  ", 1)[1]: line[:7] for line in blamed.cli("blame", "/").lines}
    assert owners["etc/"] == blamed.head()[:7]
    assert owners["usr/"] == blamed.head("HEAD~2")[:7]


def test_what_is_neither_has_one_line(blamed: Repo) -> None:
    [line] = blamed.cli("blame", "usr/lib/soft").lines
    assert line.endswith("soft -> /absolute/../target")
    [line] = blamed.cli("blame", "run/fifo").lines
    assert line.endswith("fifo")


def test_blame_json(blamed: Repo) -> None:
    document = blamed.cli.json("blame", "etc/motd")
    assert (document["commit"], document["path"], document["type"]) == (blamed.head(), "etc/motd", "file")
    assert document["lines"][1] == {"line": 2, "text": "to the machine", "commit": blamed.head("HEAD~1")}
    assert {commit["commit"] for commit in document["commits"]} == {line["commit"] for line in document["lines"]}
    [grace] = [commit for commit in document["commits"] if commit["subject"] == "motd"]
    assert grace["author"] == {"name": "Grace Hopper", "email": "g@h"}
    odd = next(entry for entry in blamed.cli.json("blame", "etc")["entries"] if "name_b64" in entry)
    assert (odd["name_b64"], odd["type"], odd["commit"]) == ("b2RkCv8=", "file", blamed.head())


def test_a_path_of_the_host_is_understood(blamed: Repo) -> None:
    assert blamed.cli.json("blame", blamed.rootfs / "etc/motd") == blamed.cli.json("blame", "/etc/motd")


def test_what_cannot_be_blamed(blamed: Repo) -> None:
    assert "binary" in blamed.cli.fails(1, "blame", "etc/binary").stderr
    assert blamed.head()[:7] in blamed.cli.fails(3, "blame", "etc/hostname").stderr
    assert "/bin/sh" not in blamed.cli.fails(3, "blame", "no/such").stderr
    for words in ((), ("a", "b", "c"), ("--", "a", "b")):
        blamed.cli.fails(2, "blame", *words)
    blamed.cli.fails(3, "blame", "nonsense", "etc")


def test_a_path_behind_a_symlink_says_where_it_leads(repo: Repo) -> None:
    (repo.rootfs / "lib").rename(repo.rootfs / "old-lib") if (repo.rootfs / "lib").exists() else None
    (repo.rootfs / "lib").symlink_to("usr/lib")
    repo.commit("merge /usr")
    for words in (("blame", "lib/one"), ("show", "HEAD:lib/one")):
        assert "try /usr/lib/one" in repo.cli.fails(3, *words).stderr


def test_uncommitted_changes_are_not_looked_at(repo: Repo) -> None:
    repo.write("etc/motd", "mine\n")
    assert "mine" not in repo.cli("blame", "etc/motd").stdout
