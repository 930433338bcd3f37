"""Why a decision was made: guards, criteria, gate, tier or case, triage, decision, with their numbers."""

from planner.explain.in_json import as_json
from planner.explain.in_mermaid import as_mermaid
from planner.explain.in_text import as_text
from planner.explain.trace import Trace
from planner.explain.why_not import why_not, why_not_lines

__all__ = ["Trace", "as_json", "as_mermaid", "as_text", "why_not", "why_not_lines"]
