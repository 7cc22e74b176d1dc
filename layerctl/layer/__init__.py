"""A layer on disk: reading, tidying, building, copying and unpacking it. No Git, no mounts."""
