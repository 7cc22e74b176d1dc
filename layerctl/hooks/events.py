"""The events that hooks are called for."""

from __future__ import annotations

from layerctl.values import frozen


@frozen
class Event:
    """One event.

    Attributes:
        name: the name of its hooks.
        can_refuse: a hook that fails stops the verb.
        holds: the verb holds locks meanwhile, so that a hook cannot change what they protect.
        skipped_by: the option that leaves the hooks out, if there is one.
    """

    name: str
    can_refuse: bool
    holds: bool
    skipped_by: str | None = None


#: Every event by its name, in the order of the documentation.
EVENTS: dict[str, Event] = {
    event.name: event
    for event in (
        Event("pre-commit", can_refuse=True, holds=True, skipped_by="--no-verify"),
        Event("commit-msg", can_refuse=True, holds=True, skipped_by="--no-verify"),
        Event("post-commit", can_refuse=False, holds=False),
        Event("pre-checkout", can_refuse=True, holds=True),
        Event("post-checkout", can_refuse=False, holds=False),
        Event("pre-rollback", can_refuse=True, holds=True),
        Event("post-rollback", can_refuse=False, holds=False),
        Event("pre-run", can_refuse=True, holds=True),
        Event("post-run", can_refuse=False, holds=False),
        Event("post-import", can_refuse=False, holds=False),
        Event("pre-push", can_refuse=True, holds=True),
        Event("reference-transaction", can_refuse=True, holds=True),
        Event("pre-gc", can_refuse=True, holds=False),
    )
}
