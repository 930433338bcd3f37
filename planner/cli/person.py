"""Commands by which a person changes what follows: a choice, runs left out or made again, code kept."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from planner.cli.contradictions import refuse_together, refuse_two_of
from planner.cli.output import By, Json, Name, show, the_home


def override(
    program: Name,
    phase: Annotated[str | None, typer.Argument(metavar="[PHASE]")] = None,
    choose: Annotated[str | None, typer.Option(help="The option or phase to take.")] = None,
    verdict: Annotated[
        Literal["accept", "reject"] | None, typer.Option(help="accept or reject the verdict.")
    ] = None,
    done: Annotated[str | None, typer.Option(help="A person has done what this option asks for.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; required.")] = None,
    by: By = None,
    expires: Annotated[str | None, typer.Option(help="Until when, as 2026-12-31.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Lists the overrides.")] = False,
    revoke: Annotated[str | None, typer.Option(help="Takes the override with this id back.")] = None,
    json: Json = False,
) -> None:
    """Records a person's choice; the recommendation stays on record beside it."""
    from planner.io.commands import person_answers as answers
    from planner.io.commands.person import OverrideRequest

    words = {"--choose": choose, "--verdict": verdict, "--done": done}
    refuse_two_of({"--list": list_, "--revoke": revoke, **words}, "an override says one thing")
    refuse_together({"--list": list_}, {"--reason": reason, "--by": by}, "--list records nothing")
    at_once = {"--list": list_, "--revoke": revoke}
    refuse_together(at_once, {"--expires": expires}, "only what is said from now on expires")
    refuse_together({"--revoke": revoke}, {"PHASE": phase}, "the id says which override is meant")
    if list_:
        show(answers.answer_override_list(the_home(), program, phase), json)
    elif revoke is not None:
        show(answers.answer_revoke(the_home(), program, revoke, by, reason), json)
    else:
        request = OverrideRequest(choose, verdict, done, reason, by, expires)
        show(answers.answer_override(the_home(), program, phase, request), json)


def exclude(
    run: Annotated[str, typer.Argument(metavar="RUN")],
    reason: Annotated[str | None, typer.Option(help="Why; required.")] = None,
    by: By = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the exclusion back.")] = False,
    json: Json = False,
) -> None:
    """Keeps a run out of all evidence, visibly; nothing is deleted."""
    from planner.io.commands.person_answers import answer_exclude

    show(answer_exclude(the_home(), run, reason, by, undo), json)


def retry(
    program: Name,
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN...]")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; required.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Has failed runs made again: those named, or all that failed."""
    from planner.io.commands.person_answers import answer_retry

    show(answer_retry(the_home(), program, runs or (), reason, by), json)


def keep(
    program: Name,
    reason: Annotated[str | None, typer.Option(help="Why the change is harmless; required.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Declares a change of the experiment's code harmless: runs made stale by it count again."""
    from planner.io.commands.person_answers import answer_keep

    show(answer_keep(the_home(), program, reason, by), json)
