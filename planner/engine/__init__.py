"""The engine: the loop of ``advance`` and what it needs of the world.

Recall, judge, choose, then record, ask or launch, each round from the records alone, so that a crash costs
one round. The ports are the protocols that stores, launchers and clocks keep. LangGraph is imported here
and nowhere else.

Public names: ``run_loop``, ``RunStore``, ``RecordStore``, ``Launcher``.
Never imports: ``planner.io``: the world is handed in.
"""
