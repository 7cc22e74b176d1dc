"""Values as lines of text. No output here: every function yields lines, for fixed colours, widths and times."""
