"""``doctor``: looks at all that a home holds, says what is wrong, and mends what can be mended."""
