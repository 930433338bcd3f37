"""The planner alone is killed, at random times, while studies are at work: nothing comes out otherwise.

Its workers live on for a moment and talk to nobody, which must become no run's fault and no verdict's.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.promises.crashes.endings import read_records, read_store
from tests.promises.crashes.mortal_homes import kill_group, said, start, until_gone
from tests.support.rotation import EVERYTHING, in_turn
from tests.support.small_homes import ROOT

pytestmark = pytest.mark.slow

SEED = 20261130
PROGRAMS = ("contrastive_retrieval", "credit_linesearch", "ep_contraction", "gated_ctr")
KILLS = 10 if EVERYTHING else 3
"""In each program: forty in all."""
PATIENCE = 1800.0
ROUNDING = 1e-5
"""Seeds that trained together and are made again alone round sums otherwise, in a float32's last bits."""
MACHINE = ("latency", "minutes", "seconds", "wall", "cpu", "memory")
"""Metrics whose names hold these are of the machine, not of the study, and never the same twice."""


def study_home(folder: Path, program: str) -> Path:
    """A home without a store that holds a program that ships; its experiment comes with the package."""
    file = Path("knowledge") / "programs" / f"{program}.yaml"
    (folder / file).parent.mkdir(parents=True)
    (folder / "experiments").mkdir()
    shutil.copy(ROOT / file, folder / file)
    return folder


def advance_of(program: str) -> tuple[str, ...]:
    return "advance", program, "--all", "--fidelity", "smoke", "--jobs", "2"


def kill_the_planner(home: Path, program: str, after: float) -> bool:
    """Starts an advance and kills it alone after so many seconds; False where it had ended before."""
    planner = start(home, *advance_of(program))
    try:
        planner.wait(after)
    except subprocess.TimeoutExpired:
        os.kill(planner.pid, signal.SIGKILL)
        planner.wait()
        return True
    finally:
        kill_group(planner)
    return False


def killed_again_and_again(folder: Path, program: str, seconds: float, chance: random.Random) -> list[Path]:
    """Homes in which the planner was killed, ``KILLS`` times in all, and that then came to their end."""
    homes: list[Path] = []
    left = KILLS
    while left:
        home = study_home(folder / str(len(homes)), program)
        homes.append(home)
        at_work = True
        while left and at_work:
            after = chance.uniform(0.0, seconds)
            at_work = kill_the_planner(home, program, after)
            left -= at_work
            print(f"{program}, home {len(homes)}: {'killed' if at_work else 'ended'} after {after:.2f} s")
        assert start(home, *advance_of(program)).wait(timeout=PATIENCE) == 0, said(home)
    return homes


def outcomes_of(home: Path) -> Counter[str]:
    """How the runs of arms ended."""
    store = read_store(home)
    return Counter(store.tags[run].get("planner.outcome", "none") for run in store.runs)


def _is_of_the_machine(name: str) -> bool:
    return any(word in name for word in MACHINE)


def runs_of(home: Path) -> Counter[tuple[str, str]]:
    """The runs that ended well, and their parameters."""
    store = read_store(home)
    return Counter((store.name(run), repr(sorted(store.params[run].items()))) for run in store.finished)


def values_of(home: Path) -> dict[tuple[str, str, int], float]:
    """Every value at every step of the runs that ended well, but for those of the machine."""
    store = read_store(home)
    return {
        (store.name(run), name, step): value
        for run in store.finished
        for (name, step), value in store.metrics[run].items()
        if not _is_of_the_machine(name)
    }


def verdicts_of(home: Path) -> dict[str, Any]:
    """The last verdict on each phase, and how every criterion came out, but for those on the machine."""
    last = {phase: body for kind, phase, body, _ in read_records(home) if kind == "verdict"}
    facts = ("outcome", "confidence", "tier", "case", "caveats")
    criterion = ("id", "outcome", "n")
    return {
        phase: (
            [body[name] for name in facts],
            [
                [c[name] for name in criterion]
                for c in body["criteria"]
                if not _is_of_the_machine(c["metric"] or "")
            ],
        )
        for phase, body in last.items()
    }


@pytest.mark.parametrize("program", in_turn(PROGRAMS))
def test_a_study_whose_planner_is_killed_again_and_again_comes_to_the_same_runs_and_verdicts(
    tmp_path: Path, program: str
) -> None:
    unbroken, begun = study_home(tmp_path / "unbroken", program), time.monotonic()
    assert start(unbroken, *advance_of(program)).wait(timeout=PATIENCE) == 0, said(unbroken)
    seconds = time.monotonic() - begun
    chance = random.Random(f"{SEED} {program}")
    for home in killed_again_and_again(tmp_path / "killed", program, seconds, chance):
        assert until_gone(home) == []
        ended = outcomes_of(home)
        print(f"{program}: {dict(ended)}, unbroken {dict(outcomes_of(unbroken))}")
        assert set(ended) - {"killed", "lost"} == set(outcomes_of(unbroken))
        assert runs_of(home) == runs_of(unbroken), "a run is lost, or is there twice"
        assert values_of(home) == pytest.approx(values_of(unbroken), rel=ROUNDING, abs=ROUNDING, nan_ok=True)
        assert verdicts_of(home) == verdicts_of(unbroken)
