"""Guards: may this evidence be believed at all.

Seeds, completeness, confounds, leaks, values that are no numbers, base rates, missing artifacts, and the
guards that a program declares. A guard says what is wrong; the gate says what follows.

Public names: ``judge_guards``.
Never imports: judging and whatever stands above it.
"""
