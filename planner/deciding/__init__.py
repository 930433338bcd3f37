"""Deciding: what happens next.

The walk over the phases from today's evidence: more seeds, a triage option, the next phase, a person, or
the end; always by a rule, with what was rejected. What a person overrides is kept beside the
recommendation.

Public names: ``build_plan``, ``PlanningState``, ``Plan``.
Never imports: lineage, explaining, stores, the clock.
"""
