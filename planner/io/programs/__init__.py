"""Program files: read, located by line, and begun from a template.

YAML 1.2 with the line of every key, so that a fault names file and line; the names of a home's programs;
what ``init`` writes.

Public names: ``load_program``, ``program_names``, ``start_program``.
Never imports: the journal, MLflow, workers.
"""
