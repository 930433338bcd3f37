"""Scoring: how right predictions and overrides were.

Registered predictions against what came (Brier score); overrides marked right, wrong or open by the
verdicts that followed.

Public names: ``score_overrides``, ``score_predictions``.
Never imports: explaining and whatever stands above it, stores.
"""
