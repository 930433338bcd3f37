"""Journal and MLflow tell the same story."""
