"""The store: a home's runs and records in MLflow, as programs read and write them.

Which runs are a program's (its own, those that bear its tags, those that it selects, those in the stores of
others that it names as evidence), how a finished run is written down, and records beside the runs.

Public names: ``MlflowRuns``, ``MlflowRecords``.
Never imports: workers, whatever syncs or commands.
"""
