"""History: runs that others made, judged as they are: which arm is better than another, and is it real.

One run is one row: parameters, one value of one metric, how it ended. Nothing here knows where it came from.

Public names: ``judge_history``, ``History``, ``LoggedRun``, ``HistoryQuestion``.
Never imports: programs, phases, verdicts; stores; chance; the clock.
"""
