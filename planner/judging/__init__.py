"""Judging: gate, row, claims and confidence come together in a verdict.

The error budget and who spends it, the noise floor, what is judged after its rule changed, and the flip
points of a verdict, each tried on the evidence. The same evidence and the same rules give the same verdict,
byte for byte.

Public names: ``judge_phase``, ``build_test_design``.
Never imports: deciding and whatever stands above it.
"""
