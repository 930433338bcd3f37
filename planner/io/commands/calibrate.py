"""``calibrate``: from options and recorded runs to what is simulated, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planner.calibration.noise_model import Shape, anchors_of, gate_metrics, noise_of
from planner.calibration.report import as_json, as_text
from planner.calibration.scenarios import (
    Scenario,
    Setting,
    gate_scenario,
    is_point,
    path_scenario,
    stated_scenario,
    weakest_scenarios,
)
from planner.calibration.summary import Calibration, GateRow, PathRow, Tally, path_of, tally_of
from planner.calibration.trial import GateTrial, PathTrial
from planner.errors import UsageError
from planner.io.commands.open_home import read_program_state
from planner.io.commands.parallel_trials import Key, Trials, simulate
from planner.io.commands.read import writing
from planner.io.commands.replies.result import CommandResult
from planner.io.programs.loader import find_program, load_program
from planner.judging.error_budget import build_alpha_shares
from planner.language.program import Program
from planner.paths import Home
from planner.records.verdict import Verdict

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


@dataclass(frozen=True)
class CalibrationOptions:
    """What was asked for.

    Attributes:
        noise: METRIC=SD.
        effects: a number of standard deviations, or ARM.METRIC=VALUE.
    """

    noise: Sequence[str] = ()
    effects: Sequence[str] = ()
    shape: Shape = "normal"
    repetitions: int = 200
    seed: int = 0
    fidelity: str | None = None
    jobs: int | None = None


def answer_calibrate(home: Home, which: str, options: CalibrationOptions, out: Path | None) -> CommandResult:
    """Simulates the gates of a program, and draws the outcome where a file is named.

    Raises:
        UsageError: as :func:`calibrate_program`; or the file is no picture, or cannot be written.

    Side effects: may start processes; writes the figure.
    """
    if out is not None and out.suffix not in (".png", ".svg"):
        raise UsageError(f"--out takes a .png or .svg file, not '{out.name}'")
    calibration = calibrate_program(home, which, options)
    if out is not None:
        from planner.io.pictures.calibration import write_calibration

        with writing(out):
            write_calibration(calibration, out)

    def reply() -> Reply:
        from planner.io.commands.replies.calibrate import CalibrateReply

        return CalibrateReply.model_validate({**as_json(calibration), "figure": str(out) if out else None})

    written = f"\nwrote {out}\n" if out else ""
    return CommandResult(reply, lambda: f"{as_text(calibration)}\n{written}")


def calibrate_program(home: Home, which: str, options: CalibrationOptions) -> Calibration:
    """Simulates the gates of a program.

    Args:
        which: a program's name, or a file.

    Raises:
        UsageError: an option names what is not there, or a number out of range.

    Side effects: may start processes; draws progress on a terminal.
    """
    return calibrate_judged(*_program_and_verdicts(home, which), options)


def calibrate_judged(
    program: Program, verdicts: Sequence[Verdict], options: CalibrationOptions
) -> Calibration:
    """Simulates the gates of a program.

    Args:
        verdicts: those whose runs tell how much metrics vary.

    Raises:
        UsageError: an option names what is not there, or a number out of range.

    Side effects: may start processes; draws progress on a terminal.
    """
    setting = _setting(program, verdicts, options)
    scenarios = _scenarios(setting)
    trials = simulate(scenarios, setting, options.repetitions, options.seed, options.jobs)
    return _summed(setting, scenarios, trials, options)


def _program_and_verdicts(home: Home, which: str) -> tuple[Program, list[Verdict]]:
    """A program and its recorded verdicts; a file that is none of this home's has none."""
    is_file = which.endswith((".yaml", ".yml"))
    program = load_program(Path(which) if is_file else find_program(home.root, which))
    if is_file or not home.journal.exists():
        return program, []
    return program, list(read_program_state(home, program)[0].verdicts.values())


def _setting(program: Program, verdicts: Sequence[Verdict], options: CalibrationOptions) -> Setting:
    if options.repetitions < 1:
        raise UsageError(f"--repetitions takes a number from 1 on, not {options.repetitions}")
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs takes a number from 1 on, not {options.jobs}")
    if options.seed < 0:
        raise UsageError(f"--seed takes a number from 0 on, not {options.seed}")
    beyond, effects = _effects(options.effects)
    stated = dict(_pair(text, "--noise METRIC=SD") for text in options.noise)
    for name, value in stated.items():
        if name not in program.metrics:
            raise UsageError(f"--noise {name}: {program.program} has no metric '{name}'")
        if not value > 0:
            raise UsageError(f"--noise {name}: a standard deviation is above 0, not {value:g}")
    noise = noise_of(program, verdicts, stated)
    anchors = anchors_of(program, verdicts)
    return Setting(program, noise, anchors, beyond, options.shape, options.fidelity, effects)


def _effects(effects: Sequence[str]) -> tuple[float, dict[tuple[str, str], float]]:
    """(standard deviations beyond a threshold, stated means) from what ``--effect`` was given."""
    beyond, means = 1.0, dict[tuple[str, str], float]()
    for text in effects:
        if "=" not in text:
            beyond = _number(text, f"--effect {text}")
            if not beyond > 0:
                raise UsageError(f"--effect takes a number above 0, or ARM.METRIC=VALUE, not {text}")
            continue
        name, value = _pair(text, "--effect ARM.METRIC=VALUE")
        arm, dot, metric = name.rpartition(".")
        if not dot:
            raise UsageError(f"--effect {text}: name an arm and a metric, as ARM.METRIC=VALUE")
        means[arm, metric] = value
    return beyond, means


def _pair(text: str, form: str) -> tuple[str, float]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError(f"'{text}' should read {form}")
    return name, _number(value, form)


def _number(text: str, form: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{form}: '{text}' is no number") from None
    if not abs(value) < 1e300:
        raise UsageError(f"{form}: '{text}' is not finite")
    return value


def _scenarios(setting: Setting) -> dict[Key, Scenario]:
    """(phase, or None for the path; name) -> scenario."""
    program, scenarios = setting.program, dict[Key, Scenario]()
    if setting.effects:
        stated = stated_scenario(setting)
        return {(phase, "stated"): stated for phase in (*program.phases, None)}
    for phase in program.phases:
        scenarios[phase, "null"] = gate_scenario(setting, phase, "null")
        scenarios[phase, "effect"] = gate_scenario(setting, phase, "effect")
        if not is_point(program, phase):
            for name, scenario in weakest_scenarios(setting, phase).items():
                scenarios[phase, f"weakest {name}"] = scenario
    scenarios[None, "null"] = path_scenario(setting, "null")
    scenarios[None, "effect"] = path_scenario(setting, "effect")
    return scenarios


def _summed(
    setting: Setting, scenarios: Mapping[Key, Scenario], trials: Trials, options: CalibrationOptions
) -> Calibration:
    program = setting.program
    return Calibration(
        program=program.program,
        repetitions=options.repetitions,
        seed=options.seed,
        shape=setting.shape,
        beyond=setting.beyond,
        fidelity=setting.fidelity,
        false_pass=program.budget.false_pass,
        false_fail=program.budget.false_fail,
        noise={metric: setting.noise[metric] for metric in gate_metrics(program)},
        gates=tuple(_gate_row(setting, phase, scenarios, trials) for phase in program.phases),
        path={
            name: _path_row(setting, scenario, trials)
            for (phase, name), scenario in scenarios.items()
            if phase is None
        },
    )


def _gate_row(setting: Setting, phase: str, scenarios: Mapping[Key, Scenario], trials: Trials) -> GateRow:
    share = build_alpha_shares(setting.program)[phase]
    tallies: dict[str, Tally] = {}
    for (name, scenario), repetitions in trials.items():
        if name == phase:
            tallies[scenario] = tally_of([t for t in repetitions if isinstance(t, GateTrial)])
    weakest = {w.removeprefix("weakest "): t for w, t in tallies.items() if w.startswith("weakest ")}
    worst = max(weakest, key=lambda w: (weakest[w].tested.rate, weakest[w].passed.rate), default=None)
    not_placed = {
        name: scenario.infeasible[phase]
        for (gate, name), scenario in scenarios.items()
        if gate == phase and phase in scenario.infeasible
    }
    return GateRow(
        phase=phase,
        share=share.rate,
        after=share.after,
        point=is_point(setting.program, phase),
        null=tallies.get("null"),
        effect=tallies.get("effect"),
        weakest=weakest[worst] if worst else None,
        weakest_criterion=worst,
        stated=tallies.get("stated"),
        not_simulated=not_placed,
    )


def _path_row(setting: Setting, scenario: Scenario, trials: Trials) -> PathRow:
    program = setting.program
    walks = [t for t in trials[None, scenario.name] if isinstance(t, PathTrial)]
    aside = {
        phase: "it holds" for phase in program.phases if scenario.name == "null" and is_point(program, phase)
    }
    return path_of(walks, list(program.phases), aside, scenario.infeasible)
