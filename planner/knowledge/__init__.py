"""Claims with their status and evidence, what they rest on and what rests on them; scores."""

from planner.knowledge.build import Knowledge, KnownClaim, Link, build_knowledge
from planner.knowledge.in_json import as_json
from planner.knowledge.in_mermaid import as_mermaid
from planner.knowledge.in_text import as_text

__all__ = ["Knowledge", "KnownClaim", "Link", "as_json", "as_mermaid", "as_text", "build_knowledge"]
