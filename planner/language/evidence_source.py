"""Where a program's evidence lies besides its own runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.language.types import LoggedName, Written

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class EvidenceSource(Written):
    """Runs in one store that count as a program's evidence."""

    store: Text | None = None
    """An MLflow address, database or folder, or a table; without it the store that the home writes to."""
    experiments: list[Text] = []
    """Whose runs are meant; without it all of the store, or of the home's the one named as the program."""
    where: str = ""
    """Which runs, as ``params.dataset = 'cifar10'``."""
    arms_by: list[LoggedName] = []
    """The parameters that say which arm a run is of; without it all that arms and phases set."""
    seed_from: Text | None = None
    """The parameter that holds the seed; without it the one whose name says so."""
    same_data: Literal["declared"] | None = None
    """The runs that logged no digest of their dataset are said to be on the same data."""


class SeenRunIds(Written):
    """Runs that whoever wrote the program had seen: a verdict on them is post hoc."""

    ids: list[Text]
    """Their ids, as verdicts name them."""
    thresholds: Text | None = None
    """Where the thresholds were stated before these runs were seen: then none of it is post hoc."""
