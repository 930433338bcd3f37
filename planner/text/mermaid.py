"""Text that stays text in a mermaid chart."""

_SAFE = " ,.:;-_+/()%'"


def label(text: str) -> str:
    """A label without anything that could be markup or close it; mermaid writes entities with ``#``."""
    return "".join(c if c.isalnum() or c in _SAFE else f"#{ord(c)};" for c in text)
