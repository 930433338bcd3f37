"""May this evidence be believed at all."""
