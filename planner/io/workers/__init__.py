"""Workers: processes that run experiments, and what they leave.

Launching, following and ending a worker; batches of runs; results read back and checked; the digest of an
experiment's code.

Public names: ``LocalLauncher``, ``Batch``, ``read_experiment``.
Never imports: MLflow, whatever syncs or commands.
"""
