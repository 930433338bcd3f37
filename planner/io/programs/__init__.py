"""Program files are read, and begun."""
