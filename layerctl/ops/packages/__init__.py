"""``diff --packages``: the databases of package managers, and what differs between two states of them."""
