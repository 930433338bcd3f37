"""The edge: everything that touches the world.

Files, processes, signals, the clock, SQLite, MLflow. Each room below is one part of the world;
``in_memory`` has the twins of the stores that tests use.

Public names: ``MemoryRuns``, ``MemoryRecords``.
Never imports: ``planner.cli``.
"""
