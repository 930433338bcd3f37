"""An experiment that measures nothing and ends in every way that a run can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from experiments.contract import Config as BaseConfig
from experiments.contract import Data, MetricLog


class Config(BaseConfig):
    action: str = "measure"
    steps: int = 3
    folder: str = ""
    wait_for: str = ""


PRESETS = {"smoke": {"steps": 1}}


def describe(config: Config) -> Data:
    if config.action == "die":
        os._exit(7)
    if config.action == "no_data":
        raise FileNotFoundError("digits.npz")
    return Data(name="nothing", digest=f"steps-{config.steps}", sizes={"train": 2}, overlap=0.5)


def run(config: Config, seed: int, log: MetricLog) -> None:
    log.metric("score", seed + 0.5, step=0)
    log.progress(1, 2)
    ACTIONS[config.action](config, log)


def measure(config: Config, log: MetricLog) -> None:
    for step in range(config.steps):
        log.metric("loss", 1.0 / (step + 1), step)
        log.progress(step + 1, config.steps)


def fail(config: Config, log: MetricLog) -> None:
    raise ValueError("the loss\nwent away")


def leave(config: Config, log: MetricLog) -> None:
    sys.exit(3)


def not_finite(config: Config, log: MetricLog) -> None:
    log.metric("loss", float("nan"))
    log.metric("loss", float("inf"))


def memory(config: Config, log: MetricLog) -> None:
    raise MemoryError


def torch_memory(config: Config, log: MetricLog) -> None:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def die(config: Config, log: MetricLog) -> None:
    print("about to leave", file=sys.stderr, flush=True)
    os._exit(3)


def kill_self(config: Config, log: MetricLog) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after_the_result(config: Config, log: MetricLog) -> None:
    """Leaves a complete result and dies before it can be told."""
    (log.folder / "result.json").write_text(
        '{"outcome": "ok", "reason": "", "seconds": 2.5, "not_finite": []}'
    )
    kill_self(config, log)


def leave_a_forked_child(config: Config, log: MetricLog) -> None:
    """Dies while a child still holds every pipe open."""
    if os.fork() == 0:
        time.sleep(600)
    os._exit(3)


def sleep(config: Config, log: MetricLog) -> None:
    """Starts a child, says which processes they are, and sleeps."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    aside = Path(config.folder) / f"pids.{os.getpid()}"
    aside.write_text(f"{os.getpid()} {child.pid}")
    aside.rename(Path(config.folder) / "pids")
    time.sleep(600)


def meet(config: Config, log: MetricLog) -> None:
    """Ends only when the other run is there too."""
    log.artifact("here").touch()
    until = time.monotonic() + 120
    while not (Path(config.wait_for) / "artifacts" / "here").exists():
        if time.monotonic() > until:
            raise TimeoutError("nobody came")
        time.sleep(0.01)


def talk(config: Config, log: MetricLog) -> None:
    for _ in range(30):
        print("o" * 100_000)
        sys.stderr.write("e" * 100_000)
        log.progress(1, 2)
    os.write(1, b'{"answer": "ended", "outcome": "lost"}\n')
    assert sys.stdin.read() == ""


def hurry(config: Config, log: MetricLog) -> None:
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        log.progress(1, 2)


def modules(config: Config, log: MetricLog) -> None:
    log.artifact("modules.txt").write_text("\n".join(sys.modules))


def threads(config: Config, log: MetricLog) -> None:
    import torch

    log.metric("threads", torch.get_num_threads())


def wander(config: Config, log: MetricLog) -> None:
    log.artifact("cwd.txt").write_text(os.getcwd())
    os.chdir("/")


ACTIONS = {
    "measure": measure,
    "raise": fail,
    "exit": leave,
    "nan": not_finite,
    "memory": memory,
    "torch_memory": torch_memory,
    "die": die,
    "kill_self": kill_self,
    "die_after_the_result": die_after_the_result,
    "leave_a_forked_child": leave_a_forked_child,
    "sleep": sleep,
    "meet": meet,
    "talk": talk,
    "hurry": hurry,
    "modules": modules,
    "threads": threads,
    "wander": wander,
}
