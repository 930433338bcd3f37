"""Pictures and files of a memo."""
