"""The parts of the static check: each yields findings about an expanded program whose names all lead somewhere."""
