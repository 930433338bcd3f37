"""Commands that look after a home: what is at work is stopped, or read as it goes; leftovers are removed."""
