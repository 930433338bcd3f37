"""``judge``: an answer from runs that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.history.judge import judge_history
from planner.history.judged import JudgedHistory
from planner.history.question import HistoryQuestion
from planner.history.report import as_csv, as_html, as_json, as_lines
from planner.io.commands.read import writing
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.histories.open_history import read_history
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply

MOST_ARMS = 40
"""So many arms are shown on a screen."""


@dataclass(frozen=True)
class JudgeOptions:
    """What was asked for besides the question.

    Attributes:
        store: an address, a file or a folder; None for the store that is meant where none is named.
        out: the file to write.
        save: the name of a program to write.
    """

    store: str | None = None
    experiments: Sequence[str] = ()
    out: Path | None = None
    save: str | None = None


def answer_judge(home: Home, question: HistoryQuestion, options: JudgeOptions) -> CommandResult:
    """Judges the runs of a store.

    Raises:
        UsageError: a name leads nowhere, or there is nothing to judge.
        StoreUnavailable: the store cannot be reached or read.

    Side effects: reads the store; writes the file, and the program, that are asked for.
    """
    if options.out is not None and options.out.suffix not in (".csv", ".html", ".png", ".svg"):
        raise UsageError(f"--out takes a .csv, .html, .png or .svg file, not '{options.out.name}'")
    judged = judge_history(read_history(home, options.store, question, options.experiments), question)
    if options.out is not None:
        _write(judged, options.out)

    def reply() -> Reply:
        from planner.io.commands.replies.judge import JudgeReply

        return JudgeReply.model_validate(as_json(judged))

    written = [f"wrote {options.out}"] if options.out else []
    if options.save is not None:
        from planner.io.commands.history.adopt import adopt

        written.append(f"wrote {adopt(home, options.save, judged, options)[1]}")
    return CommandResult(reply, lambda: joined([*as_lines(judged, MOST_ARMS), *written]))


def _write(judged: JudgedHistory, out: Path) -> None:
    with writing(out):
        if out.suffix in (".png", ".svg"):
            from planner.io.pictures.judged_arms import write_judged_arms

            write_judged_arms(judged, out)
        else:
            text = as_csv(judged) if out.suffix == ".csv" else as_html(judged)
            out.write_text(text, encoding="utf-8")
