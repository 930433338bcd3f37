"""The journal: what a home has decided and what it has in progress.

A SQLite file that is written before anything else is; its schemas and their upgrades; the rows of runs in
progress.

Public names: ``Journal``, ``Work``.
Never imports: MLflow, workers, whatever syncs or commands.
"""
