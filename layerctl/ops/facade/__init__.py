"""The public methods of a repository, grouped by what they are for; each calls the module of its verb."""
