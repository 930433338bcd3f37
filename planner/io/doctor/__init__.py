"""``doctor``: looks at everything that a home holds, says what is wrong with it, and mends what can be mended."""
