"""MLflow: runs and records where people browse them.

The only room that speaks to MLflow: tags, runs, records, where artifacts lie, what its errors mean in our
words, its UI.

Public names: ``MlflowRuns``, ``MlflowRecords``.
Never imports: workers, whatever syncs or commands.
"""
