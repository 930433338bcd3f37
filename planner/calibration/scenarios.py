"""The worlds in which a program's gates are tried: what is true of every arm there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planner.calibration.constraints import Demand, NotPlaced, Placer, Role, Spot
from planner.calibration.noise_model import Noise, Shape
from planner.calibration.solver import Means, named
from planner.criteria.judge import required_by_gate
from planner.errors import UsageError
from planner.language.criterion import Combined, Measured, Spread
from planner.language.program import BUILT_IN_GUARDS, Program


@dataclass(frozen=True)
class Setting:
    """What is stated of the simulation.

    Attributes:
        noise: of every metric.
        anchors: metric -> where its values lie where nothing says more.
        beyond: by how many standard deviations a threshold is passed where it has an effect.
        shape: of the noise.
        fidelity: at which phases are judged; None means each its own.
        effects: (arm, metric) -> mean, where the caller states a world.
    """

    program: Program
    noise: Mapping[str, Noise]
    anchors: Mapping[str, float]
    beyond: float = 1.0
    shape: Shape = "normal"
    fidelity: str | None = None
    effects: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def placer(self, phase: str) -> Placer:
        """Turns a phase's criteria into demands."""
        fidelity = self.fidelity or self.program.phases[phase].fidelity
        return Placer(self.program, phase, fidelity, self.noise, self.beyond)


@dataclass(frozen=True)
class World:
    """Means and noise of every configuration.

    Attributes:
        means: those that differ from the anchors.
        sds: the noise of a metric in a configuration where it is not the metric's own.
        not_placed: phase -> why its gate is not where the world's name says.
    """

    name: str
    means: Mapping[Spot, float]
    sds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    not_placed: Mapping[str, str] = field(default_factory=dict)


def gate_world(setting: Setting, phase: str, role: Role) -> World:
    """A world for one gate: every criterion of it in the same role."""
    return _world(setting, {phase: role}, role)


def path_world(setting: Setting, role: Role) -> World:
    """A world for the whole program: every criterion of every gate in the same role.

    Gates that look at point values alone hold beyond doubt where the others are null: the error budget does
    not cover them, and the walk would often end there.
    """
    program = setting.program
    roles: dict[str, Role] = {
        phase: "sure" if role == "null" and is_point(program, phase) else role for phase in program.phases
    }
    return _world(setting, roles, role)


def is_point(program: Program, phase: str) -> bool:
    """Whether a gate is judged at point value alone."""
    rules = program.phases[phase].criteria
    asked = [rules[name] for name in required_by_gate(program, phase) if name in rules]
    return all(rule.treated == "point" for rule in asked if isinstance(rule, Measured))


def weakest_worlds(setting: Setting, phase: str) -> dict[str, World]:
    """Criterion -> the world in which it alone is null and the others of its gate hold beyond doubt.

    That is where a gate that asks for several passes falsely most often. Empty for one criterion of one arm:
    its null world is that already.
    """
    placer = setting.placer(phase)
    leaves = _leaves(setting.program, phase)
    if len(leaves) == 1 and not _has_parts(setting.program, phase, leaves[0]):
        return {}
    return {name: _weakest(setting, placer, name, leaves) for name in leaves}


def _weakest(setting: Setting, placer: Placer, name: str, leaves: Sequence[str]) -> World:
    means, sds, phase, world = (
        Means(setting.anchors),
        dict[tuple[str, str], float](),
        placer.phase,
        f"weakest {name}",
    )
    try:
        demands = list(_demands(placer, name, "null", sds))
        if _has_parts(setting.program, phase, name) and demands:
            demands = [*demands[:1], *placer.demands(name, "sure")[1:]]
        demands += [d for other in leaves if other != name for d in _demands(placer, other, "sure", sds)]
    except NotPlaced as why:
        return World(world, {}, not_placed={phase: str(why)})
    tried = {(s.config, s.metric) for d in _demands(placer, name, "null", {}) for s in (d.left, d.right) if s}
    quiet = {(s.config, s.metric): sd for o in leaves if o != name for s, sd in placer.quiet(o).items()}
    sds |= {key: sd for key, sd in quiet.items() if key not in tried | sds.keys()}
    unmet = means.meet(demands)
    if unmet:
        return World(world, {}, not_placed={phase: _contradict(unmet)})
    _meet_guards(setting, phase, means)
    return World(world, means.placed, sds)


def stated_world(setting: Setting) -> World:
    """The world that the caller states: means of arms, the same in every phase.

    Raises:
        UsageError: an arm or metric of that name is not in the program.
    """
    program, means = setting.program, Means(setting.anchors)
    for (arm, metric), value in setting.effects.items():
        if arm not in program.arms or metric not in program.metrics:
            lacking = f"arm '{arm}'" if arm not in program.arms else f"metric '{metric}'"
            raise UsageError(f"--effect {arm}.{metric}: {program.program} has no {lacking}")
        for phase, rules in program.phases.items():
            if arm in rules.arms:
                means.put(Spot(setting.placer(phase).config(arm), metric), value)
    for phase in program.phases:
        _meet_guards(setting, phase, means)
    return World("stated", means.placed)


def _world(setting: Setting, roles: Mapping[str, Role], name: str) -> World:
    means, sds, not_placed = Means(setting.anchors), dict[tuple[str, str], float](), dict[str, str]()
    for phase, role in roles.items():
        placer, gate = setting.placer(phase), setting.program.phases[phase].gate
        try:
            demands = [d for criterion in gate for d in _demands(placer, criterion, role, sds)]
        except NotPlaced as why:
            not_placed[phase] = str(why)
            continue
        unmet = means.meet(demands)
        if unmet:
            not_placed[phase] = _contradict(unmet)
    for phase in roles:
        _meet_guards(setting, phase, means)
    return World(name, means.placed, sds, not_placed)


def _demands(
    placer: Placer, criterion: str, role: Role, sds: dict[tuple[str, str], float]
) -> Sequence[Demand]:
    spreads = placer.spreads(criterion, role)
    if spreads:
        sds.update({(spot.config, spot.metric): sd for spot, sd in spreads.items()})
        return ()
    return placer.demands(criterion, role)


def _meet_guards(setting: Setting, phase: str, means: Means) -> None:
    """Lets declared guards be met, where the means are free for it."""
    rules, placer = setting.program.phases[phase], setting.placer(phase)
    for name in rules.guards:
        if name not in BUILT_IN_GUARDS and name not in rules.gate:
            try:
                means.meet(placer.demands(name, "sure"))
            except NotPlaced:
                continue


def _contradict(unmet: Sequence[str]) -> str:
    return f"{named(unmet)} cannot be put there beside the other criteria"


def _leaves(program: Program, phase: str) -> list[str]:
    """The criteria that a gate asks for one and all."""
    rules = program.phases[phase]
    found: list[str] = []
    todo = list(rules.gate)
    while todo:
        name = todo.pop(0)
        rule = rules.criteria.get(name)
        if isinstance(rule, Combined) and rule.all_of:
            todo = [*rule.all_of, *todo]
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def _has_parts(program: Program, phase: str, name: str) -> bool:
    """Whether a criterion asks for several things at once."""
    rule = program.phases[phase].criteria.get(name)
    several = isinstance(rule, Measured) and len(getattr(rule, "subjects", [])) > 1
    return several and not getattr(rule, "any_arm", None) and not isinstance(rule, Spread)
