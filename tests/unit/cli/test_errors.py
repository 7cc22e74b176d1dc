"""From exceptions to messages, hints and exit statuses."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from layerctl import errors
from layerctl.cli.errors import describe
from layerctl.errors import LayerctlError

ROOT = Path(__file__).resolve().parents[3]


def subclasses(cls: type[LayerctlError]) -> list[type[LayerctlError]]:
    return [cls, *(below for sub in cls.__subclasses__() for below in subclasses(sub))]


@pytest.mark.parametrize("cls", subclasses(LayerctlError), ids=lambda cls: cls.__name__)
def test_every_error_has_its_status_one_sentence_and_one_hint(cls: type[LayerctlError]) -> None:
    failure = describe(cls("it is\n\033[31mso\n"), "layerctl tag")
    assert failure.exit_code == cls.exit_code
    assert failure.message == "it is ?[31mso"
    assert len(failure.hint) > 5
    assert failure.to_text().count("\n") == 2
    assert json.loads(failure.to_json()) == {
        "error": cls.name,
        "message": failure.message,
        "hint": failure.hint,
        "exit_code": cls.exit_code,
    }


def test_a_hint_of_its_own_comes_first() -> None:
    assert describe(errors.NoSpace("full", hint="delete things")).hint == "delete things"
    assert describe(errors.UsageError("no"), "layerctl tag").hint == "see 'layerctl tag --help'"


@pytest.mark.parametrize(
    ("number", "status", "name"),
    [
        (errno.ENOSPC, 6, "no-space"),
        (errno.EDQUOT, 6, "no-space"),
        (errno.EACCES, 6, "no-privilege"),
        (errno.EPERM, 6, "no-privilege"),
        (errno.EIO, 5, "damaged"),
        (errno.EROFS, 6, "machine-lacks"),
    ],
)
def test_what_the_system_refuses(number: int, status: int, name: str) -> None:
    failure = describe(OSError(number, os.strerror(number), "/some/path"))
    assert (failure.exit_code, failure.name) == (status, name)
    assert failure.message.endswith(": /some/path")
    assert failure.message[0].islower()


def test_what_a_library_says_in_words_alone() -> None:
    failure = describe(OSError(f"could not open '/x': {os.strerror(errno.EIO)}"))
    assert (failure.exit_code, failure.name) == (5, "damaged")
    assert describe(OSError("something else")).exit_code == 70


def test_two_paths_and_bytes() -> None:
    failure = describe(OSError(errno.EACCES, "x", b"/a\xff", None, "/b"))
    assert failure.message.endswith(": /a\ufffd → /b")


def test_the_unexpected_is_one_line_and_a_file() -> None:
    try:
        raise KeyError("what\never")
    except KeyError as exc:
        failure = describe(exc)
    path = Path(failure.hint.rpartition(" ")[2])
    try:
        assert (failure.exit_code, failure.name) == (70, "internal")
        assert failure.message == "internal error: KeyError: 'what\\never'"
        assert "Traceback" in path.read_text()
    finally:
        path.unlink()


def test_the_unexpected_without_a_temporary_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.NamedTemporaryFile", lambda *args, **kwargs: (_ for _ in ()).throw(OSError))
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")

    def refuse(*args: object, **kwargs: object) -> object:
        raise OSError(errno.ENOENT, "no")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    assert "LAYERCTL_DEBUG" in describe(RuntimeError("x")).hint


def layerctl(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": "/bin:/usr/bin", "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", **options.pop("env", {})}  # type: ignore[dict-item]
    command = [sys.executable, "-m", "layerctl", *words]
    return subprocess.run(command, env=env, **({"capture_output": True} | options))  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("words", [("--json", "log"), ("log", "--json"), ("log", "--nope", "--json")])
def test_errors_as_json(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = layerctl(*words, cwd=tmp_path)
    document = json.loads(done.stderr)
    assert document["exit_code"] == done.returncode
    assert done.stdout == b""


def test_outside_a_repository(tmp_path: Path) -> None:
    done = layerctl("status", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[1] == "hint: run 'layerctl init' to make one here"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = layerctl("completion", "bash", cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_under_the_output(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = layerctl("--help", cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 6
    assert done.stderr.decode().splitlines()[0] == "layerctl: no space left on device"
    assert len(done.stderr.splitlines()) == 2


def test_closed_streams_do_no_harm(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m layerctl --help >&- 2>&-'], env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    assert done.returncode == 0


def test_a_traceback_only_on_request(tmp_path: Path) -> None:
    assert b"Traceback" not in layerctl("status", cwd=tmp_path).stderr
    assert b"Traceback" in layerctl("status", cwd=tmp_path, env={"LAYERCTL_DEBUG": "1"}).stderr
