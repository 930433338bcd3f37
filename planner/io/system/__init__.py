"""The system: processes, signals, the clock, and files moved out of the way.

What the operating system gives: whether a process lives and what it left, a write that a signal may not
cut, the time, a place for what is broken.

Public names: ``SystemClock``, ``whole``, ``is_running``, ``move_away``.
Never imports: the journal, MLflow, workers.
"""
