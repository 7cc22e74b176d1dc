"""Colours, by their meaning in Git's palette. No rich here: most verbs need nothing more and start faster."""

from __future__ import annotations

from layerctl.values import frozen

_SGR = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


@frozen
class Style:
    """Paints text, or leaves it as it is.

    Attributes:
        enabled: whether to paint.
    """

    enabled: bool

    def __call__(self, text: str, *names: str) -> str:
        """Text in colours and weights, by name."""
        if not self.enabled or not text or not names:
            return text
        return f"\033[{';'.join(_SGR[name] for name in names)}m{text}\033[0m"


PLAIN = Style(False)
