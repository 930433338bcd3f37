"""What still stands, and why not."""
