"""Criteria: one kind per file. Each takes evidence and answers with a CriterionResult."""
