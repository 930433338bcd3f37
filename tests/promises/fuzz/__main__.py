"""Damages homes at random, runs the commands on them, and keeps every case in which one broke a promise.

``python -m tests.promises.fuzz [--minutes 10] [--seed N] [--only KIND] [--repeat FOLDER]``

The seed is printed; with it, the same cases come in the same order. A case that fails is kept as a
folder: the home as it was damaged, the commands, and what was wrong; ``--repeat`` runs it again.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.promises.fuzz.attacks import ATTACKS, KINDS, Attack
from tests.promises.fuzz.case import Report, attempt, chance_of, repeat
from tests.promises.fuzz.commands import DEEP, READ, run_here
from tests.promises.fuzz.homes import Homes


def main() -> int:
    """Fuzzes for some minutes; 1 where anything failed."""
    given = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        homes = Homes(Path(folder).resolve() / "fuzz")
        if given.repeat is not None:
            return _again(homes, given.repeat)
        print(f"seed {given.seed}; making the homes", flush=True)
        homes.make()
        import_everything(homes)
        return fuzz(homes, given.seed, given.minutes * 60, given.only, given.keep, given.begin)


def fuzz(
    homes: Homes,
    seed: int,
    seconds: float,
    only: str | None,
    keep: Path,
    begin: int = 0,
    most: int | None = None,
) -> int:
    """Runs cases until the time is up, or ``most`` of them; says what was found.

    Returns:
        1 where a case failed, else 0.
    """
    begun, number, failed = time.monotonic(), begin, 0
    counts: collections.Counter[str] = collections.Counter()
    codes: collections.Counter[int | None] = collections.Counter()
    chosen = _attacks(homes, only)
    while time.monotonic() - begun < seconds and (most is None or number - begin < most):
        chance = chance_of(seed, number)
        attack = chance.choice(chosen)
        report = attempt(homes, attack, chance)
        counts[attack.kind] += len(report.ran)
        codes.update(ran.code for ran in report.ran)
        if report.wrong:
            failed += 1
            _keep(homes, seed, number, only, report, keep)
        number += 1
    spent = (time.monotonic() - begun) / 60
    ran = sum(counts.values())
    kinds = ", ".join(f"{kind} {counts[kind]}" for kind in KINDS if counts[kind])
    print(f"{number - begin} cases, {ran} commands in {spent:.1f} min ({ran / spent:.0f} a minute): {kinds}")
    print("exit codes: " + ", ".join(f"{code}: {n}" for code, n in sorted(codes.items(), key=str)))
    print(f"{failed} cases failed" + (f"; they are in {keep}" if failed else ""))
    return 1 if failed else 0


def _attacks(homes: Homes, only: str | None) -> list[Attack]:
    """The kinds of damage that are asked for, to homes that were made."""
    return [a for a in ATTACKS if only in (None, a.kind) and (homes.folder / a.home).is_dir()]


def _keep(homes: Homes, seed: int, number: int, only: str | None, report: Report, keep: Path) -> None:
    """Saves a failed case: the home as it was before the commands, made once more from its seed."""
    for line in report.wrong[:3]:
        print(f"{number} {report.kind} {report.program}: {line[:300]}", flush=True)
    folder = keep / f"{report.kind}-{seed}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chance = chance_of(seed, number)
    attack = chance.choice(_attacks(homes, only))
    home = homes.put(attack.home)
    attack.strike(home, chance)
    shutil.copytree(home, folder / "home", symlinks=True, copy_function=_copy)
    case = {"made_at": str(home), "commands": [ran.words for ran in report.ran]}
    (folder / "case.json").write_text(json.dumps(case, indent=1))
    lines = [*report.wrong, *(f"{' '.join(r.words)} -> {r.code}\n{r.err}" for r in report.ran if r.faults)]
    (folder / "report.txt").write_text("\n".join(lines) + "\n", errors="backslashreplace")


def _copy(source: str, target: str) -> None:
    if Path(source).is_file():  # no pipes
        shutil.copy2(source, target)


def _again(homes: Homes, folder: Path) -> int:
    homes.folder.mkdir(parents=True)
    case = json.loads((folder / "case.json").read_text())
    made_at = case["made_at"]
    commands = [tuple(w.replace(made_at, str(homes.home)) for w in words) for words in case["commands"]]
    report = repeat(homes, folder / "home", made_at, commands)
    for line in report.wrong:
        print(line)
    for ran in report.ran:
        print(ran.code, " ".join(ran.words), "\n  " + ran.err.replace("\n", "\n  ") if ran.err else "")
    return 1 if report.wrong else 0


def import_everything(homes: Homes) -> None:
    """Imports whatever the commands import, so that no case pays for it.

    A process of its own runs them and tells: a store that was opened here would be open in every case.
    """
    listing = homes.folder / "modules.txt"
    child = os.fork()
    if child == 0:
        home = homes.put("quick")
        for words in (*READ, *DEEP):
            run_here(tuple(word.replace("{p}", "quick") for word in words), home)
        listing.write_text("\n".join(sys.modules))
        os._exit(0)
    os.waitpid(child, 0)
    for name in listing.read_text().splitlines():
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.promises.fuzz", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--begin", type=int, default=0, help="the number of the first case")
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for failed cases")
    parser.add_argument("--repeat", type=Path, metavar="FOLDER", help="runs a kept case again")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
