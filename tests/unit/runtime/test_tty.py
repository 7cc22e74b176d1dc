"""A container with a terminal, on a real pty."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.runtime.conftest import Box


class Terminal:
    """The other end of a pty that is some process's controlling terminal."""

    def __init__(self, argv: list[str], columns: int, rows: int) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_take_terminal
        )
        self.seen = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def expect(self, text: str) -> None:
        deadline = time.monotonic() + 10
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 4096).decode()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def _open(box: Box, terminals: list[Terminal], *argv: str, tty: bool = True) -> Terminal:
    terminals.append(Terminal(box.command(*argv, tty=tty), 99, 33))
    return terminals[-1]


def test_the_command_has_a_terminal_of_the_right_size(box: Box, terminals: list[Terminal]) -> None:
    terminal = _open(box, terminals, "sh", "-c", "tty; stty size; echo TERM=$TERM; exit 5")
    terminal.expect("/dev/pts/0\r\n33 99\r\nTERM=xterm\r\n")
    assert terminal.process.wait(10) == 5
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_it_follows_resizing(box: Box, terminals: list[Terminal]) -> None:
    terminal = _open(box, terminals, "sh")
    terminal.expect("# ")
    terminal.resize(120, 44)
    terminal.type("sleep 0.3; stty size\n")
    terminal.expect("44 120\r\n")
    terminal.type("exit 4\n")
    assert terminal.process.wait(10) == 4


def test_control_c_goes_to_the_command_in_the_foreground(box: Box, terminals: list[Terminal]) -> None:
    terminal = _open(box, terminals, "sh")
    terminal.expect("# ")
    terminal.type("echo star''ted; sleep 60; echo en''ded $?\n")
    terminal.expect("started")
    time.sleep(0.2)
    terminal.type("\x03")
    terminal.type("echo st''ill here\n")
    terminal.expect("still here")
    terminal.type("exit\n")
    terminal.process.wait(10)


def test_the_terminal_is_restored_when_the_runtime_is_killed(box: Box, terminals: list[Terminal]) -> None:
    terminal = _open(box, terminals, "sh", "-c", "echo ready; sleep 60")
    terminal.expect("ready")
    assert termios.tcgetattr(terminal.slave) != terminal.before
    children = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    assert terminal.process.wait(10) == 137
    assert termios.tcgetattr(terminal.slave) == terminal.before
    assert box.runtime.list() == ()


def test_a_command_that_cannot_start_says_nothing_on_the_terminal(box: Box, terminals: list[Terminal]) -> None:
    assert _open(box, terminals, "nosuch").process.wait(10) == 127


def test_control_c_without_a_container_terminal_arrives_once(box: Box, terminals: list[Terminal]) -> None:
    script = (
        "trap 'echo got >>/tmp/got' INT; echo ready; while [ ! -s /tmp/got ]; do sleep 0.05; done; sleep 0.3; exit 9"
    )
    terminal = _open(box, terminals, "sh", "-c", script, tty=False)
    terminal.expect("ready")
    terminal.type("\x03")
    assert terminal.process.wait(10) == 9
    assert (box.rootfs / "tmp/got").read_text() == "got\n"
