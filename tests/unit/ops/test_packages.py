"""Packages out of the databases of their managers, and what differs between two states."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

import pytest

from layerctl.model.ids import CommitId
from layerctl.model.packages import PackageDiff
from layerctl.model.scan import RootPath
from layerctl.ops.diff import diff
from layerctl.ops.packages import compare
from layerctl.ops.packages.compare import package_changes
from layerctl.ops.packages.databases import database_of
from tests.support.histories import History

Files = dict[str, bytes]


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History.create(tmp_path)


def states(history: History, old: Files, new: Files) -> tuple[CommitId, CommitId]:
    first = history.commit(history.snapshot({"x": b"x", **old}), layer=old)
    return first, history.commit(history.snapshot({"x": b"x", **new}), first, layer=new)


def changes(history: History, old: Files, new: Files) -> PackageDiff:
    one, other = states(history, old, new)
    context = history.context
    return package_changes(context, diff(context, one.hex, other.hex))


def told(found: PackageDiff) -> list[tuple[str, str, str | None, str | None]]:
    assert found.unread == ()
    return [(item.kind.value, item.package.name, item.old, item.new) for item in found.changes]


def dpkg(*packages: tuple[str, str, str]) -> bytes:
    return b"\n".join(
        f"Package: {name}\nStatus: install ok {state}\nArchitecture: amd64\nVersion: {version}\n"
        f"Description: x\n Version: not this\n .\n Package: nor this\n".encode()
        for name, version, state in packages
    )


def test_dpkg(history: History) -> None:
    old = dpkg(("a", "1", "installed"), ("b", "2", "installed"), ("c", "1", "installed"), ("d", "1", "installed"))
    new = dpkg(("a", "1", "installed"), ("b", "10", "installed"), ("c", "1", "config-files"), ("e", "1", "unpacked"))
    found = changes(history, {"var/lib/dpkg/status": old}, {"var/lib/dpkg/status": new})
    assert told(found) == [
        ("upgraded", "b", "2", "10"),
        ("removed", "c", "1", None),
        ("removed", "d", "1", None),
        ("added", "e", None, "1"),
    ]
    assert {item.package.ecosystem for item in found.changes} == {"dpkg"}


def test_dpkg_without_a_manager(history: History) -> None:
    """Images without dpkg keep a file for each package."""
    stanza = b"Package: base\nVersion: 1\nArchitecture: all\n"
    new = {"var/lib/dpkg/status.d/base": stanza, "var/lib/dpkg/status.d/base.md5sums": b"x: y\n"}
    assert told(changes(history, {}, new)) == [("added", "base", None, "1")]


def test_apk(history: History) -> None:
    old = b"C:Q1x=\nP:musl\nV:1.2.4-r1\nA:x86_64\nF:lib\nR:x\n\nP:zlib\nV:1.3-r0\nA:x86_64\n\n"
    new = b"P:musl\nV:1.2.4_git20230717-r4\nA:x86_64\n\n"
    found = changes(history, {"lib/apk/db/installed": old}, {"usr/lib/apk/db/installed": new})
    assert told(found) == [
        ("upgraded", "musl", "1.2.4-r1", "1.2.4_git20230717-r4"),
        ("removed", "zlib", "1.3-r0", None),
    ]


def rpm_header(name: str, version: str, release: str, epoch: int | None) -> bytes:
    values = [(1000, 6, name), (1001, 6, version), (1002, 6, release), (1022, 6, "x86_64"), (5000, 7, "\1\2")]
    data, index = b"", b""
    for tag, kind, value in values:
        index += struct.pack(">IIII", tag, kind, len(data), 1)
        data += value.encode() + b"\0"
    if epoch is not None:
        data += bytes(-len(data) % 4)
        index += struct.pack(">IIII", 1003, 4, len(data), 1)
        data += struct.pack(">I", epoch)
    return struct.pack(">II", len(index) // 16, len(data)) + index + data


def rpmdb(folder: Path, *packages: tuple[str, str, str, int | None], wal: bool = True) -> bytes:
    """A database as rpm leaves it: in WAL mode, the log written back."""
    path = folder / "rpmdb.sqlite"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    if wal:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(rpm_header(*package),) for package in packages])
    connection.commit()
    connection.close()
    content = path.read_bytes()
    assert content[18:20] == (b"\2\2" if wal else b"\1\1")
    return content


@pytest.mark.parametrize("wal", [True, False])
@pytest.mark.parametrize("folder", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_rpm(history: History, tmp_path: Path, wal: bool, folder: str) -> None:
    old = rpmdb(
        tmp_path, ("bash", "5.1", "2.el9", None), ("kernel", "5", "1", None), ("kernel", "6", "1", None), wal=wal
    )
    new = rpmdb(tmp_path, ("bash", "5.1", "10.el9", None), ("kernel", "6", "1", None), ("vim", "9", "1", 2), wal=wal)
    found = changes(history, {f"{folder}/rpmdb.sqlite": old}, {f"{folder}/rpmdb.sqlite": new})
    assert told(found) == [
        ("upgraded", "bash", "5.1-2.el9", "5.1-10.el9"),
        ("removed", "kernel", "5-1", None),
        ("added", "vim", None, "2:9-1"),
    ]


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("var/lib/rpm/Packages", b"bdb", "Berkeley DB"),
        ("usr/lib/sysimage/rpm/Packages.db", b"ndb", "ndb"),
        ("var/lib/rpm/rpmdb.sqlite-wal", b"log", "not written"),
        ("var/lib/rpm/rpmdb.sqlite", b"nonsense", "no sense"),
        ("usr/lib/python3/site-packages/x-1.dist-info/METADATA", b"Version: 1\n", "Name"),
        ("srv/node_modules/x/package.json", b"{", "no sense"),
    ],
)
def test_what_cannot_be_read_is_said(history: History, path: str, content: bytes, reason: str) -> None:
    found = changes(history, {}, {path: content})
    assert found.changes == ()
    [unread] = found.unread
    assert unread.path == path.encode()
    assert reason in unread.reason


def test_a_header_that_is_cut_off_is_no_crash(history: History, tmp_path: Path) -> None:
    whole = rpm_header("a", "1", "1", 1)
    for size in range(0, len(whole), 7):
        connection = sqlite3.connect(tmp_path / f"db{size}")
        connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)")
        connection.execute("INSERT INTO Packages (blob) VALUES (?)", (whole[:size],))
        connection.commit()
        connection.close()
        content = (tmp_path / f"db{size}").read_bytes()
        assert len(changes(history, {}, {"var/lib/rpm/rpmdb.sqlite": content}).unread) == 1


def metadata(name: str, version: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: x\n\nName: readme\nVersion: 9\n".encode()


def test_pip(history: History) -> None:
    site, venv = "usr/lib/python3/dist-packages", "opt/app/venv/lib/python3.11/site-packages"
    old = {
        f"{site}/Foo_Bar-1.9.dist-info/METADATA": metadata("Foo_Bar", "1.9"),
        f"{site}/old.egg-info": metadata("old", "1"),
        f"{venv}/foo_bar-1.0.dist-info/METADATA": metadata("foo.bar", "1.0"),
        f"{venv}/foo_bar-1.0.dist-info/RECORD": b"x",
    }
    new = {
        f"{site}/foo_bar-1.10.dist-info/METADATA": metadata("foo-bar", "1.10"),
        f"{site}/egg.egg-info/PKG-INFO": metadata("egg", "3"),
        f"{venv}/foo_bar-0.9.dist-info/METADATA": metadata("foo.bar", "0.9"),
    }
    found = changes(history, old, new)
    assert told(found) == [
        ("added", "egg", None, "3"),
        ("downgraded", "foo-bar", "1.0", "0.9"),
        ("upgraded", "foo-bar", "1.9", "1.10"),
        ("removed", "old", "1", None),
    ]
    assert [item.package.location for item in found.changes] == [site.encode(), venv.encode(), *[site.encode()] * 2]


def test_npm(history: History) -> None:
    def package(version: str) -> bytes:
        return f'{{"name": "other", "version": "{version}"}}'.encode()

    old = {
        "srv/node_modules/a/package.json": package("1.9.0"),
        "srv/node_modules/a/node_modules/b/package.json": package("1.0.0"),
        "srv/node_modules/a/lib/package.json": package("7.0.0"),
    }
    new = {
        "srv/node_modules/a/package.json": package("1.10.0"),
        "srv/node_modules/@s/c/package.json": package("2.0.0-rc.1"),
        "srv/node_modules/d/package.json": b'{"private": true}',
    }
    found = changes(history, old, new)
    assert told(found) == [
        ("added", "@s/c", None, "2.0.0-rc.1"),
        ("upgraded", "a", "1.9.0", "1.10.0"),
        ("removed", "b", "1.0.0", None),
    ]
    assert found.changes[2].package.location == b"srv/node_modules/a/node_modules"


@pytest.mark.parametrize(
    "path",
    [
        b"var/lib/dpkg/status-old",
        b"srv/var/lib/dpkg/status",
        b"var/lib/dpkg/status.d/base.md5sums",
        b"srv/node_modules/a/lib/package.json",
        b"srv/node_modules/.bin/package.json",
        b"srv/node_modules/@s/package.json",
        b"usr/lib/python3/dist-packages/x/METADATA",
        b"package.json",
    ],
)
def test_what_is_no_database(path: RootPath) -> None:
    assert database_of(path) is None


def test_only_databases_that_differ_are_read(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    same = {f"srv/node_modules/p{number}/package.json": b'{"version": "1.0.0"}' for number in range(50)}
    same |= {"lib/apk/db/installed": b"P:a\nV:1\n\n"}
    status = {"var/lib/dpkg/status": dpkg(("a", "1", "installed"))}
    later = {"var/lib/dpkg/status": dpkg(("a", "2", "installed"))}
    one, other = states(history, {**same, **status}, {**same, **later})
    read: list[RootPath] = []
    whole = compare.whole_content

    def noting(context, commit, path, entry):  # type: ignore[no-untyped-def]
        read.append(path)
        return whole(context, commit, path, entry)

    monkeypatch.setattr(compare, "whole_content", noting)
    context = history.context
    assert told(package_changes(context, diff(context, one.hex, other.hex))) == [("upgraded", "a", "1", "2")]
    assert read == [b"var/lib/dpkg/status"] * 2
