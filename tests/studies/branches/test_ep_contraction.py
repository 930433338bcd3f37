"""Every branch of ``ep_contraction``, reached with scripted runs; and the document's own figures."""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path

import pytest

from planner.evidence.evidence import Evidence
from planner.io.programs.loader import load_program
from planner.judging.verdict import build_test_design, judge_phase
from planner.lineage.program_state import ProgramState
from planner.records.jobs import Ended, Event, Job, Started
from planner.records.runs import Run
from planner.records.verdict import ClaimResult, Verdict
from tests.support.variation import vary
from tests.support.worlds import ROOT, Scripted, World

pytestmark = [pytest.mark.slow, pytest.mark.in_turn]
PROGRAM = load_program(ROOT / "knowledge" / "programs" / "ep_contraction.yaml")
REFERENCE = json.loads((ROOT / "tests" / "reference" / "ep_contraction.json").read_text())
OPTIONS = {
    "forward_only": "forward",
    "homeostat": "homeostat",
    "residual_penalty": "residual_reg",
    "residual_and_jacobian": "residual_jacobian_reg",
    "smaller_step": "small_step",
}

Series = tuple[tuple[int, float], ...]
Measured = dict[str, float | Series]
Story = dict[str, Measured | str]


def series(*values: float) -> Series:
    """A value at updates 25, 125, 225 ..."""
    return tuple((25 + 100 * index, value) for index, value in enumerate(values))


BLOWS_UP: Measured = {
    "ce": series(1.4, 1.2, 4.2),
    "residual": series(0.1, 0.1, 2.5),
    "rho": series(0.95, 0.97, 0.99),
    "rho_star": series(0.94, 0.96, 0.99),
    "star_exists": series(1.0, 0.9, 0.0),
    "cos_oracle_transpose": series(1.0, 1.0, 1.0),
    "diverged": series(0.0, 0.0, 1.0),
    "steps_survived": series(25.0, 125.0, 200.0),
}
HOLDS: Measured = {
    "ce": series(1.4, 0.8, 0.4),
    "val_ce_best": series(1.4, 0.8, 0.4),
    "residual": series(0.1, 0.1, 0.07),
    "residual_late": series(0.06, 0.07),
    "rho": series(0.98, 0.98, 0.98),
    "rho_star": series(0.95, 0.95, 0.95),
    "star_exists": series(1.0, 1.0, 1.0),
    "cos_oracle_transpose": series(1.0, 1.0, 1.0),
    "diverged": series(0.0, 0.0, 0.0),
    "steps_survived": series(25.0, 125.0, 425.0),
}


def story(helps: Iterable[str] = (), **said: Measured | str) -> Story:
    """What the document expects: equilibrium gradients blow up, and only the options in ``helps`` help."""
    usual: Story = {
        "bptt": HOLDS,
        "ep_t2sel_10": {"cos_ep_transpose": 0.74},
        "ep_t2sel_160": {"cos_ep_transpose": 0.998},
        "free_residual_2e-5": {"cos_transpose_bptt": 0.97},
        "free_residual_1e-9": {"cos_transpose_bptt": 1.0},
        **{
            f"{kind}_hr_{hr}": {"cos_ep_transpose": 0.95}
            for kind in ("ep", "holomorphic")
            for hr in (0.04, 0.8)
        },
        **dict.fromkeys(("ep_wall", "ep_c_1.0", "ep_c_1.5", "ep_c_2.0", "ep_t2sel_160_train"), BLOWS_UP),
        "bptt_from_checkpoint": HOLDS,
        "oracle": BLOWS_UP,
        "oracle_valid_rows": BLOWS_UP,
        **{arm: HOLDS if option in helps else BLOWS_UP for option, arm in OPTIONS.items()},
    }
    return {**usual, **said}


class BySeries(Scripted):
    """Runs that log series; cross-entropy is noisy over seeds, and everything else varies a little."""

    def __init__(self, measured: Mapping[str, Measured | str], noise: float) -> None:
        super().__init__(lambda arm, seed: "lost")
        self.measured, self.noise = measured, noise

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        for job in jobs:
            yield Started(job_id=job.id, pid=0, process_start=0.0, host="here")
            self.made.append((job.arm, job.seed))
            measured, folder = self.measured[job.arm], Path(job.folder)
            folder.mkdir(parents=True, exist_ok=True)
            lines = [] if isinstance(measured, str) else list(self._lines(measured, job))
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            ended = {"outcome": measured if isinstance(measured, str) else "ok", "reason": "", "seconds": 1.0}
            (folder / "result.json").write_text(json.dumps(ended))
            yield Ended(job_id=job.id, **ended)

    def _lines(self, measured: Measured, job: Job) -> Iterable[tuple[str, int | None, float]]:
        scale = 1 + self.noise * random.Random(f"{job.arm} {job.seed}").uniform(-1, 1)
        for name, value in measured.items():
            steps = value if isinstance(value, tuple) else ((None, value),)
            for step, reading in steps:
                scaled = reading * (scale if name in ("ce", "val_ce_best") else 1.0)
                yield name, step, vary(scaled, PROGRAM.metrics[name].unit, name, job.arm, job.seed, step)


def after_advance(
    folder: Path, runs: Story, noise: float = 0.01, **wishes: object
) -> tuple[World, ProgramState, str]:
    """(the world after one advance, where the program stands, the state that the loop ended in)."""
    world = World(folder, PROGRAM, lambda arm, seed: "lost")
    world.launcher = BySeries(runs, noise)
    done = world.advance(**wishes)  # type: ignore[arg-type]
    return world, world.at, done.plan.state


def claim(verdict: Verdict, name: str) -> ClaimResult:
    return next(one for one in verdict.claims if one.id == name)


def test_without_help_every_option_is_tried_once_the_discouraged_one_last_and_then_it_ends(
    tmp_path: Path,
) -> None:
    world, program_state, state = after_advance(tmp_path, story())
    assert list(program_state.path) == ["fact_check", "decisive", *OPTIONS]
    assert [program_state.decisions[p].choice for p in program_state.path[1:]] == [*OPTIONS, None]
    assert {program_state.verdicts[p].outcome for p in OPTIONS} == {"fail"}
    first = {r.choice: r.reason for r in program_state.decisions["decisive"].rejected}
    assert first["smaller_step"] == "discouraged: It does not change the objective."
    assert {r.reason for r in program_state.decisions["smaller_step"].rejected} == {"tried already: fail"}
    assert (state, program_state.decisions["smaller_step"].action) == ("done", "stop")
    assert world.launcher.made.count(("oracle", 0)) <= len(OPTIONS) + 1


@pytest.mark.parametrize("option", [*OPTIONS][1:])
def test_an_option_that_helps_ends_the_program_there(tmp_path: Path, option: str) -> None:
    _, program_state, state = after_advance(tmp_path, story(helps=[option]))
    assert list(program_state.path[2:]) == [*OPTIONS][: [*OPTIONS].index(option) + 1]
    assert (program_state.verdicts[option].outcome, state) == ("pass", "done")
    assert claim(program_state.verdicts[option], "prevents_the_event").status == "supported"


@pytest.mark.parametrize("too", [[], ["homeostat"]])
def test_where_traces_help_the_cheaper_penalty_is_tried_all_the_same(tmp_path: Path, too: list[str]) -> None:
    _, program_state, state = after_advance(tmp_path, story(helps=["forward_only", *too]))
    assert program_state.verdicts["forward_only"].outcome == "pass"
    assert (
        program_state.decisions["forward_only"].action,
        program_state.decisions["forward_only"].target,
    ) == (
        "run_phase",
        "homeostat",
    )
    assert list(program_state.path[4:]) == ([] if too else [*OPTIONS][2:])
    assert state == "done"


def test_an_oracle_that_diverges_is_case_b_as_predicted_and_decides_between_the_hypotheses(
    tmp_path: Path,
) -> None:
    _, program_state, _ = after_advance(tmp_path, story(), until="decisive")
    verdict = program_state.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("fail", "b", "b")
    assert PROGRAM.phases["decisive"].prediction.case == "b"  # type: ignore[union-attr]
    assert claim(verdict, "not_the_work_of_invalid_adjoints").status == "supported"
    assert program_state.verdicts["fact_check"].hypothesis is None


def test_an_oracle_that_trains_like_bptt_is_case_a_and_ends_the_program(tmp_path: Path) -> None:
    _, program_state, state = after_advance(tmp_path, story(oracle=HOLDS, oracle_valid_rows=HOLDS))
    verdict = program_state.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("pass", "a", "a")
    assert list(program_state.path) == ["fact_check", "decisive"]
    assert state == "done"


@pytest.mark.parametrize(
    "oracle",
    [
        {**HOLDS, "ce": series(1.4, 1.2, 1.0)},
        {**BLOWS_UP, "cos_oracle_transpose": series(1.0, 0.5, 0.9)},
        {**BLOWS_UP, "rho": series(0.99, 0.97, 0.94)},
    ],
    ids=["neither blows up nor clears the wall", "is not exact", "keeps away from the margin"],
)
def test_what_the_rule_does_not_foresee_is_neither_and_leads_to_triage(
    tmp_path: Path, oracle: Measured
) -> None:
    _, program_state, _ = after_advance(tmp_path, story(oracle=oracle), until="decisive")
    verdict = program_state.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("fail", "neither", None)
    assert program_state.decisions["decisive"].choice == "forward_only"


def test_if_bptt_diverges_from_the_checkpoint_too_nothing_is_concluded_and_a_person_is_waited_for(
    tmp_path: Path,
) -> None:
    world, program_state, state = after_advance(
        tmp_path, story(helps=["homeostat"], bptt_from_checkpoint={**HOLDS, **BLOWS_UP})
    )
    verdict = program_state.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("invalid", None, None)
    assert state == "waiting"
    world.say("decisive", choose="homeostat")
    world.advance()
    assert world.at.path[-1] == "homeostat"


def test_an_undecided_oracle_leads_to_triage_with_every_seed_spent(tmp_path: Path) -> None:
    runs = story(oracle={**HOLDS, "ce": series(1.4, 0.8, 0.43)})
    world, program_state, _ = after_advance(tmp_path, runs, noise=0.5, until="decisive")
    assert program_state.verdicts["decisive"].outcome == "inconclusive"
    assert program_state.decisions["decisive"].choice == "forward_only"
    assert world.launcher.made.count(("oracle", 5)) >= 1


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({}, "pass"),
        ({"free_residual_2e-5": {"cos_transpose_bptt": 0.9999}}, "fail"),
        ({"ep_t2sel_160": "timeout"}, "inconclusive"),
    ],
)
def test_whatever_the_facts_are_the_decisive_phase_follows(tmp_path: Path, said: Story, outcome: str) -> None:
    _, program_state, _ = after_advance(tmp_path, {**story(), **said}, until="decisive")
    assert program_state.verdicts["fact_check"].outcome == outcome
    assert program_state.decisions["fact_check"].target == "decisive"
    assert program_state.path[1] == "decisive"


def test_all_five_facts_as_the_runs_have_them(tmp_path: Path) -> None:
    _, program_state, _ = after_advance(tmp_path, story(), until="decisive")
    statuses = {c.id: c.status for c in program_state.verdicts["fact_check"].claims}
    assert [statuses[name] for name in sorted(statuses)[:5]] == ["supported"] * 4 + ["refuted"]


def test_without_the_damping_sweep_a_fact_is_supported_in_direction_only(tmp_path: Path) -> None:
    lost: Story = {f"ep_c_{c}": "timeout" for c in (1.0, 1.5, 2.0)}
    _, program_state, _ = after_advance(tmp_path, {**story(), **lost}, until="decisive")
    assert (
        claim(program_state.verdicts["fact_check"], "4_wall_is_residual_hypersensitivity").status
        == "supported_in_direction"
    )


def test_a_marginal_rho_that_is_not_seen_is_a_caveat_and_lowers_nothing(tmp_path: Path) -> None:
    _, program_state, _ = after_advance(
        tmp_path, story(bptt={**HOLDS, "rho": series(0.9, 0.9)}), until="decisive"
    )
    fact = claim(program_state.verdicts["fact_check"], "1_failure_is_ep_specific")
    assert fact.status == "supported"
    assert "0.982" in fact.caveats[0]


def test_the_documents_own_figures_give_its_five_statuses() -> None:
    phase, runs = REFERENCE["phases"]["fact_check"], {}
    for raw in phase["runs"]:
        series = {name: tuple((s, v) for s, v in steps) for name, steps in raw.get("series", {}).items()}
        metrics = {**{name: steps[-1][1] for name, steps in series.items()}, **raw["metrics"]}
        run = Run(
            id=raw["arm"],
            phase="fact_check",
            arm=raw["arm"],
            seed=raw["seed"],
            metrics=metrics,
            series=series,
        )
        runs[raw["arm"]] = {raw["seed"]: run}
    arms = PROGRAM.phases["fact_check"].arms
    evidence = Evidence(
        "fact_check", "standard", runs, {}, {arm: PROGRAM.params("fact_check", arm) for arm in arms}
    )
    verdict = judge_phase(
        PROGRAM, "fact_check", evidence, build_test_design(PROGRAM, "fact_check", "standard", final=True)
    )
    for name, fact in phase["expected"]["facts"].items():
        judged = claim(verdict, name)
        assert judged.status == fact["status"], name
        assert bool(judged.caveats) == ("caveat" in fact), name
    assert (verdict.outcome, verdict.confidence, verdict.hypothesis) == ("pass", "provisional", None)
