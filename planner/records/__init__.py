"""What is written down: verdicts, decisions, a person's words, runs and jobs."""
