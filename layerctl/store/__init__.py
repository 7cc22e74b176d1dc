"""What a repository keeps: Git objects and refs, layers, worktrees, locks, the journal."""
