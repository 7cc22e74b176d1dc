"""The use cases: one module a verb."""
