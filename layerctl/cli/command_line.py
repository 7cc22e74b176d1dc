"""One command line from beginning to end: the one place where failures become words and an exit status."""

from __future__ import annotations

import sys

from layerctl.cli.app import run
from layerctl.cli.output import Output
from layerctl.cli.process import exit_status, prepare_process, silence_stdout
from layerctl.cli.session import Session
from layerctl.cli.settings import Settings

#: As a shell reports a death by SIGPIPE, which is how Git ends then.
_BROKEN_PIPE = 141


def run_command(words: tuple[str, ...]) -> int:
    """Runs one command line.

    Args:
        words: without the program's name.

    Returns:
        The exit status. Whatever went wrong has been said on stderr.
    """
    prepare_process()
    settings = Settings.from_environment()
    session = Session(settings, words, Output(settings))
    try:
        return _run(session)
    except BrokenPipeError:
        silence_stdout()
        return _BROKEN_PIPE
    except KeyboardInterrupt as exc:
        from layerctl.cli.interrupt import after_interrupt  # noqa: PLC0415 (mostly not needed)

        after_interrupt(session)
        return exit_status(exc)


def _run(session: Session) -> int:
    try:
        if session.settings.completing is not None:
            from layerctl.cli.completing import complete  # noqa: PLC0415 (only a shell asks for it)

            complete(session, session.settings.completing)
            return 0
        status = run(session)
        sys.stdout.flush()
        return status
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as exc:  # noqa: BLE001 (the one place that turns any failure into words)
        return _fail(session, exc)
    finally:
        session.out.close()


def _fail(session: Session, exc: Exception) -> int:
    session.out.close()
    _drop_unwritable_output()
    if session.settings.debug:
        import traceback  # noqa: PLC0415 (slow to load)

        traceback.print_exception(exc)
    from layerctl.cli.errors import describe  # noqa: PLC0415 (mostly not needed)

    failure = describe(exc, f"layerctl {session.verb}" if session.verb else "layerctl")
    session.out.json = _wants_json(session)
    session.out.failure(failure)
    return failure.exit_code


def _drop_unwritable_output() -> None:
    """What could not be written to a full disk must not be tried again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        silence_stdout()


def _wants_json(session: Session) -> bool:
    """Also where parsing stopped before it came to ``--json``."""
    before = session.words[: session.words.index("--")] if "--" in session.words else session.words
    return session.out.json or (session.verb != "run" and "--json" in before)
