"""Gate, row, claims, confidence: a verdict."""
