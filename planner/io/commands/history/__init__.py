"""Commands on runs that others made."""
