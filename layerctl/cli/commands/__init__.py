"""One module a verb; each declares what it takes in an :class:`~layerctl.cli.declare.App` called ``app``."""
