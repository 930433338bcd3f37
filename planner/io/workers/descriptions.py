"""What an experiment says of its configurations: asked once, then kept in the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.watched import state_of

from planner.io.journal.journal import Journal
from planner.language.program import Program
from planner.lineage.staleness import Data
from planner.records.base import digest_of
from planner.records.jobs import Description
from planner.records.runs import DIGEST_LENGTH

if TYPE_CHECKING:
    from planner.engine.ports import Launcher

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
        keys = {
            configured: _key(self.program, self.code, params, configured[2])
            for configured, params in wanted.items()
        }
        stored = {key: self._known(key) for key in set(keys.values())}
        unknown = {key: configured for configured, key in keys.items() if stored[key] is None}
        if unknown:
            answers = self._ask([(wanted[configured], configured[2]) for configured in unknown.values()])
            fresh = dict(zip(unknown, answers, strict=True))
            self.journal.note_described({key: _with_stamps(one) for key, one in fresh.items()})
            stored.update(fresh)
        return {configured: one for configured, key in keys.items() if (one := stored[key]) is not None}

    def _ask(self, wanted: list[tuple[dict[str, Any], str]]) -> list[Description]:
        if self.program.experiment is not None:
            return self.launcher.describe(self.program.experiment, wanted)
        from experiments import command as user_command

        argv = tuple(self.program.command or ())
        return [Description.model_validate(user_command.describe(argv, params)) for params, _ in wanted]

    def _known(self, key: str) -> Description | None:
        description = _read(self.journal.described(key))
        if description is None or _changed(description[1]):
            return None
        return description[0]


def known_descriptions(
    program: Program, code: str, journal: Journal, fidelity: str | None = None
) -> dict[Place, Description]:
    """What the journal knows of the configurations of every phase; nothing is asked.

    Args:
        fidelity: the rung; None means each phase's own.
    """
    stored = journal.all_described()
    descriptions: dict[Place, Description] = {}
    for phase, rules in program.phases.items():
        rung = fidelity or rules.fidelity
        for arm in rules.arms:
            description = _read(stored.get(_key(program, code, program.params(phase, arm), rung)))
            if description is not None:
                descriptions[phase, arm, rung] = description[0]
    return descriptions


def data_today(program: Program, code: str, journal: Journal, judged: Mapping[str, str]) -> dict[str, Data]:
    """Phase -> its data as far as the journal knows them: nothing is asked anew and nothing is written.

    A phase of which an arm was never described with this code is left out.

    Args:
        judged: phase -> the fidelity at which it was judged last.
    """
    stored = journal.all_described()
    data: dict[str, Data] = {}
    for phase in [name for name in program.phases if name in judged]:
        rung, arms = judged[phase], program.phases[phase].arms
        keys = [_key(program, code, program.params(phase, arm), rung) for arm in arms]
        descriptions = [one for key in keys if (one := _read(stored.get(key))) is not None]
        if descriptions and len(descriptions) == len(keys):
            digests = frozenset(one.data_digest[:DIGEST_LENGTH] for one, _ in descriptions)
            changed = tuple(sorted({file for _, stamps in descriptions for file in _changed(stamps)}))
            data[phase] = Data(rung, digests, changed)
    return data


def _key(program: Program, code: str, params: dict[str, Any], fidelity: str) -> str:
    return digest_of([code, program.experiment or program.command, params, fidelity])


def _read(body: str | None) -> tuple[Description, dict[str, Any]] | None:
    """(a description, its files' stamps) as the journal keeps it; None where it holds nothing of the kind."""
    try:
        body_read = json.loads(body or "")
        stamps = dict(body_read.pop("stamps", {}))
        return Description.model_validate(body_read), stamps
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _changed(stamps: Mapping[str, Any]) -> list[str]:
    """The files that are no longer as they were described."""
    return [file for file, stamp in stamps.items() if _stamp(Path(file)) != stamp]


def _with_stamps(description: Description) -> str:
    stamps = {file: _stamp(Path(file)) for file in description.files}
    return json.dumps({**description.model_dump(mode="json"), "stamps": stamps})


def _stamp(path: Path) -> list[int] | None:
    """Size and time of a file: when they change, what was said of it may no longer hold."""
    state = state_of(path)
    return state and state[:2]
