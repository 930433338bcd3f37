"""Leases: who holds a program or a store, and what becomes of runs that nobody holds.

One planner per program and home; the heartbeat of runs in progress; the reaper that adopts what is complete
and ends what is not: workers of dead planners are killed here.

Public names: ``program_lock``, ``SharedLease``, ``Reaper``.
Never imports: commands, doctor.
"""
