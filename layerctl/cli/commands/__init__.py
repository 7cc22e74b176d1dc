"""One module a verb; each has a typer application called ``app``."""
