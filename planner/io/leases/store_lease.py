"""Who advances a program in a store that several homes share: a tag of the program's MLflow experiment.

A home's lock keeps the processes of that home apart; those of other homes, and of other machines, see the
tag. MLflow's tags know no compare-and-set: whoever writes one looks again after a moment, and gives way to
who wrote last. Where the store is a home's own database, the lock of that home is taken too: it looks at no
tag.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.engine.ports import Clock
from planner.errors import ProgramBusy, StoreUnavailable
from planner.io.leases.heartbeat import DEAD_SECONDS, beating
from planner.io.leases.program_lock import Holder, holder_of, is_there, program_lock, this_process
from planner.io.mlflow import tags
from planner.io.mlflow.client import connect, database_of, find_experiment, speaking_of, write_experiment_tag
from planner.io.mlflow.faults import shown
from planner.io.mlflow.home_store import own_uri, store_uri
from planner.io.system.processes import home_mark
from planner.io.system.signals import whole
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.mlflow.client import Client

LOOKS_AGAIN = 0.5
POLL_SECONDS = 2.0


def owner_of_store(home: Home) -> Home | None:
    """The other home whose own database this one uses; None where it uses its own, or nobody's."""
    path = database_of(store_uri(home))
    if path is None or path.resolve() == home.database.resolve():
        return None
    owner = Home(path.absolute().parents[1])
    return owner if owner.database == path.absolute() else None


def owner_lock(
    home: Home, program: str, now: str, wait: bool, tell: Callable[[str], object]
) -> AbstractContextManager[None]:
    """Holds a program in the home whose database this one uses; nothing where there is no such home.

    Raises:
        ProgramBusy: a process of that home, or of another that uses its database, holds it.
    """
    owner = owner_of_store(home)
    return nullcontext() if owner is None else program_lock(owner, program, now, wait, tell, works_on=home)


def held_elsewhere(home: Home, program: str, clock: Clock) -> str | None:
    """Who advances a program in another home that uses this one's store, in words; None where nobody does.

    Raises:
        StoreUnavailable: the store cannot be reached.
    """
    owner, uri = owner_of_store(home), store_uri(home)
    holder = holder_of(owner, program) if owner is not None else None
    if owner is not None and holder is not None:
        return f"{program} is being advanced in the home {holder.works_on or owner.root}, by {holder}"
    if uri == own_uri(home):
        return None
    client = connect(home)
    with speaking_of(uri):
        experiment = find_experiment(client, home, program)
    if experiment is None:
        return None
    return SharedLease(client, uri, home, program, experiment.experiment_id, clock).other()


@dataclass(frozen=True)
class SharedLease:
    """A program in a store that other homes may use too.

    Args:
        home: the one that asks.
        experiment: id of the program's MLflow experiment.
    """

    client: Client
    uri: str
    home: Home
    program: str
    experiment: str
    clock: Clock

    @contextmanager
    def held(self, wait: bool = False, tell: Callable[[str], object] = lambda _: None) -> Iterator[None]:
        """Holds the program against other homes; nothing where no other home uses the store.

        Args:
            wait: waits until it is free, instead of raising.
            tell: takes the line that says for whom it waits.

        Raises:
            ProgramBusy: a planner of another home holds it, and gave a sign of life not long ago.
            StoreUnavailable: the store cannot be reached.

        Side effects: a tag of the experiment, written again every so many seconds and deleted at the end.
        """
        if self.uri == own_uri(self.home):
            yield
            return
        since = self.clock.now()
        try:
            self._take(since, wait, tell)
            with beating(lambda: self._beat(since)):
                yield
        except StoreUnavailable:
            raise  # the tag cannot be deleted either; it tells how long it has been silent
        except BaseException:
            self._give_back()
            raise
        else:
            self._give_back()

    def _take(self, since: str, wait: bool, tell: Callable[[str], object]) -> None:
        waiting_said = False
        while True:
            busy = self.other()
            if busy is None:
                self._write(since)
                time.sleep(LOOKS_AGAIN)
                busy = self.other()
            if busy is None:
                return
            if not wait:
                raise ProgramBusy(busy, "try again when it has ended, or wait for it with --wait")
            if not waiting_said:
                tell(f"{busy}; waiting")
                waiting_said = True
            time.sleep(POLL_SECONDS)

    def _beat(self, since: str) -> None:
        """A sign of life, unless another home has taken over while this process slept."""
        if self.other() is None:
            self._write(since)

    def _text(self) -> str | None:
        with speaking_of(self.uri):
            return self.client.get_experiment(self.experiment).tags.get(tags.HOLDER)

    def other(self) -> str | None:
        """Who else holds the program, and how long ago that gave a sign of life; None where nobody does."""
        text = self._text()
        try:
            tag = json.loads(text or "")
            holder = Holder(int(tag["pid"]), str(tag["since"]), str(tag["host"]), float(tag["started"]))
            home, beat = str(tag["home"]), float(tag["beat"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None
        silent = self.clock.seconds() - beat
        heard = abs(silent) <= DEAD_SECONDS
        if home == home_mark(self.home) or not heard or (holder.is_here and not is_there(holder)):
            return None
        return (
            f"{self.program} is being advanced in another home that uses {shown(self.uri)}, by {holder} "
            f"(last sign of life {max(0.0, silent):.0f} s ago)"
        )

    def _write(self, since: str) -> None:
        holder = {**this_process(since), **self._mine(), "beat": round(self.clock.seconds(), 3)}
        with speaking_of(self.uri):
            write_experiment_tag(self.client, self.experiment, tags.HOLDER, json.dumps(holder))

    def _mine(self) -> dict[str, Any]:
        """What no other's note says."""
        return {"pid": os.getpid(), "home": home_mark(self.home)}

    def _give_back(self) -> None:
        with whole(), suppress(StoreUnavailable), speaking_of(self.uri):
            if self._mine().items() <= json.loads(self._text() or "{}").items():
                self.client.delete_experiment_tag(self.experiment, tags.HOLDER)
