"""Recorded verdicts and decisions derived again from MLflow's runs and the program, and what differs."""
