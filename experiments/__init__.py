"""Measures one arm at one seed, and says so to whoever asks; decides nothing.

An experiment is a module here that keeps to ``contract``; ``worker`` is the process that runs it, with
``loading`` (finds it), ``measuring`` (runs a job and types its end), ``command`` (a user's own command in
its stead) and ``recording`` (what a run leaves, checked). What experiments are made of lies in ``parts``.
Nothing here imports the planner, MLflow, LangGraph or the command line.
"""
