"""One program: its output while it runs, its time limit, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from layerctl.hooks import Ending, run_program
from layerctl.hooks.process import OUTPUT_LIMIT

Run = Callable[..., tuple[Ending, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a script and returns its ending with all that was shown."""

    def start(script: str | bytes, *, first: str = "#!/bin/sh\n", **options: Any) -> tuple[Ending, str]:
        path = tmp_path / "hook"
        path.write_bytes(first.encode() + (script.encode() if isinstance(script, str) else script))
        path.chmod(0o755)
        said: list[str] = []
        settings = {"stdin": b"", "seconds": 20.0, "show": said.append, **options}
        ending = run_program([str(path)], directory=tmp_path, environment={"PATH": "/usr/bin:/bin"}, **settings)
        return ending, "\n".join(said)

    return start


def test_it_has_nothing_but_what_it_is_given(run: Run, tmp_path: Path) -> None:
    assert run("env | grep -v '^_=\\|^PWD='; pwd; cat", stdin=b"input") == (
        Ending(None, 0),
        f"PATH=/usr/bin:/bin\n{tmp_path}\ninput",
    )


def test_it_has_no_terminal_and_a_session_of_its_own(run: Run) -> None:
    ending, shown = run("ps -o sid= -p $$; echo $$; : < /dev/tty || exit 7")
    assert ending.status != 0
    session, pid, *_ = shown.split()
    assert session == pid != str(os.getsid(0))


def test_output_comes_while_it_runs(run: Run, tmp_path: Path) -> None:
    """The program waits for a file that is made when its first line is shown."""
    ending, shown = run(
        "echo first; while ! [ -e go ]; do sleep 0.01; done; echo second >&2",
        show=lambda text: (tmp_path / "go").touch() if text == "first" else None,
    )
    assert (ending.problem, shown) == (None, "")


def test_input_and_output_bigger_than_pipes_do_not_block_each_other(run: Run) -> None:
    ending, shown = run("cat; cat >/dev/null", stdin=b"x" * 79 + b"\n" + b"line\n" * 10_000)
    assert ending == Ending(None, 0)
    assert shown.count("line") == 10_000


@pytest.mark.parametrize("script", ["exit 0", "exec 0<&-; sleep 0.05"])
def test_it_need_not_read_its_input(run: Run, script: str) -> None:
    assert run(script, stdin=b"x" * (1 << 20))[0] == Ending(None, 0)


@pytest.mark.parametrize(
    ("script", "problem", "status"),
    [
        ("exit 3", "refused (exit status 3)", 3),
        ("kill -SEGV $$", "was ended by the signal SIGSEGV", 139),
        ("kill -KILL $$", "was ended by the signal SIGKILL", 137),
    ],
)
def test_how_it_ends(run: Run, script: str, problem: str, status: int) -> None:
    assert run(script)[0] == Ending(problem, status)


@pytest.mark.parametrize(
    ("first", "content", "problem"),
    [
        ("#!/no/such/interpreter\n", b"", "the interpreter that its first line names is missing"),
        ("", b"\x7fELF\0\0\0", "it is no program for this machine"),
    ],
)
def test_it_cannot_be_started(run: Run, first: str, content: bytes, problem: str) -> None:
    assert run(content, first=first)[0] == Ending(f"could not be started: {problem}", 126)


def test_a_script_without_a_first_line_is_the_shell_s(run: Run) -> None:
    """As Git has it; execvp(3)."""
    assert run("echo $((6 * 7))\n", first="") == (Ending(None, 0), "42")


def test_the_time_limit_ends_it_with_all_its_children(run: Run) -> None:
    ending, shown = run("sleep 600 & echo $!; trap '' TERM; sleep 601", seconds=0.3)
    assert ending == Ending("took longer than 0.3 seconds and was ended", 124)
    assert not _is_alive(int(shown))


def test_it_can_clean_up_when_its_time_is_over(run: Run, tmp_path: Path) -> None:
    run("trap 'touch cleaned; exit' TERM; sleep 600 & wait", seconds=0.3)
    assert (tmp_path / "cleaned").exists()


def test_what_stays_in_the_background_with_the_output_open_is_not_waited_for(run: Run) -> None:
    start = time.monotonic()
    ending, shown = run("echo here; sleep 600 & echo $!")
    assert ending == Ending(None, 0)
    assert time.monotonic() - start < 10
    pid = int(shown.split()[-1])
    assert _is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_what_fills_the_output_from_the_background_does_not_hold_it_up(run: Run) -> None:
    ending, _ = run("yes & exit 0")
    assert ending == Ending(None, 0)


def test_megabytes_are_cut_and_counted(run: Run) -> None:
    ending, shown = run("head -c 3000000 /dev/zero | tr '\\0' x | fold -w 99")
    assert ending == Ending(None, 0)
    total = 3_000_000 + -(-3_000_000 // 99) - 1
    assert shown.splitlines()[-1] == f"({total - OUTPUT_LIMIT:,} more bytes of output are not shown)"
    assert len(shown) < OUTPUT_LIMIT + 100


def test_binary_output_is_text_in_the_end(run: Run) -> None:
    _, shown = run("printf 'a\\377\\000b\\n'; printf '1%%\\r2%%\\r100%%\\r\\n'")
    assert shown == "a\ufffd\0b\n100%"


def test_an_interrupt_ends_it(run: Run, tmp_path: Path) -> None:
    def press() -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        run("echo $$ > new; mv new pid; sleep 600")
    assert not _is_alive(int((tmp_path / "pid").read_text()))


def test_no_descriptor_is_left(run: Run) -> None:
    run("exit 0")
    before = os.listdir("/proc/self/fd")
    run("exit 1")
    run("sleep 9", seconds=0.1)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def _is_alive(pid: int) -> bool:
    """Whether it is there and more than a zombie that nobody has reaped yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
