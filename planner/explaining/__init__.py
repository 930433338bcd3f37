"""Why a decision was made: guards, criteria, gate, tier or case, triage, decision, with their numbers."""
