"""An experiment whose seeds can train together; it says with whom it trained."""

from __future__ import annotations

import os
from collections.abc import Sequence

from experiments.contract import Config as BaseConfig
from experiments.contract import Data, MetricLog, Slowdown

TOGETHER = 3


class Config(BaseConfig):
    action: str = "measure"
    bad_seed: int = -1


PRESETS: dict[str, dict[str, object]] = {}


def describe(config: Config) -> Data:
    return Data(name="nothing", digest="nothing")


def run(config: Config, seed: int, log: MetricLog) -> None:
    run_together(config, [seed], [log])


def run_together(config: Config, seeds: Sequence[int], logs: Sequence[MetricLog]) -> None:
    for seed, log in zip(seeds, logs, strict=True):
        log.metric("score", seed + 0.5)
        log.metric("trained_with", len(seeds))
    logs[0].progress(1, 2)
    if config.action == "slow":
        raise Slowdown("batches take 9 times as long")
    if config.action == "die" and len(seeds) > 1:
        os._exit(3)
    if config.bad_seed in seeds:
        raise ValueError(f"seed {config.bad_seed} went wrong")
