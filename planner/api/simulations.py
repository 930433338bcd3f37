"""How often a program's gates would err, simulated from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planner.api.report import Report
from planner.api.verdicts import as_program, checked_fidelity
from planner.calibration.noise_model import Shape
from planner.calibration.report import as_json, as_text
from planner.io.commands.calibrate import CalibrationOptions, calibrate_judged
from planner.language.program import Program
from planner.records.verdict import Verdict


def calibrate(
    program: Program,
    /,
    *,
    noise: Mapping[str, float] | None = None,
    noise_shape: Shape = "normal",
    effect: float = 1.0,
    means: Mapping[str, float] | None = None,
    repetitions: int = 200,
    seed: int = 0,
    fidelity: str | None = None,
    jobs: int = 1,
    verdicts: Iterable[Verdict] = (),
) -> Report:
    """Simulates a program's gates under stated noise: false passes, false fails, runs needed.

    Args:
        program: from :func:`load_program`.
        noise: metric -> standard deviation of the difference of two arms at one seed, in the metric's unit.
            A metric that is left out is measured on ``verdicts``, or assumed.
        noise_shape: ``normal``, ``t3`` or ``lognormal``.
        effect: by how many standard deviations a threshold is passed where it is true; above 0.
        means: ``"ARM.METRIC"`` -> a mean over seeds; means take the place of the two standard worlds.
        repetitions: how often each gate and the path are simulated; from 1.
        seed: of the simulation; the same seed gives the same figures.
        fidelity: the rung at which gates are judged; default: each phase's own.
        jobs: processes. More than one starts processes, which a script must allow
            (``if __name__ == "__main__"``).
        verdicts: verdicts whose runs tell how much metrics vary.

    Returns:
        A report; ``data`` is what ``calibrate --json`` gives: shares in [0, 1] with their standard errors.

    Raises:
        UsageError: a name that the program does not have, or a number out of range.

    Side effects: may start processes; draws progress on a terminal.

    Example:
        >>> import planner
        >>> from planner.testing import example_program
        >>> report = planner.calibrate(example_program(), noise={"val_accuracy": 0.01}, repetitions=5)
        >>> report["gates"][0]["phase"], report["repetitions"]
        ('first_look', 5)
    """
    checked_fidelity(fidelity)
    options = CalibrationOptions(
        noise=[f"{metric}={float(sd)!r}" for metric, sd in (noise or {}).items()],
        effects=[f"{effect!r}", *(f"{name}={float(mean)!r}" for name, mean in (means or {}).items())],
        shape=noise_shape,
        repetitions=repetitions,
        seed=seed,
        fidelity=fidelity,
        jobs=jobs,
    )
    result = calibrate_judged(as_program(program), list(verdicts), options)
    return Report(as_text(result), as_json(result))
