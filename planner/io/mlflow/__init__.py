"""MLflow: the way to it, and what it says in our words.

The only room that imports MLflow: clients, pages, tags, what a run says, where artifacts lie, what its errors
mean, its UI.

Public names: ``connect``, ``read_run``.
Never imports: workers, histories, whatever syncs or commands.
"""
