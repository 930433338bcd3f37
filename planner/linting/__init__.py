"""The parts of the static check: findings about an expanded program whose names all lead somewhere."""
