"""Turn a run with skipped tests into a failed one where CI=true: there, every test must really run.

Loaded by scripts/run-tests with ``-p tests.plugins.no_skips``. An expected failure (xfail) is no skip.
"""

import os
from collections.abc import Iterator

import pytest


class NoSkips:
    """Collects the ids of skipped tests and modules, and fails the session over them."""

    def __init__(self) -> None:
        self.skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped[report.nodeid] = reason_of(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped[report.nodeid] = reason_of(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if self.skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.skipped:
            return
        terminalreporter.section("skipped tests are failures where CI=true", red=True)
        for nodeid, reason in sorted(self.skipped.items()):
            terminalreporter.write_line(f"{nodeid}: {reason}")


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The reason a skip was given, as far as it gave one."""
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


def pytest_configure(config: pytest.Config) -> None:
    # Workers of xdist send their reports to the controller, which judges them all.
    if os.environ.get("CI", "").lower() in ("1", "true") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NoSkips(), "layerctl-no-skips")
