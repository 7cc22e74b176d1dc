"""Reading ahead in a thread."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from layerctl.errors import BadArchive
from layerctl.model.progress import silent
from layerctl.source.stream import Inline, Meter, ReadAhead, chunks_of


def _meter() -> Meter:
    return Meter(silent, "x", None)


@pytest.mark.parametrize("kind", [Inline, ReadAhead])
def test_pieces_come_in_order_and_then_nothing(kind: type[Inline] | type[ReadAhead]) -> None:
    with kind(iter([b"%d" % number for number in range(100)]), _meter()) as stream:
        assert b"".join(stream.read(1) for _ in range(100)) == b"".join(b"%d" % number for number in range(100))
        assert [stream.read(1) for _ in range(3)] == [b""] * 3


def test_an_error_arrives_where_it_belongs() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a"
        raise BadArchive("broken")

    with ReadAhead(pieces(), _meter()) as stream:
        assert stream.read(1) == b"a"
        with pytest.raises(BadArchive, match="broken"):
            stream.read(1)


def test_leaving_early_ends_the_thread() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(1_000_000):
            taken.append(number)
            yield b"x"

    before = threading.active_count()
    with ReadAhead(pieces(), _meter()) as stream:
        stream.read(1)
    assert threading.active_count() == before
    assert len(taken) < 100


def test_a_pipe_gives_what_it_has() -> None:
    """Waiting for a full piece would go on in C, past a Ctrl-C that came meanwhile."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe:
        pieces = chunks_of(pipe)
        for sent in (b"one", b"two" * 1000):
            os.write(writing, sent)
            assert next(pieces) == sent
        os.close(writing)
        assert list(pieces) == []


def test_an_interrupt_ends_the_wait_for_a_pipe() -> None:
    reading, writing = os.pipe()

    def press() -> None:
        time.sleep(0.2)
        signal.raise_signal(signal.SIGINT)  # in this thread: the waiting one is not woken

    with open(reading, "rb", buffering=0) as pipe:
        presser = threading.Thread(target=press)
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            next(chunks_of(pipe))
        presser.join()
    os.close(writing)
