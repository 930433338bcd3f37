"""Every branch of ``ep_contraction``, reached with scripted runs; and the document's own figures."""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path

import pytest
from worlds import ROOT, Scripted, World

from planner.evidence.evidence import Evidence
from planner.io.programs.loader import load_program
from planner.judging.verdict import build_test_design, judge_phase
from planner.lineage.status import Standpoint
from planner.records.jobs import Ended, Event, Job, Started
from planner.records.runs import Run
from planner.records.verdict import ClaimResult, Verdict

pytestmark = pytest.mark.slow
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
Told = dict[str, float | Series]
Story = dict[str, Told | str]


def way(*values: float) -> Series:
    """A value at updates 25, 125, 225 ..."""
    return tuple((25 + 100 * index, value) for index, value in enumerate(values))


BLOWS_UP: Told = {
    "ce": way(1.4, 1.2, 4.2),
    "residual": way(0.1, 0.1, 2.5),
    "rho": way(0.95, 0.97, 0.99),
    "rho_star": way(0.94, 0.96, 0.99),
    "star_exists": way(1.0, 0.9, 0.0),
    "cos_oracle_transpose": way(1.0, 1.0, 1.0),
    "diverged": way(0.0, 0.0, 1.0),
    "steps_survived": way(25.0, 125.0, 200.0),
}
HOLDS: Told = {
    "ce": way(1.4, 0.8, 0.4),
    "val_ce_best": way(1.4, 0.8, 0.4),
    "residual": way(0.1, 0.1, 0.07),
    "residual_late": way(0.06, 0.07),
    "rho": way(0.98, 0.98, 0.98),
    "rho_star": way(0.95, 0.95, 0.95),
    "star_exists": way(1.0, 1.0, 1.0),
    "cos_oracle_transpose": way(1.0, 1.0, 1.0),
    "diverged": way(0.0, 0.0, 0.0),
    "steps_survived": way(25.0, 125.0, 425.0),
}


def story(helps: Iterable[str] = (), **said: Told | str) -> Story:
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
    """Runs that log series; a value is a little noisy over seeds."""

    def __init__(self, told: Mapping[str, Told | str], noise: float) -> None:
        super().__init__(lambda arm, seed: "lost")
        self.told, self.noise = told, noise

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        for job in jobs:
            yield Started(job_id=job.id, pid=0, process_start=0.0, host="here")
            self.made.append((job.arm, job.seed))
            told, folder = self.told[job.arm], Path(job.folder)
            folder.mkdir(parents=True, exist_ok=True)
            lines = [] if isinstance(told, str) else list(self._lines(told, job))
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            ended = {"outcome": told if isinstance(told, str) else "ok", "reason": "", "seconds": 1.0}
            (folder / "result.json").write_text(json.dumps(ended))
            yield Ended(job_id=job.id, **ended)

    def _lines(self, told: Told, job: Job) -> Iterable[tuple[str, int | None, float]]:
        scale = 1 + self.noise * random.Random(f"{job.arm} {job.seed}").uniform(-1, 1)
        for name, value in told.items():
            steps = value if isinstance(value, tuple) else ((None, value),)
            for step, at in steps:
                yield name, step, at * (scale if name in ("ce", "val_ce_best") else 1.0)


def told_by(
    folder: Path, runs: Story, noise: float = 0.01, **wishes: object
) -> tuple[World, Standpoint, str]:
    """(the world after one advance, where the program stands, the state that the loop ended in)."""
    world = World(folder, PROGRAM, lambda arm, seed: "lost")
    world.launcher = BySeries(runs, noise)
    done = world.advance(**wishes)  # type: ignore[arg-type]
    return world, world.at, done.plan.state


def claim(verdict: Verdict, name: str) -> ClaimResult:
    return next(found for found in verdict.claims if found.id == name)


def test_without_help_every_option_is_tried_once_the_discouraged_one_last_and_then_it_ends(
    tmp_path: Path,
) -> None:
    world, at, state = told_by(tmp_path, story())
    assert list(at.path) == ["fact_check", "decisive", *OPTIONS]
    assert [at.decisions[p].choice for p in at.path[1:]] == [*OPTIONS, None]
    assert {at.verdicts[p].outcome for p in OPTIONS} == {"fail"}
    first = {r.choice: r.reason for r in at.decisions["decisive"].rejected}
    assert first["smaller_step"] == "discouraged: It does not change the objective."
    assert {r.reason for r in at.decisions["smaller_step"].rejected} == {"tried already: fail"}
    assert (state, at.decisions["smaller_step"].action) == ("done", "stop")
    assert world.launcher.made.count(("oracle", 0)) <= len(OPTIONS) + 1


@pytest.mark.parametrize("option", [*OPTIONS][1:])
def test_an_option_that_helps_ends_the_program_there(tmp_path: Path, option: str) -> None:
    _, at, state = told_by(tmp_path, story(helps=[option]))
    assert list(at.path[2:]) == [*OPTIONS][: [*OPTIONS].index(option) + 1]
    assert (at.verdicts[option].outcome, state) == ("pass", "done")
    assert claim(at.verdicts[option], "prevents_the_event").status == "supported"


@pytest.mark.parametrize("too", [[], ["homeostat"]])
def test_where_traces_help_the_cheaper_penalty_is_tried_all_the_same(tmp_path: Path, too: list[str]) -> None:
    _, at, state = told_by(tmp_path, story(helps=["forward_only", *too]))
    assert at.verdicts["forward_only"].outcome == "pass"
    assert (at.decisions["forward_only"].action, at.decisions["forward_only"].target) == (
        "run_phase",
        "homeostat",
    )
    assert list(at.path[4:]) == ([] if too else [*OPTIONS][2:])
    assert state == "done"


def test_an_oracle_that_diverges_is_case_b_as_predicted_and_decides_between_the_hypotheses(
    tmp_path: Path,
) -> None:
    _, at, _ = told_by(tmp_path, story(), until="decisive")
    verdict = at.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("fail", "b", "b")
    assert PROGRAM.phases["decisive"].prediction.case == "b"  # type: ignore[union-attr]
    assert claim(verdict, "not_the_work_of_invalid_adjoints").status == "supported"
    assert at.verdicts["fact_check"].hypothesis is None


def test_an_oracle_that_trains_like_bptt_is_case_a_and_ends_the_program(tmp_path: Path) -> None:
    _, at, state = told_by(tmp_path, story(oracle=HOLDS, oracle_valid_rows=HOLDS))
    verdict = at.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("pass", "a", "a")
    assert list(at.path) == ["fact_check", "decisive"]
    assert state == "done"


@pytest.mark.parametrize(
    "oracle",
    [
        {**HOLDS, "ce": way(1.4, 1.2, 1.0)},
        {**BLOWS_UP, "cos_oracle_transpose": way(1.0, 0.5, 0.9)},
        {**BLOWS_UP, "rho": way(0.99, 0.97, 0.94)},
    ],
    ids=["neither blows up nor clears the wall", "is not exact", "keeps away from the margin"],
)
def test_what_the_rule_does_not_foresee_is_neither_and_leads_to_triage(tmp_path: Path, oracle: Told) -> None:
    _, at, _ = told_by(tmp_path, story(oracle=oracle), until="decisive")
    verdict = at.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("fail", "neither", None)
    assert at.decisions["decisive"].choice == "forward_only"


def test_if_bptt_diverges_from_the_checkpoint_too_nothing_is_concluded_and_a_person_is_waited_for(
    tmp_path: Path,
) -> None:
    world, at, state = told_by(
        tmp_path, story(helps=["homeostat"], bptt_from_checkpoint={**HOLDS, **BLOWS_UP})
    )
    verdict = at.verdicts["decisive"]
    assert (verdict.outcome, verdict.case, verdict.hypothesis) == ("invalid", None, None)
    assert state == "waiting"
    world.say("decisive", choose="homeostat")
    world.advance()
    assert world.at.path[-1] == "homeostat"


def test_an_undecided_oracle_leads_to_triage_with_every_seed_spent(tmp_path: Path) -> None:
    runs = story(oracle={**HOLDS, "ce": way(1.4, 0.8, 0.43)})
    world, at, _ = told_by(tmp_path, runs, noise=0.5, until="decisive")
    assert at.verdicts["decisive"].outcome == "inconclusive"
    assert at.decisions["decisive"].choice == "forward_only"
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
    _, at, _ = told_by(tmp_path, {**story(), **said}, until="decisive")
    assert at.verdicts["fact_check"].outcome == outcome
    assert at.decisions["fact_check"].target == "decisive"
    assert at.path[1] == "decisive"


def test_all_five_facts_as_the_runs_have_them(tmp_path: Path) -> None:
    _, at, _ = told_by(tmp_path, story(), until="decisive")
    found = {c.id: c.status for c in at.verdicts["fact_check"].claims}
    assert [found[name] for name in sorted(found)[:5]] == ["supported"] * 4 + ["refuted"]


def test_without_the_damping_sweep_a_fact_is_supported_in_direction_only(tmp_path: Path) -> None:
    lost: Story = {f"ep_c_{c}": "timeout" for c in (1.0, 1.5, 2.0)}
    _, at, _ = told_by(tmp_path, {**story(), **lost}, until="decisive")
    assert (
        claim(at.verdicts["fact_check"], "4_wall_is_residual_hypersensitivity").status
        == "supported_in_direction"
    )


def test_a_marginal_rho_that_is_not_seen_is_a_caveat_and_lowers_nothing(tmp_path: Path) -> None:
    _, at, _ = told_by(tmp_path, story(bptt={**HOLDS, "rho": way(0.9, 0.9)}), until="decisive")
    fact = claim(at.verdicts["fact_check"], "1_failure_is_ep_specific")
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
