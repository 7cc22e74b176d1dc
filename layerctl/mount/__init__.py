"""Overlay mounts through the kernel's mount API: making them, swapping them, telling who uses them."""
