"""Claims with their status and evidence, what they rest on and what rests on them; scores."""
