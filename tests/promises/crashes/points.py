"""Where the planner is killed: every durable step of a run's life, of a decision's, and of settling both.

A point is the moment right after (or before) a write, by the names that ``dying.py`` gives; what is killed
between two writes leaves what the earlier one left.
"""

from __future__ import annotations

from dataclasses import dataclass

BEGINNING = """
1 before table experiments
1 before table evaluation_dataset_records
1 before file.rename(store)
1 after file.rename(store)
1 before mlflow.create_experiment
1 after mlflow.create_experiment
2 after mlflow.set_experiment_tag
1 after worker.send(describe)
1 before journal.note_described > sqlite.commit
1 after journal.note_described
"""
DECIDING = """
1 before launch > journal.add(decision) > sqlite.commit
1 after launch > journal.add(decision)
1 after launch > records.phase_run > mlflow.create_run
1 after launch > records.phase_run > mlflow.log_batch(params)
1 after launch > records.write_decision > mlflow.create_run
1 after launch > records.write_decision > mlflow.log_batch(params)
1 after launch > records.write_decision > mlflow.log_text(record.json)
1 after launch > records.write_decision > mlflow.set_terminated
1 after launch > records.write_decision > mlflow.set_tag(planner.record_id)
1 after launch > records.stood > mlflow.set_tag(planner.stood)
2 after launch > journal.mark_mirrored
"""
RUNNING = """
2 after launch > journal.plan_work
2 after launch > worker.send(run)
2 after launch > journal.update_work(leased)
2 after launch > runs.start > mlflow.create_run
2 after launch > runs.start > mlflow.log_batch(params)
2 after launch > runs.start > mlflow.log_inputs
2 after launch > journal.update_work(started)
2 after launch > runs.finish > mlflow.log_batch(metrics)
2 after launch > runs.finish > mlflow.log_artifacts
2 after launch > runs.finish > mlflow.log_batch(tags)
2 after launch > runs.finish > mlflow.set_terminated
2 after launch > runs.finish > mlflow.set_tag(planner.outcome)
2 after launch > journal.update_work(finished)
6 after launch > file.remove
"""
KEEPING_CODE = """
1 after launch > runs.start > mlflow.log_artifacts
1 after launch > runs.start > mlflow.set_tag(planner.code_run)
"""
REPEATING = """
1 after repeat > journal.plan_work
1 after repeat > worker.send(run)
1 after repeat > journal.update_work(leased)
1 after repeat > runs.start_repeat > mlflow.create_run
1 after repeat > runs.start_repeat > mlflow.log_batch(params)
1 after repeat > runs.start_repeat > mlflow.log_inputs
1 after repeat > journal.update_work(started)
1 after repeat > runs.finish_repeat > mlflow.log_batch(metrics, tags)
1 after repeat > runs.finish_repeat > runs.finish > mlflow.log_batch(metrics)
1 after repeat > runs.finish_repeat > runs.finish > mlflow.log_artifacts
1 after repeat > runs.finish_repeat > runs.finish > mlflow.log_batch(tags)
1 after repeat > runs.finish_repeat > runs.finish > mlflow.set_terminated
1 after repeat > runs.finish_repeat > runs.finish > mlflow.set_tag(planner.outcome)
1 after repeat > journal.note_repeats
1 after repeat > file.remove
1 after repeat > journal.update_work(abandoned)
"""
JUDGING = """
1 before record > journal.add(verdict) > sqlite.commit
1 after record > journal.add(verdict)
2 after record > journal.add(verdict)
1 before record > journal.add(decision) > sqlite.commit
1 after record > journal.add(decision)
1 after record > memos.write > file.rename(figure)
1 before record > memos.write > file.rename(memo)
1 after record > memos.write > file.rename(memo)
1 after record > records.write_verdict > mlflow.log_batch(metrics, tags)
1 after record > records.write_verdict > mlflow.update_run
1 after record > records.write_verdict > mlflow.log_text(record.json)
1 after record > records.write_verdict > mlflow.set_terminated
1 after record > records.write_verdict > mlflow.set_tag(planner.record_id)
1 after record > records.stood > mlflow.set_tag(planner.stood)
1 after record > journal.mark_mirrored
1 after record > records.write_memo > mlflow.log_text(memo.md)
1 after record > records.write_memo > mlflow.log_artifact(figures)
1 after record > records.write_memo > mlflow.log_text(explain.json)
1 after record > records.write_memo > mlflow.set_tag(mlflow.note.content)
1 after record > records.write_decision > mlflow.create_run
1 after record > records.write_decision > mlflow.log_batch(metrics, params)
1 after record > records.write_decision > mlflow.log_text(record.json)
1 after record > records.write_decision > mlflow.set_terminated
1 after record > records.write_decision > mlflow.set_tag(planner.record_id)
2 after record > records.stood > mlflow.set_tag(planner.stood)
2 after record > journal.mark_mirrored
"""
APPROVING = """
1 before approve > journal.add(override) > sqlite.commit
1 after approve > journal.add(override)
1 after approve > records.write_person > mlflow.create_run
1 after approve > records.write_person > mlflow.log_batch(params)
1 after approve > records.write_person > mlflow.log_text(record.json)
1 after approve > records.write_person > mlflow.set_terminated
1 after approve > records.write_person > mlflow.set_tag(planner.record_id)
1 after approve > records.stood > mlflow.set_tag(planner.stood)
1 after approve > journal.mark_mirrored
1 after file.remove
"""
SAYING = """
1 before write_down > journal.add(override) > sqlite.commit
1 after write_down > journal.add(override)
1 after write_down > records.write_person > mlflow.create_run
1 after write_down > records.write_person > mlflow.log_batch(params)
1 after write_down > records.write_person > mlflow.log_text(record.json)
1 after write_down > records.write_person > mlflow.set_terminated
1 after write_down > records.write_person > mlflow.set_tag(planner.record_id)
1 after write_down > records.stood > mlflow.set_tag(planner.stood)
1 after write_down > journal.mark_mirrored
"""
REBUILDING = """
3 before journal.make > sqlite.create
1 after journal.make
1 after rebuild > import_records > journal.add(decision)
1 before rebuild > import_records > journal.add(verdict) > sqlite.commit
1 after rebuild > import_records > journal.add(verdict)
2 after rebuild > import_records > journal.add(decision)
1 after rebuild > import_records > journal.note_finished
1 after rebuild > import_records > journal.note_repeats
1 after import_records > journal.note_finished
"""
ADOPTING = """
1 after settle > runs.finish > mlflow.log_batch(metrics)
1 after settle > runs.finish > mlflow.log_artifacts
1 after settle > runs.finish > mlflow.log_batch(tags)
1 after settle > runs.finish > mlflow.set_terminated
1 after settle > runs.finish > mlflow.set_tag(planner.outcome)
1 after settle > journal.update_work(finished)
1 after settle > file.remove
1 after settle > runs.end_orphans > mlflow.set_terminated
1 after settle > runs.end_orphans > mlflow.set_tag(planner.outcome)
1 after launch > records.phase_run > mlflow.update_run
1 after launch > records.phase_run > mlflow.delete_tag
"""
REAPING = """
1 before settle > runs.abandon > mlflow.log_batch(tags)
1 after settle > runs.abandon > mlflow.log_batch(tags)
1 after settle > runs.abandon > mlflow.set_terminated
1 after settle > journal.note_finished
1 after settle > journal.update_work(abandoned)
"""
ENDING_ORPHANS = """
1 after settle > runs.start > mlflow.create_run
1 after settle > runs.start > mlflow.log_batch(params)
1 after settle > runs.start > mlflow.log_inputs
1 after settle > runs.end_orphans > runs.abandon > mlflow.log_batch(tags)
1 after settle > runs.end_orphans > runs.abandon > mlflow.set_terminated
1 after settle > journal.note_finished
"""


@dataclass(frozen=True)
class Point:
    """One way to die.

    Attributes:
        life: what was going on.
        name: the announcement (``before NAME`` or ``after NAME``).
        nth: at which of its announcements.
    """

    life: str
    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.life}: {self.name} ({self.nth})"

    @property
    def sort(self) -> str:
        """What is written there."""
        return self.name.partition(" ")[2]


def _points(life: str, text: str) -> list[Point]:
    return [
        Point(life, line.partition(" ")[2], int(line.partition(" ")[0])) for line in text.split("\n") if line
    ]


LIVES = {
    "beginning": BEGINNING,
    "running": DECIDING + RUNNING + KEEPING_CODE + REPEATING + JUDGING,
    "accepting": APPROVING,
    "saying": SAYING,
    "rebuilding": REBUILDING,
    "adopting": ADOPTING,
    "reaping": REAPING,
    "ending orphans": ENDING_ORPHANS,
}
POINTS = [point for life, text in LIVES.items() for point in _points(life, text)]
