"""``layerctl config``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from layerctl.cli.declare import App, Argument, Option
from layerctl.cli.text import printable
from layerctl.errors import Declined, UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session

_EXAMPLES = """\
Examples:
  layerctl config user.name                 # as git would say it
  layerctl config hooks.timeout 120
  layerctl config --unset hooks.timeout
"""

app = App()


@app.command(epilog=_EXAMPLES)
def config(
    session: Session,
    key: Annotated[str | None, Argument(metavar="KEY", help="The option, such as user.name.")] = None,
    value: Annotated[str | None, Argument(metavar="VALUE", help="Its new value.")] = None,
    unset: Annotated[bool, Option("--unset", help="Remove KEY.")] = False,
    list_all: Annotated[bool, Option("-l", "--list", help="List what the repository sets.")] = False,
) -> None:
    """Read or set an option of this repository. Reading also sees git's own configuration."""
    if list_all or key is None:
        if unset or key is not None:
            raise UsageError("--list takes no KEY, and --unset needs one")
        _list(session)
    elif unset or value is not None:
        if unset and value is not None:
            raise UsageError("--unset takes no VALUE")
        session.repository().set_config(key, value)
        if session.out.json:
            session.out.document({"key": key, "value": value})
    else:
        _get(session, key)


def _list(session: Session) -> None:
    pairs = session.repository().list_config()
    if session.out.json:
        session.out.document([{"key": key, "value": value} for key, value in pairs])
    else:
        session.out.lines(f"{printable(key)}={printable(value)}" for key, value in pairs)


def _get(session: Session, key: str) -> None:
    value = session.repository().get_config(key)
    if value is None:
        raise Declined(f"'{key}' is not set", hint="'layerctl config --list' shows what is")
    if session.out.json:
        session.out.document({"key": key, "value": value})
    else:
        session.out.line(value)
