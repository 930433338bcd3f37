"""The command line: parts are chosen and joined here and nowhere else."""

from __future__ import annotations

import functools
import gc
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from planner.errors import (
    Fault,
    PhasegateError,
    ProgramBusy,
    ProgramError,
    UsageError,
    each_apart,
    meaning_of_system_error,
)
from planner.io.system.signals import Stopped, stoppable
from planner.paths import Home
from planner.text.terminal import CONTROL, plain, sentence

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Runs gated research programs, judges them by rules, and says why.",
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Name = Annotated[str, typer.Argument(metavar="PROGRAM")]
MaybeName = Annotated[str | None, typer.Argument(metavar="[PROGRAM]")]
FIDELITIES = ("smoke", "standard", "full")


def _guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turns errors into one sentence on stderr and the exit code of ``docs/cli.md``."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except PhasegateError as error:
            typer.echo(_told(error), err=True)
            code = error.exit_code
        except KeyboardInterrupt:
            typer.echo("stopped; what is finished is kept, and the same command goes on from here", err=True)
            code = 130
        except Stopped as stop:
            typer.echo(_stopped(stop), err=True)
            code = stop.exit_code
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nobody reads on; say nothing more
            code = 0
        except OSError as error:
            code = _say_unexpected(error, meaning_of_system_error(error))
        except Exception as error:
            code = _say_unexpected(error)
        raise typer.Exit(code)

    return run


def _stopped(stop: Stopped) -> str:
    """What a stop left behind, and how to go on."""
    cut_off = f"; {stop.marked} in progress marked as killed, to be made again" if stop.marked else ""
    again = shlex.join([_program_name(), *sys.argv[1:]])
    return f"stopped by {stop.name}: what is finished is kept{cut_off}\ngo on with: {again}"


def _say_unexpected(error: Exception, meaning: PhasegateError | None = None) -> int:
    """Says in a sentence what went wrong; the exit code that goes with it."""
    if _settings["debug"]:
        traceback.print_exc()
    if meaning is not None:
        typer.echo(_told(meaning), err=True)
        return meaning.exit_code
    told = sentence(f"{type(error).__name__}: {error}")
    typer.echo(f"unexpected error: {told}; run it again with --debug to see where", err=True)
    return 1


def _told(error: PhasegateError) -> str:
    """One sentence; of a malformed program, one line for each fault."""
    lines = str(error).splitlines() if isinstance(error, ProgramError) else [str(error)]
    return "\n".join(map(sentence, lines))


def _say(text: str, end: str = "\n") -> None:
    """Writes a result; what programs, runs and records hold reaches no terminal as a command to it."""
    typer.echo(plain(text) + end, nl=False)


_settings: dict[str, Any] = {"home": None, "debug": False}


def command(name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a command whose errors are sentences."""
    return lambda function: app.command(name)(_guarded(function))


@app.callback()
def _global(
    home: Annotated[Path | None, typer.Option(help="Folder with knowledge/, experiments/, mlruns/.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on an error.")] = False,
) -> None:
    _settings.update(home=home, debug=debug)


def the_home() -> Home:
    """The home that was asked for, or the folder that holds this file, or the current one."""
    told = _settings["home"] or os.environ.get("PHASEGATE_HOME")
    here = Path(__file__).resolve().parent
    root = Path(told) if told else here if (here / "knowledge").is_dir() else Path.cwd()
    if not os.path.isdir(root):  # unlike Path.is_dir, it has an answer for any text
        raise UsageError(f"the home folder {root} is not there; make it, or name another with --home")
    return Home(root.resolve())


def _print_json(value: Any) -> None:
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    typer.echo(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


# --- reading -----------------------------------------------------------------------------------


@command()
def programs(json: Json = False) -> None:
    """Lists the programs, one line each."""
    from planner.io.commands.open_home import open_program
    from planner.io.programs.loader import program_names

    home = the_home()
    found, faults = each_apart(program_names(home.root), lambda name: open_program(home, name))
    if json:
        rows = [{"name": p.program, "question": p.question, "phases": list(p.phases)} for p in found]
        _print_json({"schema": "phasegate.programs/1", "programs": rows})
    else:
        for program in found:
            _say(f"{program.program}: {program.question} ({len(program.phases)} phases)")
    _raise_first(faults)


@command()
def status(program: MaybeName = None, json: Json = False) -> None:
    """Where each phase stands, what is next, what has been spent."""
    from planner.io.commands.open_home import open_program, read_program_state
    from planner.io.programs.loader import program_names
    from planner.lineage.status import as_lines, program_json

    home = the_home()
    names = [program] if program else program_names(home.root)
    found, faults = each_apart(names, lambda name: read_program_state(home, open_program(home, name))[0])
    if json:
        _print_json({"schema": "phasegate.status/1", "programs": [program_json(at) for at in found]})
    elif found:
        _say("\n\n".join("\n".join(as_lines(at)) for at in found))
    _raise_first(faults)


@command()
def explain(
    program: MaybeName = None,
    phase: Annotated[
        str | None, typer.Option(help="Explain this phase; default: the latest decision.")
    ] = None,
    decision: Annotated[str | None, typer.Option(help="Explain the decision with this id.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Every criterion, rule, guard and run id.")] = False,
    why_not: Annotated[
        str | None, typer.Option(help="Why this option, phase, case, tier or outcome was not chosen.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(metavar="ARM.METRIC=VALUE", help="Judge again with this mean; write nothing."),
    ] = None,
    format: Annotated[str, typer.Option(help="text, json or mermaid.")] = "text",
    json: Json = False,
) -> None:
    """Why: guards, criteria, gate, case, triage, decision, and what was not chosen."""
    from planner.io.commands.read import trace_for

    if format not in ("text", "json", "mermaid"):
        raise UsageError(f"--format takes text, json or mermaid, not '{format}'")
    home = the_home()
    trace = trace_for(home, _one_program(home, program), phase, decision)
    asked = supposed = None
    if why_not:
        from planner.explaining import why_not as chosen_otherwise

        asked = chosen_otherwise.why_not(trace, why_not)
    if what_if:
        from planner.io.commands.what_if import suppose

        supposed = suppose(home, trace, what_if)
    if json or format == "json":
        from planner.explaining.in_json import as_json

        answer = asked.model_dump(mode="json") if asked else None
        _print_json({**as_json(trace), "why_not": answer, "what_if": supposed})
    elif asked or supposed:
        from planner.explaining.what_if import what_if_lines
        from planner.explaining.why_not import why_not_lines

        lines = [*(why_not_lines(asked) if asked else []), *(what_if_lines(supposed) if supposed else [])]
        _say("\n".join(lines))
    elif format == "mermaid":
        from planner.explaining.in_mermaid import as_mermaid

        _say(as_mermaid(trace))
    else:
        from planner.explaining.in_text import as_text

        _say(as_text(trace, full))


@command()
def memo(
    program: Name,
    phase: Annotated[str | None, typer.Argument()] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compute every number again from MLflow.")] = False,
    json: Json = False,
) -> None:
    """Prints the memo of a phase; of the one judged last if none is named."""
    if verify:
        _verify_memos(program, phase, json)
        return
    from planner.io.commands.read import memo_text

    text, path = memo_text(the_home(), program, phase)
    if json:
        _print_json({"schema": "phasegate.memo/1", "program": program, "path": str(path), "text": text})
        return
    _say(text, end="")


def _verify_memos(program: str, phase: str | None, json: bool) -> None:
    from planner.io.commands.verify_memo import as_json, as_lines, verify_memos

    found = verify_memos(the_home(), program, phase)
    if json:
        _print_json(as_json(program, found))
    else:
        _say("\n".join(as_lines(found)))
    if not all(one.ok for one in found):
        raise typer.Exit(1)


@command()
def graph(
    program: Name,
    format: Annotated[str, typer.Option(help="text, mermaid, svg or png.")] = "text",
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    json: Json = False,
) -> None:
    """The phase graph with today's states."""
    from planner.io.commands.read import phase_states
    from planner.phase_graph.render import as_mermaid, as_text

    if format not in ("text", "mermaid", "svg", "png"):
        raise UsageError(f"--format takes text, mermaid, svg or png, not '{format}'")
    found, states = phase_states(the_home(), program)
    if json:
        rows = {name: state.model_dump() for name, state in states.items()}
        mermaid = as_mermaid(found, states)
        _print_json({"schema": "phasegate.graph/1", "program": program, "phases": rows, "mermaid": mermaid})
        return
    if format in ("svg", "png"):
        from planner.io.pictures.phase_graph import write_graph

        path = out or Path(f"{program}.{format}")
        with _writing(path):
            path = path if path.suffix == f".{format}" else path.with_suffix(f".{format}")
            write_graph(found, states, path)
        _say(str(path))
        return
    _say_or_write(as_text(found, states) if format == "text" else as_mermaid(found, states), out)


@command()
def knowledge(
    program: MaybeName = None,
    format: Annotated[str, typer.Option(help="text, json, mermaid, svg or png.")] = "text",
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    json: Json = False,
) -> None:
    """Claims with their evidence and what rests on what; predictions and overrides with their scores."""
    from planner.io.commands.knowledge import knowledge_of

    if format not in ("text", "json", "mermaid", "svg", "png"):
        raise UsageError(f"--format takes text, json, mermaid, svg or png, not '{format}'")
    known, faults = knowledge_of(the_home(), program)
    if json or format == "json":
        from planner.knowledge.in_json import as_json

        _print_json(as_json(known))
    elif format in ("svg", "png"):
        from planner.io.pictures.claims import write_webs

        with _writing(out or Path(f"PROGRAM.knowledge.{format}")):
            paths = write_webs(known, format, out)
        for path in paths:
            _say(str(path))
    elif known and format == "mermaid":
        from planner.knowledge.in_mermaid import as_mermaid

        _say_or_write(as_mermaid(known), out)
    elif known:
        from planner.knowledge.in_text import as_text

        _say_or_write(as_text(known), out)
    _raise_first(faults)


@command()
def check(
    program: Annotated[str | None, typer.Argument(metavar="[PROGRAM|FILE]")] = None, json: Json = False
) -> None:
    """Checks a program without running it; all of them if none is named."""
    from planner.io.commands.read import check_programs

    found, faults = check_programs(the_home(), program)
    errors = [f for _, f in found if f.severity == "error"]
    if json:
        rows = [{"program": name, **finding.model_dump(mode="json")} for name, finding in found]
        _print_json({"schema": "phasegate.check/1", "ok": not errors, "findings": rows})
    else:
        for name, finding in found:
            _say(f"{name}: {finding}")
        if not found and not faults:
            _say("no faults found")
    _raise_first(faults)
    if errors:
        raise typer.Exit(1)


@command()
def calibrate(
    program: Annotated[str, typer.Argument(metavar="PROGRAM|FILE")],
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="METRIC=SD: standard deviation of the difference of two arms at one seed, in the metric's "
            "unit; one arm's value varies over seeds by as much. Default: measured on recorded runs."
        ),
    ] = None,
    noise_shape: Annotated[str, typer.Option(help="normal, t3 or lognormal.")] = "normal",
    effect: Annotated[
        list[str] | None,
        typer.Option(
            help="K: by how many standard deviations a threshold is passed where it is true (default 1); or "
            "ARM.METRIC=VALUE: means that take the place of the two standard worlds."
        ),
    ] = None,
    repetitions: Annotated[int, typer.Option(help="How often each gate and the path are simulated.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the simulation; the same seed gives the same figures.")] = 0,
    fidelity: Annotated[
        str | None, typer.Option(help="smoke, standard or full; default: the program's.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one per processor.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draws a figure into this .png or .svg file.")] = None,
    json: Json = False,
) -> None:
    """Simulates the program's gates under stated noise: false passes, false fails, runs needed."""
    from planner.calibration.report import as_json, as_text
    from planner.io.commands.calibrate import CalibrationOptions, calibrate_program

    if fidelity is not None and fidelity not in FIDELITIES:
        raise UsageError(f"--fidelity takes {', '.join(FIDELITIES)}, not '{fidelity}'")
    if out is not None and out.suffix not in (".png", ".svg"):
        raise UsageError(f"--out takes a .png or .svg file, not '{out.name}'")
    wish = CalibrationOptions(noise or (), effect or (), noise_shape, repetitions, seed, fidelity, jobs)
    found = calibrate_program(the_home(), program, wish)
    if out is not None:
        from planner.io.pictures.calibration import write_calibration

        with _writing(out):
            write_calibration(found, out)
    if json:
        _print_json({**as_json(found), "figure": str(out) if out else None})
        return
    _say(as_text(found))
    if out is not None:
        _say(f"\nwrote {out}")


@command()
def replay(
    program: Name,
    rules: Annotated[
        Path | None, typer.Option(help="An edited program: what it would have made of the past.")
    ] = None,
    json: Json = False,
) -> None:
    """Derives every recorded decision again from MLflow and the program; tells what differs."""
    from planner.io.commands.replay import replay_program, try_rules
    from planner.replay.report import as_json, as_lines, what_if_json, what_if_lines

    if rules is not None:
        found = try_rules(the_home(), program, rules)
        told = program, str(rules), found
        _print_json(what_if_json(*told)) if json else _say("\n".join(what_if_lines(*told)))
        return
    outcome = replay_program(the_home(), program)
    if json:
        _print_json(as_json(outcome))
    else:
        _say("\n".join(as_lines(outcome)))
    if not outcome.ok:
        raise typer.Exit(1)


@command()
def schema() -> None:
    """Prints the JSON Schema of a program file."""
    from planner.language.json_schema import json_schema

    _print_json(json_schema())


# --- working -----------------------------------------------------------------------------------


@command()
def advance(
    program: MaybeName = None,
    all_: Annotated[bool, typer.Option("--all", help="Go on until done, blocked or waiting.")] = False,
    until: Annotated[str | None, typer.Option(help="Go on until this phase is judged.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Judge what MLflow holds; launch nothing.")
    ] = False,
    max_seconds: Annotated[float | None, typer.Option(help="Start no run after this many seconds.")] = None,
    fidelity: Annotated[
        str | None, typer.Option(help="smoke, standard or full; default: the program's.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Runs side by side; default: one per processor.")] = None,
    launcher: Annotated[str, typer.Option(help="local (the only launcher so far).")] = "local",
    accept: Annotated[bool, typer.Option("--accept", help="Take a recommendation that waits.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait while another advance holds the program.")
    ] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Let the verdict speak: 10 to 15.")] = False,
    json: Json = False,
) -> None:
    """Runs the next gated phase: decide, run what is missing, judge, write the memo, decide what follows."""
    from planner.engine.options import AdvanceOptions
    from planner.io.commands.advance import advance_programs, exit_code_of

    if fidelity is not None and fidelity not in FIDELITIES:
        raise UsageError(f"--fidelity takes {', '.join(FIDELITIES)}, not '{fidelity}'")
    if launcher != "local":
        raise UsageError(f"there is no launcher '{launcher}'; the only one so far is 'local'")
    for name, value in (("--max-seconds", max_seconds), ("--jobs", jobs)):
        if value is not None and not value > 0:
            raise UsageError(f"{name} takes a number above 0, not {value:g}")
    home = the_home()
    names = _programs_to_advance(home, program, all_)
    options = AdvanceOptions(
        every=all_,
        until=until,
        accept=accept,
        fidelity=fidelity,
        no_run=no_run,
        max_seconds=max_seconds,
        jobs=jobs,
        wait=wait,
        quiet=json,
    )
    if dry_run:
        from planner.io.commands.dry_run import dry_run_lines, dry_run_programs

        told, faults = dry_run_programs(home, names, options)
        if json:
            _print_json(told)
        else:
            for line in dry_run_lines(told):
                _say(line)
        _raise_first(faults)
        return
    from planner.io.workers.process import end_workers

    with stoppable(end_at_once=end_workers):
        say = lambda line: None if json else _say(line)  # noqa: E731
        done, faults = advance_programs(home, names, options, say)
    if json:
        _print_json(done)
    _raise_first(faults)
    code = exit_code_of(done) if exit_code else 0
    if code:
        raise typer.Exit(code)


def _terminated(number: int, _: Any) -> None:
    """SIGTERM unwinds like Ctrl-C, so that what was started ends too."""
    raise SystemExit(128 + number)


@command()
def override(
    program: Name,
    phase: Annotated[str | None, typer.Argument(metavar="[PHASE]")] = None,
    choose: Annotated[str | None, typer.Option(help="The option or phase to take.")] = None,
    verdict: Annotated[str | None, typer.Option(help="accept or reject the verdict.")] = None,
    done: Annotated[str | None, typer.Option(help="A person has done what this option asks for.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; required.")] = None,
    by: Annotated[str | None, typer.Option(help="Who; default: the user of this machine.")] = None,
    expires: Annotated[str | None, typer.Option(help="Until when, as 2026-12-31.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Lists the overrides.")] = False,
    revoke: Annotated[str | None, typer.Option(help="Takes the override with this id back.")] = None,
    json: Json = False,
) -> None:
    """Records a person's choice; the recommendation stays on record beside it."""
    from planner.io.commands.person import list_overrides, warning_about

    home = the_home()
    if list_:
        from planner.scoring.override_list import override_lines

        rows = list_overrides(home, program, phase)
        if json:
            _print_json({"schema": "phasegate.override/1", "program": program, "overrides": rows})
            return
        for row in rows:
            _say("\n".join(override_lines(row)))
        if not rows:
            _say("no overrides")
        return
    from planner.io.commands.person import CalibrationOptions, override_phase, revoke_override

    warning = ""
    if revoke is not None:
        record: Any = revoke_override(home, program, revoke, by, reason)
    else:
        record = override_phase(
            home, program, phase, CalibrationOptions(choose, verdict, done, reason, by, expires)
        )
        warning = warning_about(home, record)
    if warning:
        typer.echo(sentence(f"warning: this {warning}; it is recorded all the same"), err=True)
    if json:
        told = {"schema": "phasegate.override/1", "program": program, "warning": warning or None}
        _print_json({**told, "override": record.model_dump(mode="json")})
        return
    _say(f"recorded {record.id}; the next advance follows it")


@command()
def exclude(
    run: Annotated[str, typer.Argument(metavar="RUN")],
    reason: Annotated[str | None, typer.Option(help="Why; required.")] = None,
    by: Annotated[str | None, typer.Option(help="Who; default: the user of this machine.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the exclusion back.")] = False,
    json: Json = False,
) -> None:
    """Keeps a run out of all evidence, visibly; nothing is deleted."""
    from planner.io.commands.person import exclude_run

    record = exclude_run(the_home(), run, reason, by, undo)
    if json:
        _print_json({"schema": "phasegate.exclude/1", "exclusion": record.model_dump(mode="json")})
        return
    verb = "counts again" if undo else "is kept out of all evidence from the next advance on"
    _say(f"run {record.run_id} of {record.program} {verb}")


@command()
def keep(
    program: Name,
    reason: Annotated[str | None, typer.Option(help="Why the change is harmless; required.")] = None,
    by: Annotated[str | None, typer.Option(help="Who; default: the user of this machine.")] = None,
    json: Json = False,
) -> None:
    """Declares a change of the experiment's code harmless: runs made stale by it count again."""
    from planner.io.commands.person import keep_code

    record = keep_code(the_home(), program, reason, by)
    if json:
        _print_json({"schema": "phasegate.keep/1", "keep": record.model_dump(mode="json")})
        return
    _say(f"runs of {len(record.old)} earlier version(s) of the code count again")


@command()
def doctor(
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend what can be mended; what cannot is moved away, never deleted."),
    ] = False,
    json: Json = False,
) -> None:
    """Checks journal, MLflow, leases, records and files; says what is wrong and what mends it."""
    from planner.io.doctor.examine import as_json, as_lines, examine, is_sound

    found = examine(the_home(), repair)
    if json:
        _print_json(as_json(found))
    else:
        _say("\n".join(as_lines(found)))
    if not is_sound(found):
        raise typer.Exit(1)


@command()
def ui(
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1.")] = 5000,
) -> None:
    """Opens the MLflow UI on this home's store, on 127.0.0.1."""
    from planner.io.mlflow.ui import serve

    signal.signal(signal.SIGTERM, _terminated)
    serve(the_home(), port, say=_say)


@command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and '_'.")],
    json: Json = False,
) -> None:
    """Writes a small program and an experiment that run as they are."""
    from planner.io.programs.scaffold import start_program

    program, experiment = start_program(the_home(), name)
    if json:
        told = {"schema": "phasegate.init/1", "program": name}
        _print_json({**told, "path": str(program), "experiment": str(experiment)})
        return
    _say(f"wrote {program}\n      {experiment}")
    _say(f"read them, then: 'check {name}', 'advance {name} --dry-run', 'advance {name}'")


# --- helpers -----------------------------------------------------------------------------------


def _raise_first(faults: Sequence[Fault]) -> None:
    """Says what kept every program that is not in the reply from it, and ends as the first asks."""
    if not faults:
        return
    text = "\n".join(map(str, faults))
    if isinstance(faults[0], ProgramError):
        raise ProgramError(faults[0].problems, text)
    raise ProgramBusy(text)


def _say_or_write(text: str, out: Path | None) -> None:
    if out is None:
        _say(text)
    else:
        with _writing(out):
            out.write_text(plain(text).rstrip("\n") + "\n", encoding="utf-8")


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Turns what hinders the writing of a file that was asked for into a sentence."""
    try:
        if not out.name or out.is_dir():
            raise UsageError(f"--out takes a file, and '{out}' is a folder")
        yield
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"'{out}' cannot be written: {why}; name another file with --out") from error


def _one_program(home: Home, name: str | None) -> str:
    from planner.io.programs.loader import program_names

    if name is not None:
        return name
    names = program_names(home.root)
    if len(names) == 1:
        return names[0]
    raise UsageError(f"which program? there are {', '.join(names) or 'none in knowledge/programs'}")


def _programs_to_advance(home: Home, name: str | None, every: bool) -> Sequence[str]:
    from planner.io.programs.loader import program_names

    if name is None and every:
        return program_names(home.root)
    return [_one_program(home, name)]


def _hoisted(arguments: Sequence[str]) -> list[str]:
    """``--home DIR`` and ``--debug`` first, wherever they were written."""
    first: list[str] = []
    rest: list[str] = []
    todo = list(arguments)
    while todo:
        word = todo.pop(0)
        if word == "--home" and todo:
            first += [word, todo.pop(0)]
        elif word == "--debug" or word.startswith("--home="):
            first.append(word)
        else:
            rest.append(word)
    return first + rest


def _program_name() -> str:
    return "phasegate" if Path(sys.argv[0]).suffix != ".py" else "cli.py"


def _open_streams() -> None:
    """Leads stdin, stdout and stderr nowhere where whoever started this process has closed them.

    A database would be opened under their numbers otherwise, and be written to as one of them.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def main() -> None:
    """The entry point of ``phasegate`` and ``python cli.py``."""
    _open_streams()
    gc.set_threshold(100_000)  # imports make much that stays; tracing it again and again slows every start
    app(args=_hoisted(sys.argv[1:]), prog_name=_program_name())


if __name__ == "__main__":
    main()
