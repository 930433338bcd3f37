"""How right predictions and overrides were."""
