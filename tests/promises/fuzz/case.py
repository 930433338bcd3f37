"""One case: a home is damaged and commands run on it, in a process that may hang, swell or die."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.promises.fuzz.attacks import Attack
from tests.promises.fuzz.commands import Words, about, asked_badly, run_apart, run_here
from tests.promises.fuzz.homes import Homes
from tests.promises.fuzz.judge import MEMO, faults_of, faults_of_pages

SECONDS = 20.0
"""What one command may take, of CPU: what else the machine does is no fault of the command's."""
HANGS = 600.0
"""Seconds on the clock after which a command will not end any more."""
MEMORY = 6 * 2**30
"""Address space of a case, in bytes; the libraries alone take two."""
GROWTH = 600 * 2**20
"""By how much a case may swell, in bytes."""
APART = 0.02
"""The share of commands that run as processes of their own."""


@dataclass(frozen=True)
class Ran:
    """A command that ran, how it ended, and what is wrong with that."""

    words: list[str]
    code: int | None
    seconds: float
    faults: list[str]
    err: str = ""


@dataclass
class Report:
    """What came of a case."""

    kind: str
    program: str = ""
    ran: list[Ran] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Every fault, with the command that showed it."""
        return [*self.faults, *(f"{' '.join(r.words)[:200]}: {f}" for r in self.ran for f in r.faults)]


def chance_of(seed: int, number: int) -> Random:
    """The chance of a case: it depends on seed and number alone."""
    return Random(f"{seed} {number}")


def attempt(homes: Homes, attack: Attack, chance: Random) -> Report:
    """Damages a fresh home and runs commands on it, in a process of its own."""
    homes.put(attack.home)
    return _in_child(homes, Report(attack.kind), lambda: _chosen(homes, attack, chance))


def repeat(homes: Homes, home: Path, made_at: str, commands: Sequence[Words]) -> Report:
    """Runs these commands on a copy of a home that was damaged before."""
    homes.put_folder(home, made_at)
    return _in_child(homes, Report("repeat"), lambda: ("", commands))


def _chosen(homes: Homes, attack: Attack, chance: Random) -> tuple[str, list[Words]]:
    program = attack.strike(homes.home, chance)
    if attack.kind != "memo" and chance.random() < 0.5:  # memos are then rendered anew
        shutil.rmtree(homes.home / "knowledge" / "memos")
    if attack.kind == "words":
        phases = {"quick": ("first", "second", "third"), "waits": ("first", "second")}[program]
        return program, asked_badly(program, phases, chance, homes.home)
    return program, about(program, chance)


def _in_child(homes: Homes, report: Report, choose: Any) -> Report:
    protocol = homes.folder / "protocol.jsonl"
    stuck = homes.folder / "stuck.txt"
    protocol.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        status = 1
        try:
            _run_all(homes, choose, protocol, stuck)
            status = 0
        except BaseException as error:
            import traceback

            _tell(protocol, {"crash": f"the case itself failed: {error!r}\n{traceback.format_exc()}"})
        finally:
            os._exit(status)
    ended = _wait(child)
    for line in protocol.read_text().splitlines() if protocol.exists() else ():
        one = json.loads(line)
        if "ran" in one:
            if report.ran and report.ran[-1].code is None:  # it had begun, and now it has ended
                report.ran.pop()
            report.ran.append(Ran(**one["ran"]))
            if report.kind == "memo":
                report.ran[-1].faults[:] = [f for f in report.ran[-1].faults if not f.startswith(MEMO)]
        elif "crash" in one:
            report.faults.append(one["crash"])
        elif "pages" in one:
            report.faults += one["pages"]
        else:
            report.program = one["program"]
    if ended != 0:
        last = " ".join(report.ran[-1].words) if report.ran else "the damage itself"
        trace = stuck.read_text(errors="replace") if stuck.exists() else ""
        report.faults.append(f"ended with {ended} in '{last[:200]}'\n{trace}")
    report.faults += homes.touched()
    return report


def _wait(child: int) -> int:
    """How the process ended; whatever it started goes with it."""
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def _run_all(homes: Homes, choose: Any, protocol: Path, stuck: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ["COLUMNS"] = "200"
    os.chdir(homes.root / "here")
    program, commands = choose()
    _tell(protocol, {"program": program})
    apart = Random(str(commands))
    with stuck.open("w") as out:
        for words in commands:
            _tell(protocol, {"ran": {"words": list(words), "code": None, "seconds": 0.0, "faults": []}})
            faulthandler.dump_traceback_later(HANGS, exit=True, file=out)
            _tell(protocol, {"ran": _ran(words, homes.home, apart.random() < APART)})
            faulthandler.cancel_dump_traceback_later()
    _tell(protocol, {"pages": list(faults_of_pages(homes.home))})


def _ran(words: Words, home: Path, apart: bool) -> dict[str, Any]:
    begun, swollen = _cpu_seconds(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reply = run_apart(words, home, HANGS) if apart else run_here(words, home)
    seconds = _cpu_seconds() - begun
    faults = list(_all_faults(words, reply, seconds, apart))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - swollen) * 1024
    if grown > GROWTH:
        faults.append(f"took {grown // 2**20} MB")
    ran = {"words": list(words), "code": reply.code, "seconds": round(seconds, 3), "faults": faults}
    return {**ran, "err": reply.err[:2000]}


def _cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def _all_faults(words: Words, reply: Any, seconds: float, apart: bool) -> Iterator[str]:
    if seconds > SECONDS * (2 if apart else 1):
        yield f"took {seconds:.0f} s"
    yield from faults_of(words, reply)


def _tell(path: Path, value: Any) -> None:
    with path.open("a") as file:
        file.write(json.dumps(value) + "\n")
