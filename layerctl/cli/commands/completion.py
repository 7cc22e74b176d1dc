"""``layerctl completion``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from layerctl.cli.completing import SCRIPTS
from layerctl.cli.declare import App, Argument
from layerctl.errors import UsageError

if TYPE_CHECKING:
    from layerctl.cli.session import Session

_EXAMPLES = """\
Examples:
  source <(layerctl completion bash)
  layerctl completion zsh > "${fpath[1]}/_layerctl"
  layerctl completion fish > ~/.config/fish/completions/layerctl.fish
"""

app = App()


@app.command(epilog=_EXAMPLES)
def completion(session: Session, shell: Annotated[str, Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print a completion script for a shell."""
    if shell not in SCRIPTS:
        raise UsageError(f"there is no completion for '{shell}'", hint=f"known shells: {', '.join(SCRIPTS)}")
    if session.out.json:
        session.out.document({"shell": shell, "script": SCRIPTS[shell]})
    else:
        session.out.raw([SCRIPTS[shell].encode()])
