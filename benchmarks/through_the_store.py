"""Campaigns through all that users call: program files, experiment, store, ``advance``, ``explain --json``.

Each campaign is a program of its own: one baseline, some arms with the effect and some without, a gate for
every arm. ``make bench-store`` makes the runs by the real command line and counts what ``explain`` says.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "through_the_store.json"
ARMS, TRUE = 4, 1
ALPHA, BETA = 0.05, 0.10
REFUSED = 65

EXPERIMENT = '''
"""Draws one value from what campaign, arm and seed it is."""
import random

from experiments.contract import Config as BaseConfig
from experiments.contract import Data

PRESETS = {}


class Config(BaseConfig):
    campaign: int = 0
    arm: str = "base"
    effect: float = 0.0
    noise: float = 1.0


def describe(config):
    return Data(name="drawn", digest="drawn", sizes={"train": 1})


def run(config, seed, log):
    chance = random.Random(f"{config.campaign} {config.arm} {seed}")
    log.metric("score", config.effect + chance.gauss(0.0, config.noise), 0)
'''


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        d: the effect as a multiple of the standard deviation of a paired difference.
        seeds: planned for each arm, at most.
    """

    d: float
    seeds: int
    campaigns: int

    def program(self, campaign: int) -> dict[str, Any]:
        """One campaign: is each arm better than the baseline by 1? Every gate may pass falsely in 5%."""
        names = [f"arm_{i}" for i in range(ARMS)]
        effects = {name: float(i < TRUE) for i, name in enumerate(names)}
        follows = [*(f"is_{name}" for name in names[1:]), "stop"]
        return {
            "program": f"campaign_{campaign}",
            "question": "Which arms are better?",
            "experiment": "drawn",
            "probe": "off",
            "metrics": {"score": {"unit": "effects", "better": "higher"}},
            "with": {"campaign": campaign, "noise": 1 / self.d / math.sqrt(2)},
            "arms": {name: {"arm": name, "effect": effects.get(name, 0.0)} for name in ("base", *names)},
            "phases": {
                f"is_{name}": {
                    "question": f"Is {name} better?",
                    "arms": ["base", name],
                    "factor": ["arm", "effect"],
                    "criteria": {"better": _better(name)},
                    "gate": ["better"],
                    "next": dict.fromkeys(("pass", "fail", "inconclusive", "invalid"), after),
                }
                for name, after in zip(names, follows, strict=True)
            },
            "budget": {
                "seeds_per_arm": self.seeds,
                "false_pass": ARMS * ALPHA,
                "gates": ARMS,
                "false_fail": BETA,
            },
        }


def _better(name: str) -> dict[str, Any]:
    return {"metric": "score", "arm": name, "versus": "base", "better_by": 1.0}


def make_home(folder: Path, setting: Setting) -> Path:
    """A home with a program for every campaign."""
    programs = folder / "knowledge" / "programs"
    programs.mkdir(parents=True)
    (folder / "experiments").mkdir()
    (folder / "experiments" / "drawn.py").write_text(EXPERIMENT.lstrip())
    for campaign in range(setting.campaigns):
        text = json.dumps(setting.program(campaign))  # JSON is YAML
        (programs / f"campaign_{campaign}.yaml").write_text(text)
    return folder


def command(home: Path, *words: str) -> str:
    """What the command line prints.

    ``advance`` ends with ``REFUSED`` where noise hides the effect of a phase, and goes on with others.
    """
    called = [sys.executable, str(ROOT / "cli.py"), "--home", str(home), *words]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    ended = subprocess.run(called, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode not in (0, REFUSED):
        ended.check_returncode()
    return ended.stdout


def outcomes(home: Path, campaign: int) -> list[Mapping[str, Any]]:
    """What ``explain --json`` says of each arm, in order."""
    name = f"campaign_{campaign}"
    return [
        json.loads(command(home, "explain", name, "--phase", f"is_arm_{i}", "--json")) for i in range(ARMS)
    ]


def summary(setting: Setting, said: list[list[Mapping[str, Any]]], seconds: float) -> dict[str, float]:
    """How often the gates erred, and the seeds that they took."""
    of_true = [phase for campaign in said for phase in campaign[:TRUE]]
    of_null = [phase for campaign in said for phase in campaign[TRUE:]]
    return {
        "d": setting.d,
        "seeds": setting.seeds,
        "campaigns": setting.campaigns,
        "false_pass": _share(of_null, "pass"),
        "false_fail": _share(of_true, "fail"),
        "power": _share(of_true, "pass"),
        "inconclusive": _share([*of_true, *of_null], "inconclusive"),
        "refused": _share([*of_true, *of_null], None),
        "mean_seeds_true": _mean_seeds(of_true),
        "mean_seeds_null": _mean_seeds(of_null),
        "wall_seconds": round(seconds),
    }


def _share(phases: list[Mapping[str, Any]], outcome: str | None) -> float:
    """Of the phases; None: of a phase that was refused, or came after one, there is no verdict."""
    return sum(phase["verdict"]["outcome"] == outcome for phase in phases) / len(phases)


def _mean_seeds(phases: list[Mapping[str, Any]]) -> float:
    seeds = [phase["criteria"][0]["n"] for phase in phases if phase["criteria"]]
    return sum(seeds) / len(seeds) if seeds else 0.0


def measure(setting: Setting) -> dict[str, float]:
    """Makes the runs of every campaign and counts what is said of them."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = make_home(Path(folder) / "home", setting)
        command(home, "advance", "--all", "--jobs", "1")
        said = [outcomes(home, campaign) for campaign in range(setting.campaigns)]
    return summary(setting, said, time.monotonic() - begun)


def main() -> None:
    """Measures each setting, prints it and writes it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=100)
    given = parser.parse_args()
    settings = [Setting(d, 6, given.campaigns) for d in (2.0, 1.0)]
    with ThreadPoolExecutor(len(settings)) as side_by_side:  # a planner for each core
        rows = list(side_by_side.map(measure, settings))
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
