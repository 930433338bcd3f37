"""Sync: journal and MLflow tell the same story.

What one holds and the other does not is copied, in order; a lost journal is rebuilt; runs that vanished are
named.

Public names: ``import_records``, ``mirror_pending``, ``rebuild_journal``, ``reconcile``.
Never imports: leases, commands.
"""
