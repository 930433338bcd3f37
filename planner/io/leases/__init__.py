"""Who holds what, and the reaper of what nobody holds."""
