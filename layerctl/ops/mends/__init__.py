"""What ``fsck --repair`` does about what it found, one module a subject."""
