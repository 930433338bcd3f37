"""Pictures: figures of a memo, the phase graph, the chart of claims, calibration.

Drawn the same on every machine, and written beside the memo. matplotlib is imported here and nowhere else.

Public names: ``write_graph``, ``figures_of``, ``MemoFiles``.
Never imports: the journal, MLflow, workers.
"""
