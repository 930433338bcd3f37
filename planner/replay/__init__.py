"""Derives recorded verdicts and decisions again from MLflow's runs and the program; names what differs."""
