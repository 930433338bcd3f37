"""The descriptions of decisions and overrides as their MLflow pages show them."""

from __future__ import annotations

from planner.records.decision import Decision
from planner.records.person import Exclusion, Override, PersonRecord, Retry, Revocation
from planner.text.markdown import escape
from planner.text.numbers import words


def decision_note(decision: Decision) -> str:
    """What was decided, why, by which rule, and what was not chosen."""
    lines = [
        f"**{decision.action}{' ' + decision.choice if decision.choice else ''}**",
        "",
        escape(decision.reason),
        "",
        f"Rule: `{decision.rule}`",
    ]
    if decision.recommended and decision.override_ids:
        lines += ["", f"The rules recommend **{escape(decision.recommended)}**; a person chose otherwise."]
    if decision.needs_person:
        lines += ["", f"Waits for a person ({words(decision.needs_person)})."]
    if decision.rejected:
        lines += ["", "| not chosen | why | what would choose it |", "|:--|:--|:--|"]
        lines += [
            f"| `{escape(r.choice)}` | {escape(r.reason)} | {escape(r.flips_if) or '-'} |"
            for r in decision.rejected
        ]
    return "\n".join(lines) + "\n"


def person_note(record: PersonRecord) -> str:
    """Who did what, when and why."""
    if isinstance(record, Override):
        what = f"chose **{escape(record.choose)}**" if record.choose else f"verdict **{record.verdict}**"
        what = f"has done **{escape(record.done)}**" if record.done else what
        against = f" The rules recommend **{escape(record.recommended)}**." if record.recommended else ""
        until = f" Until {escape(record.expires)}." if record.expires else ""
        return f"{escape(record.by)} {what} at {record.at}: {escape(record.reason)}.{against}{until}\n"
    if isinstance(record, Revocation):
        return (
            f"{escape(record.by)} revoked `{record.override_id}` at {record.at}: {escape(record.reason)}.\n"
        )
    if isinstance(record, Exclusion):
        verb = "takes back into" if record.undone else "keeps out of"
        return f"{escape(record.by)} {verb} all evidence run `{record.run_id}`: {escape(record.reason)}.\n"
    if isinstance(record, Retry):
        runs = ", ".join(f"`{run_id}`" for run_id in record.run_ids)
        return f"{escape(record.by)} has failed runs made again: {escape(record.reason)}. Runs: {runs}.\n"
    return (
        f"{escape(record.by)} declares the code change to `{record.new}` harmless: {escape(record.reason)}.\n"
    )
