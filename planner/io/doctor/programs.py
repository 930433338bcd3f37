"""Programs that do not load, and programs that are being advanced just now."""

from __future__ import annotations

from collections.abc import Iterator

from planner.errors import ProgramError
from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.leases.program_lock import holder_of
from planner.io.programs.loader import load_program, program_names


def check_programs(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Loads the programs.

    Side effects: notes in the patient which load.
    """
    loaded = []
    for name in program_names(patient.home.root):
        try:
            loaded.append(load_program(patient.home.program(name)))
        except ProgramError as error:
            first, *others = error.lines
            what = f"the program {name} does not load: {first}" + (" (and more)" if others else "")
            yield HealthFinding(
                "program.malformed", name, what, f"mend the file; 'check {name}' names every fault", name
            )
        if name in patient.busy:
            holder = holder_of(patient.home, name)
            who = (
                f"process {holder.pid} on {holder.host} since {holder.since}" if holder else "another process"
            )
            yield HealthFinding(
                "program.busy",
                name,
                f"{name} is being advanced by {who} and is left alone",
                "run it again when that has ended",
                name,
                warning=True,
            )
    patient.programs = loaded
