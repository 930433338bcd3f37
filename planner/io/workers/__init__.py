"""Worker processes, their batches and results."""
