"""``layerctl completion``."""

from __future__ import annotations

from typing import Annotated

import typer

from layerctl.cli.completing import SCRIPTS
from layerctl.cli.parsing import APP, Verb
from layerctl.cli.session import Session, takes_session
from layerctl.errors import UsageError

_EXAMPLES = """\
Examples:
  source <(layerctl completion bash)
  layerctl completion zsh > "${fpath[1]}/_layerctl"
  layerctl completion fish > ~/.config/fish/completions/layerctl.fish
"""

app = typer.Typer(**APP)


@app.command(cls=Verb, epilog=_EXAMPLES)
@takes_session
def completion(
    session: Session, shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]
) -> None:
    """Print a completion script for a shell."""
    if shell not in SCRIPTS:
        raise UsageError(f"there is no completion for '{shell}'", hint=f"known shells: {', '.join(SCRIPTS)}")
    if session.out.json:
        session.out.document({"shell": shell, "script": SCRIPTS[shell]})
    else:
        session.out.raw([SCRIPTS[shell].encode()])
