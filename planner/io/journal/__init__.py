"""The journal of a home."""
