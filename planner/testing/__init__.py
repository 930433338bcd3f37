"""Testing a program: it is walked on scripted runs, without a store, torch or a second of waiting.

``MemoryHome`` runs a program on what a function says that runs measure; ``run_experiment`` runs an experiment
once. ``MemoryRuns``, ``MemoryRecords``, ``MemoryMemos`` and ``InProcessLauncher`` are the twins that this
project's own tests use, with the promises of the real parts.

Public names: ``MemoryHome``, ``run_experiment``, ``example_program``, ``example_table``.
Never imports: the command line.
"""

from planner.io.in_memory import MemoryRecords, MemoryRuns
from planner.io.pictures.memo_files import MemoryMemos
from planner.io.workers.in_process import InProcessLauncher
from planner.testing.examples import example_program, example_table
from planner.testing.experiments import ExperimentResult, measure_with, run_experiment
from planner.testing.memory_home import Measurement, MemoryHome

__all__ = [
    "ExperimentResult",
    "InProcessLauncher",
    "Measurement",
    "MemoryHome",
    "MemoryMemos",
    "MemoryRecords",
    "MemoryRuns",
    "example_program",
    "example_table",
    "measure_with",
    "run_experiment",
]
