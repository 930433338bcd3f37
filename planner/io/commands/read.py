"""``programs``, ``status``, ``memo`` and ``graph``: what program files and the journal say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from planner.errors import Fault, UsageError, each_apart
from planner.io.commands.open_home import open_program, phase_of, read_program_state
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.programs.loader import program_names
from planner.language.program import Program
from planner.lineage.program_state import ProgramState
from planner.lineage.status import as_lines, phase_json, program_json
from planner.paths import Home
from planner.text.terminal import plain

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply
    from planner.io.commands.replies.reading import StatusReply
    from planner.phase_graph.render import PhaseState

GraphFormat = Literal["text", "mermaid", "svg", "png"]


def answer_programs(home: Home) -> CommandResult:
    """The programs of a home, one line each."""
    programs, faults = each_apart(program_names(home.root), lambda name: open_program(home, name))

    def reply() -> Reply:
        from planner.io.commands.replies.error import error_replies
        from planner.io.commands.replies.reading import ProgramJson, ProgramsReply

        rows = [ProgramJson(name=p.program, question=p.question, phases=tuple(p.phases)) for p in programs]
        return ProgramsReply(programs=tuple(rows), errors=error_replies(faults))

    lines = [f"{p.program}: {p.question} ({len(p.phases)} phases)" for p in programs]
    return CommandResult(reply, lambda: joined(lines), faults)


def answer_status(home: Home, name: str | None) -> CommandResult:
    """Where a program stands, or all of them."""
    names = [name] if name else program_names(home.root)
    states, faults = each_apart(names, lambda name: read_program_state(home, open_program(home, name))[0])

    def reply() -> Reply:
        return status_reply(states, faults)

    return CommandResult(reply, lambda: "\n".join(joined(as_lines(state)) for state in states), faults)


def status_reply(states: Sequence[ProgramState], faults: Sequence[Fault]) -> StatusReply:
    """Where programs stand, for other programs, and what kept the rest from it."""
    from planner.io.commands.replies.error import error_replies
    from planner.io.commands.replies.reading import StatusReply

    rows = [program_json(state) for state in states]
    return StatusReply.model_validate({"programs": rows, "errors": error_replies(faults)})


def answer_memo(home: Home, name: str, phase: str | None) -> CommandResult:
    """The memo of a phase; of the one judged last if none is named."""
    text, path = memo_text(home, name, phase)

    def reply() -> Reply:
        from planner.io.commands.replies.reading import MemoReply

        return MemoReply(program=name, path=str(path), text=text)

    return CommandResult(reply, lambda: text)


def memo_text(home: Home, name: str, phase: str | None) -> tuple[str, Path]:
    """The memo of a phase, and the file that holds it; rendered anew where the file is gone.

    Raises:
        UsageError: the phase is unknown or has not been judged.
    """
    program = open_program(home, name)
    state, entries = read_program_state(home, program)
    chosen = phase_of(program, phase) or _judged_last(state)
    if chosen is None or chosen not in state.verdicts:
        what = f"phase '{chosen}' of {name}" if chosen else name
        raise UsageError(f"{what} has not been judged, so there is no memo yet; run 'advance {name}'")
    path = home.memo(name, chosen, state.verdicts[chosen].fidelity)
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace"), path  # people edit it
    from planner.io.commands.explain import build_trace
    from planner.memo.render import render_memo

    trace = build_trace(state, entries, chosen, state.verdicts[chosen], state.decisions.get(chosen))
    return render_memo(trace, (), trace.decided_at), path


def _judged_last(state: ProgramState) -> str | None:
    if state.latest and state.latest.phase in state.verdicts:
        return state.latest.phase
    judged = [d.phase for d in state.decisions.values() if d.phase in state.verdicts]
    return judged[-1] if judged else None


def answer_graph(home: Home, name: str, form: GraphFormat, out: Path | None) -> CommandResult:
    """The phase graph with today's states; a picture is written, the others are where no file is named.

    Side effects: its text may write a file.
    """
    from planner.phase_graph.render import as_mermaid, as_text

    program, states = phase_states(home, name)

    def reply() -> Reply:
        from planner.io.commands.replies.reading import GraphReply

        return GraphReply(program=name, phases=states, mermaid=as_mermaid(program, states))

    def text() -> str:
        if form in ("svg", "png"):
            return joined([str(_draw_graph(program, states, form, out))])
        return said_or_written(
            as_text(program, states) if form == "text" else as_mermaid(program, states), out
        )

    return CommandResult(reply, text)


def phase_states(home: Home, name: str) -> tuple[Program, dict[str, PhaseState]]:
    """A program and the state of each of its phases, for drawing."""
    from planner.phase_graph.render import PhaseState

    program = open_program(home, name)
    state, _ = read_program_state(home, program)
    states = {}
    for phase in program.phases:
        facts = phase_json(state, phase)
        states[phase] = PhaseState(**{k: facts[k] for k in PhaseState.model_fields})
    return program, states


def _draw_graph(program: Program, states: dict[str, PhaseState], form: str, out: Path | None) -> Path:
    from planner.io.pictures.phase_graph import write_graph

    path = out or Path(f"{program.program}.{form}")
    with writing(path):
        path = path if path.suffix == f".{form}" else path.with_suffix(f".{form}")
        write_graph(program, states, path)
    return path


def said_or_written(text: str, out: Path | None) -> str:
    """The text to be said; nothing where it was written into a file.

    Raises:
        UsageError: the file cannot be written.
    """
    if out is None:
        return f"{text}\n"
    with writing(out):
        out.write_text(plain(text).rstrip("\n") + "\n", encoding="utf-8")
    return ""


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turns what hinders the writing of a file that was asked for into a sentence."""
    try:
        if not out.name or out.is_dir():
            raise UsageError(f"--out takes a file, and '{out}' is a folder")
        yield
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"'{out}' cannot be written: {why}; name another file with --out") from error
