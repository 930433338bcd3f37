"""The memo: one verdict and the decision after it, as markdown.

Every number of a memo is filled from run ids and can be recomputed; the check of a memo is here too.

Public names: ``render_memo``, ``find_discrepancies``.
Never imports: stores, files, figures.
"""
