"""Everything that ``fsck`` looks at, one module a subject. Nothing here changes anything."""
