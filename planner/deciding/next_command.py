"""What a person types where a program does not go on by itself."""

from __future__ import annotations

from planner.deciding.triage import choices
from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.verdict import Verdict

_REASON = "--reason TEXT"


def commands_after(program: Program, decision: Decision, verdict: Verdict | None) -> list[str]:
    """The commands that move a program on from where a person is waited for, the first recommended.

    Args:
        verdict: that the decision follows. A run that spoils the evidence can be excluded; where none
            worked, ``advance`` tries again what the environment lacked, and ``retry`` the rest.

    Returns:
        Words for a shell in which TEXT (and RUN) stand for what the person knows; empty where
        ``advance`` goes on by itself and where nothing is left to do.
    """
    if decision.phase not in program.phases:
        return []  # the program no longer has it
    about = f"phasegate override {program.program} {decision.phase}"
    offered = choices(program, decision.phase, decision.due)
    if decision.action == "stop":
        due = [one.option for one in decision.due if one.option in offered]
        return [f"{about} --choose {option} {_REASON}" for option in due]
    if decision.action != "wait":
        return []
    if verdict is not None and verdict.no_run_worked:
        again = f"phasegate retry {program.program} {_REASON}"
        return [f"phasegate advance {program.program}", again, f"{about} --choose stop {_REASON}"]
    outcome = verdict.outcome if verdict is not None else None
    refused = outcome == "invalid" or (outcome == "blocked" and decision.choice is None)
    commands = [f"phasegate exclude RUN {_REASON}"] if refused else []
    if decision.choice is None:
        return commands + [f"{about} --choose {choice} {_REASON}" for choice in offered]
    if decision.needs_person == "to_act":
        return [*commands, f"{about} --done {decision.choice} {_REASON}"]
    usual = program.phases[decision.phase].fidelity
    rung = "" if decision.fidelity == usual else f" --fidelity {decision.fidelity}"
    return [*commands, f"phasegate advance {program.program} --accept{rung}"]
