"""The listing of a whole rootfs as a Merkle tree of Git objects: apply, compare, look up."""
