"""What ``knowledge`` shows, from program files and the journal alone."""

from __future__ import annotations

from collections.abc import Sequence

from planner.errors import Fault, each_apart
from planner.io.commands.open_home import open_program, read_program_state
from planner.io.programs.loader import program_names
from planner.io.system.clock import SystemClock
from planner.knowledge.build import Knowledge, build_knowledge
from planner.paths import Home


def knowledge_of(home: Home, name: str | None) -> tuple[Sequence[Knowledge], Sequence[Fault]]:
    """What is known in one program, or in all; and what is wrong with programs that cannot be read."""

    def read(which: str) -> Knowledge:
        state, entries = read_program_state(home, open_program(home, which))
        return build_knowledge(state, entries, SystemClock().now())

    return each_apart([name] if name is not None else program_names(home.root), read)
