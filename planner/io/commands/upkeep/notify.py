"""Calls a program's ``notify`` when it waits for a person, is blocked, or done."""

from __future__ import annotations

import json
from collections.abc import Callable

from planner.errors import meaning_of_system_error
from planner.io.system.bounded_call import call
from planner.lineage.program_state import ProgramState
from planner.lineage.status import next_step, program_state
from planner.paths import Home
from planner.text.terminal import sentence

SECONDS = 30.0
REACHED = ("waiting", "blocked", "done")


def notify(home: Home, state: ProgramState, warn: Callable[[str], object], seconds: float = SECONDS) -> None:
    """Calls the command once for each state that is reached, and not again while nothing changes.

    Args:
        warn: takes the line that says what went wrong; nothing follows from it.

    Side effects: those of the command; notes in a file which state was told of last.
    """
    reached = program_state(state)
    if state.program.notify is None or state.latest is None or reached not in REACHED:
        return
    note = home.notified(state.program.program)
    what = json.dumps({"state": reached, "decision_id": state.latest.id})
    if note.is_file() and note.read_text(encoding="utf-8", errors="replace") == what:
        return
    message = _message(home, state, reached)
    variables = {f"PHASEGATE_{key.upper()}": message[key] for key in _IN_ENVIRONMENT}
    text = json.dumps({"schema": "phasegate.notify/1", **message}, ensure_ascii=False)
    fault = call(state.program.notify, text, _for_a_process(variables), home.root, seconds)
    if fault:
        warn(sentence(f"warning: notify: {fault}"))
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(what, encoding="utf-8")
    except OSError as error:
        warn(sentence(f"warning: notify: {meaning_of_system_error(error) or error}"))


_IN_ENVIRONMENT = ("program", "state", "phase", "reason", "memo")


def _message(home: Home, state: ProgramState, reached: str) -> dict[str, str]:
    assert state.latest is not None
    name, phase = state.program.program, state.latest.phase
    memo = home.memo(name, phase, state.latest.fidelity)
    return {
        "program": name,
        "state": reached,
        "phase": phase,
        "reason": next_step(state)["reason"],
        "memo": str(memo) if memo.is_file() else "",
        "decision_id": state.latest.id,
    }


def _for_a_process(variables: dict[str, str]) -> dict[str, str]:
    """Variables as a process can have them: without NUL."""
    return {name: value.replace("\0", "") for name, value in variables.items()}
