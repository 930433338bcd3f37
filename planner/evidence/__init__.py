"""Which runs count, and one value per seed."""
