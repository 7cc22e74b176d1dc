"""Running layerctl the way users do: a process, its output, its exit status. And a repository to run it in."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracle import Listing, listing

_CHECKOUT = Path(__file__).resolve().parents[2]
_BYTECODE = Path(tempfile.gettempdir()) / "layerctl-tests-bytecode"
COMMAND = [sys.executable, "-m", "layerctl"]
AUTHOR = {"LAYERCTL_AUTHOR_NAME": "Test Author", "LAYERCTL_AUTHOR_EMAIL": "author@example.org"}

PathLike = str | bytes | Path


@dataclass(frozen=True, slots=True)
class Result:
    """How one command ended."""

    args: tuple[PathLike, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def stdout(self) -> str:
        return self.out.decode("utf-8", "surrogateescape")

    @property
    def stderr(self) -> str:
        return self.err.decode("utf-8", "surrogateescape")

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"layerctl {self.args} exited {self.code}\nstdout: {self.stdout[-3000:]}\nstderr: {self.stderr[-3000:]}"


class Layerctl:
    """Runs the command with an environment of its own; never lets a traceback pass."""

    def __init__(self, cwd: Path, home: Path) -> None:
        self.cwd = cwd
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "PYTHONPATH": str(_CHECKOUT),
            "PYTHONPYCACHEPREFIX": str(_BYTECODE),
            "GIT_CONFIG_NOSYSTEM": "1",
            **AUTHOR,
        }

    def run(
        self,
        *args: PathLike,
        check: bool = True,
        code: int | None = None,
        cwd: PathLike | None = None,
        input: bytes | None = None,
        env: Mapping[str, str | None] | None = None,
        prefix: tuple[PathLike, ...] = (),
        timeout: float = 100,
    ) -> Result:
        """Runs ``layerctl ARGS`` to its end.

        Args:
            check: the exit status must be 0, unless ``code`` names another one.
            code: the exit status that is expected.
            cwd: where to run; the fixture's directory by default.
            input: bytes for stdin (else it is empty).
            env: changes to the environment; None removes a variable.
            prefix: a command to run layerctl under, such as ``setpriv …``.
            timeout: seconds.
        """
        done = subprocess.run(
            [*prefix, *COMMAND, *args],
            cwd=cwd or self.cwd,
            env=self.environment(env),
            timeout=timeout,
            capture_output=True,
            **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}),
        )
        result = Result(args, done.returncode, done.stdout, done.stderr)
        assert_no_crash(done.stderr)
        if check or code is not None:
            assert done.returncode == (code or 0), str(result)
        return result

    def __call__(self, *args: PathLike, **options: Any) -> Result:
        return self.run(*args, **options)

    def json(self, *args: PathLike, **options: Any) -> Any:
        """The one JSON document that ``layerctl --json ARGS`` prints."""
        return self.run("--json", *args, **options).json

    def fails(self, code: int, *args: PathLike, **options: Any) -> Result:
        """Runs a command that must end with that exit status, one clear sentence and one hint, and print nothing."""
        result = self.run(*args, code=code, **options)
        message, hint = error_lines(result)
        assert len(message) > 10, str(result)
        assert hint.lower().startswith("hint"), str(result)
        assert result.out == b"", str(result)
        return result

    def start(self, *args: PathLike, **options: Any) -> subprocess.Popen[bytes]:
        """Starts a command and leaves it running; pass it to the ``spawn`` fixture's keeper to have it ended."""
        options.setdefault("cwd", self.cwd)
        options["env"] = self.environment(options.get("env"))
        return subprocess.Popen([*COMMAND, *args], **options)

    def on_path(self) -> None:
        """Lets hooks and scripts call ``layerctl``: they do not get this environment, but its PATH."""
        program = self.cwd.parent / "bin" / "layerctl"
        program.parent.mkdir(exist_ok=True)
        kept = " ".join(f"{name}={shlex.quote(self.env[name])}" for name in ("PYTHONPATH", "PYTHONPYCACHEPREFIX"))
        program.write_text(f'#!/bin/sh\n{kept} exec {shlex.join(COMMAND)} "$@"\n')
        program.chmod(0o755)
        self.env["PATH"] = f"{program.parent}:{self.env['PATH']}"

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        merged = {**self.env, **(changes or {})}
        return {key: value for key, value in merged.items() if value is not None}


def assert_no_crash(stderr: bytes) -> None:
    """No traceback, and no internal error, whose details layerctl keeps in a file."""
    text = stderr.decode(errors="replace")
    assert "Traceback" not in text, text
    if "internal error" in text:
        kept = re.search(r"details are in ([^\s\"]+)", text)
        raise AssertionError(text + (Path(kept[1]).read_text() if kept else ""))


def error_lines(result: Result) -> list[str]:
    """The two lines that every error consists of."""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 2, f"an error is one sentence and one hint\n{result}"
    return lines


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository with the busybox rootfs imported and checked out at ``rootfs``."""

    top: Path
    cli: Layerctl

    @property
    def dot(self) -> Path:
        return self.top / ".layerctl"

    @property
    def rootfs(self) -> Path:
        return self.top / "rootfs"

    @property
    def upper(self) -> Path:
        return self.dot / "worktrees/default/upper"

    @property
    def runtime_state(self) -> Path:
        """What ``run`` keeps on a file system that a reboot empties."""
        status = self.dot.stat()
        return Path(f"/run/layerctl/{status.st_dev:x}-{status.st_ino:x}")

    def commit(self, message: str = "change", *args: PathLike) -> dict[str, Any]:
        """Commits and returns what ``commit --json`` says."""
        return self.cli.json("commit", "-m", message, *args)

    def write(self, path: str, content: str | bytes) -> Path:
        """Writes a file in the mounted rootfs, directories as needed."""
        target = self.rootfs / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def commit_file(self, path: str, content: str | bytes, message: str | None = None) -> dict[str, Any]:
        """Writes one file and commits it."""
        self.write(path, content)
        return self.commit(message or f"write {path}")

    def layer_fs(self, commit: Mapping[str, Any]) -> Path:
        """The directory of the layer that a ``commit --json`` names."""
        return self.dot / "layers" / commit["layer"]["id"] / "fs"

    def changes(self, *verb: PathLike) -> dict[str, str]:
        """Kind by path (without a leading slash) of ``status``, or of a ``diff`` with these arguments.

        Directories whose only difference is their mtime are left out, as the text output leaves them out.
        """
        changes = self.cli.json(*(verb or ("status",)))["changes"]
        return {
            change["path"].lstrip("/"): change["kind"]
            for change in changes
            if change["what"] != ["mtime"] or not self._is_dir(change["path"].lstrip("/"))
        }

    def _is_dir(self, path: str) -> bool:
        """Whether it is one in any worktree's rootfs, write layer or any layer (the rootfs may not be mounted)."""
        places = [self.rootfs, *self.dot.glob("worktrees/*/upper"), *self.dot.glob("layers/*/fs")]
        return any((place / path).is_dir() and not (place / path).is_symlink() for place in places)

    def parked(self, path: str) -> set[str]:
        """What the file holds in parked write layers (which may be mounted beside themselves)."""
        return {found.read_text() for found in (self.dot / "parked").rglob(path)}

    def hook(self, name: str, script: str, *, first: str = "#!/bin/sh") -> Path:
        """Makes an executable in the hooks folder."""
        path = self.dot / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{first}\n{script}\n")
        path.chmod(0o755)
        return path

    def head(self, revision: str = "HEAD") -> str:
        return self.git("rev-parse", revision).strip()

    def git(self, *args: PathLike) -> str:
        """Plain git on the repository."""
        command = ["git", "--git-dir", self.dot / "git", *args]
        done = subprocess.run(command, capture_output=True, env=self.cli.environment(), cwd=self.top)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape")

    def listing(self) -> Listing:
        return listing(self.rootfs)

    def checked_out(self, revision: str, name: str) -> Path:
        """The mount point of ``revision`` in a worktree of its own."""
        at = self.top / f"at-{name}"
        self.cli("worktree", "add", name, revision, "--at", at)
        return at

    def recorded(self) -> dict[str, str]:
        """Everything that must stay byte-identical when a command writes nothing: Git data, journal, layers by name."""
        state = {}
        for part in ("git", "journal", "layers", "parked", "tmp"):
            for directory, names, files in os.walk(self.dot / part):
                if Path(directory).name == "fs":
                    names.clear()
                    continue
                state.update({str(Path(directory, name)): _content(Path(directory, name)) for name in files})
                state.update({str(Path(directory, name)): "directory" for name in names})
        return state


def _content(path: Path) -> str:
    """A digest of what it holds; devices, fifos and links are there or not."""
    is_plain = path.is_file() and not path.is_symlink()
    return hashlib.sha256(path.read_bytes()).hexdigest() if is_plain else "special"


def interrupt(process: subprocess.Popen[bytes], with_signal: int = signal.SIGINT) -> None:
    """Sends a signal and waits for the end."""
    if process.poll() is None:
        process.send_signal(with_signal)
    process.wait(timeout=60)
