"""What an experiment says of its configurations: asked once, then kept in the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.io.journal import Journal
from planner.program import Program
from planner.records import digest_of
from planner.runs import DIGEST_LENGTH, Description
from planner.supersede import Data

if TYPE_CHECKING:
    from planner.ports import Launcher

Place = tuple[str, str, str]
"""Phase, arm, fidelity."""


@dataclass(frozen=True)
class Describer:
    """Asks an experiment what a program's configurations come down to.

    Args:
        code: digest of the experiment's code; another one asks anew.

    Side effects: may start a worker; writes the journal.
    """

    program: Program
    code: str
    journal: Journal
    launcher: Launcher

    def describe(self, fidelity: str | None) -> dict[Place, Description]:
        """A description of every arm of every phase.

        Args:
            fidelity: the rung asked for; None means each phase's own.

        Raises:
            ProgramError: the experiment is not there, or refuses a parameter (named).
        """
        wanted = {
            (phase, arm, fidelity or rules.fidelity): self.program.params(phase, arm)
            for phase, rules in self.program.phases.items()
            for arm in rules.arms
        }
        keys = {place: _key(self.program, self.code, params, place[2]) for place, params in wanted.items()}
        known = {key: self._known(key) for key in set(keys.values())}
        unknown = {key: place for place, key in keys.items() if known[key] is None}
        if unknown:
            told = self._ask([(wanted[place], place[2]) for place in unknown.values()])
            fresh = dict(zip(unknown, told, strict=True))
            self.journal.note_described({key: _with_stamps(one) for key, one in fresh.items()})
            known.update(fresh)
        return {place: one for place, key in keys.items() if (one := known[key]) is not None}

    def _ask(self, wanted: list[tuple[dict[str, Any], str]]) -> list[Description]:
        if self.program.experiment is not None:
            return self.launcher.describe(self.program.experiment, wanted)
        from experiments import command as user_command

        argv = tuple(self.program.command or ())
        return [Description.model_validate(user_command.describe(argv, params)) for params, _ in wanted]

    def _known(self, key: str) -> Description | None:
        body = self.journal.described(key)
        if body is None:
            return None
        stamps = json.loads(body).get("stamps", {})
        if any(_stamp(Path(file)) != stamp for file, stamp in stamps.items()):
            return None
        return _description(body)


def known_descriptions(
    program: Program, code: str, journal: Journal, fidelity: str | None = None
) -> dict[Place, Description]:
    """What the journal knows of the configurations of every phase; nothing is asked.

    Args:
        fidelity: the rung; None means each phase's own.
    """
    known = journal.all_described()
    found: dict[Place, Description] = {}
    for phase, rules in program.phases.items():
        rung = fidelity or rules.fidelity
        for arm in rules.arms:
            body = known.get(_key(program, code, program.params(phase, arm), rung))
            if body is not None:
                found[phase, arm, rung] = _description(body)
    return found


def data_today(program: Program, code: str, journal: Journal, judged: Mapping[str, str]) -> dict[str, Data]:
    """Phase -> its data as far as the journal knows them: nothing is asked anew and nothing is written.

    A phase of which an arm was never described with this code is left out.

    Args:
        judged: phase -> the fidelity at which it was judged last.
    """
    known, found = journal.all_described(), {}
    for phase in [name for name in program.phases if name in judged]:
        rung, arms = judged[phase], program.phases[phase].arms
        keys = [_key(program, code, program.params(phase, arm), rung) for arm in arms]
        bodies = [known.get(key) for key in keys]
        if bodies and all(body is not None for body in bodies):
            told = [json.loads(body) for body in bodies if body is not None]
            digests = frozenset(str(one["data_digest"])[:DIGEST_LENGTH] for one in told)
            stamps = {file: stamp for one in told for file, stamp in one.get("stamps", {}).items()}
            changed = tuple(sorted(file for file, stamp in stamps.items() if _stamp(Path(file)) != stamp))
            found[phase] = Data(rung, digests, changed)
    return found


def _key(program: Program, code: str, params: dict[str, Any], fidelity: str) -> str:
    return digest_of([code, program.experiment or program.command, params, fidelity])


def _description(body: str) -> Description:
    told = json.loads(body)
    told.pop("stamps", None)
    return Description.model_validate(told)


def _with_stamps(told: Description) -> str:
    stamps = {file: _stamp(Path(file)) for file in told.files}
    return json.dumps({**told.model_dump(mode="json"), "stamps": stamps})


def _stamp(path: Path) -> list[int] | None:
    """Size and time of a file: when they change, what was said of it may no longer hold."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
