"""The scenarios in which a program's gates are tried: what is true of every arm there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planner.calibration.constraints import Cell, Constraint, ConstraintBuilder, Infeasible, Role
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
        effects: (arm, metric) -> mean, where the caller states a scenario.
    """

    program: Program
    noise: Mapping[str, Noise]
    anchors: Mapping[str, float]
    beyond: float = 1.0
    shape: Shape = "normal"
    fidelity: str | None = None
    effects: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def builder(self, phase: str) -> ConstraintBuilder:
        """Turns a phase's criteria into constraints."""
        fidelity = self.fidelity or self.program.phases[phase].fidelity
        return ConstraintBuilder(self.program, phase, fidelity, self.noise, self.beyond)


@dataclass(frozen=True)
class Scenario:
    """Means and noise of every configuration.

    Attributes:
        means: those that differ from the anchors.
        sds: the noise of a metric in a configuration where it is not the metric's own.
        infeasible: phase -> why its gate is not as the scenario's name says.
    """

    name: str
    means: Mapping[Cell, float]
    sds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    infeasible: Mapping[str, str] = field(default_factory=dict)


def gate_scenario(setting: Setting, phase: str, role: Role) -> Scenario:
    """A scenario for one gate: every criterion of it in the same role."""
    return _scenario(setting, {phase: role}, role)


def path_scenario(setting: Setting, role: Role) -> Scenario:
    """A scenario for the whole program: every criterion of every gate in the same role.

    Gates that look at point values alone hold beyond doubt where the others are null: the error budget does
    not cover them, and the path would often end there.
    """
    program = setting.program
    roles: dict[str, Role] = {
        phase: "sure" if role == "null" and is_point(program, phase) else role for phase in program.phases
    }
    return _scenario(setting, roles, role)


def is_point(program: Program, phase: str) -> bool:
    """Whether a gate is judged at point value alone."""
    rules = program.phases[phase].criteria
    required = [rules[name] for name in required_by_gate(program, phase) if name in rules]
    return all(rule.treated == "point" for rule in required if isinstance(rule, Measured))


def weakest_scenarios(setting: Setting, phase: str) -> dict[str, Scenario]:
    """Criterion -> the scenario in which it alone is null and the others of its gate hold beyond doubt.

    That is where a gate that asks for several passes falsely most often. Empty for one criterion of one arm:
    its null scenario is that already.
    """
    builder = setting.builder(phase)
    leaves = _leaves(setting.program, phase)
    if len(leaves) == 1 and not _has_parts(setting.program, phase, leaves[0]):
        return {}
    return {name: _weakest(setting, builder, name, leaves) for name in leaves}


def _weakest(setting: Setting, builder: ConstraintBuilder, name: str, leaves: Sequence[str]) -> Scenario:
    means, sds, phase, scenario = (
        Means(setting.anchors),
        dict[tuple[str, str], float](),
        builder.phase,
        f"weakest {name}",
    )
    try:
        constraints = list(_constraints(builder, name, "null", sds))
        if _has_parts(setting.program, phase, name) and constraints:
            constraints = [*constraints[:1], *builder.constraints(name, "sure")[1:]]
        constraints += [
            c for other in leaves if other != name for c in _constraints(builder, other, "sure", sds)
        ]
    except Infeasible as why:
        return Scenario(scenario, {}, infeasible={phase: str(why)})
    fixed = {
        (s.config, s.metric) for c in _constraints(builder, name, "null", {}) for s in (c.left, c.right) if s
    }
    quiet = {
        (s.config, s.metric): sd
        for other in leaves
        if other != name
        for s, sd in builder.quiet_noise(other).items()
    }
    sds |= {key: sd for key, sd in quiet.items() if key not in fixed | sds.keys()}
    unmet = means.satisfy(constraints)
    if unmet:
        return Scenario(scenario, {}, infeasible={phase: _contradict(unmet)})
    _meet_guards(setting, phase, means)
    return Scenario(scenario, means.assigned, sds)


def stated_scenario(setting: Setting) -> Scenario:
    """The scenario that the caller states: means of arms, the same in every phase.

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
                means.fix(Cell(setting.builder(phase).config(arm), metric), value)
    for phase in program.phases:
        _meet_guards(setting, phase, means)
    return Scenario("stated", means.assigned)


def _scenario(setting: Setting, roles: Mapping[str, Role], name: str) -> Scenario:
    means, sds, infeasible = Means(setting.anchors), dict[tuple[str, str], float](), dict[str, str]()
    for phase, role in roles.items():
        builder, gate = setting.builder(phase), setting.program.phases[phase].gate
        try:
            constraints = [c for criterion in gate for c in _constraints(builder, criterion, role, sds)]
        except Infeasible as why:
            infeasible[phase] = str(why)
            continue
        unmet = means.satisfy(constraints)
        if unmet:
            infeasible[phase] = _contradict(unmet)
    for phase in roles:
        _meet_guards(setting, phase, means)
    return Scenario(name, means.assigned, sds, infeasible)


def _constraints(
    builder: ConstraintBuilder, criterion: str, role: Role, sds: dict[tuple[str, str], float]
) -> Sequence[Constraint]:
    levels = builder.noise_levels(criterion, role)
    if levels:
        sds.update({(cell.config, cell.metric): sd for cell, sd in levels.items()})
        return ()
    return builder.constraints(criterion, role)


def _meet_guards(setting: Setting, phase: str, means: Means) -> None:
    """Lets declared guards be met, where the means are free for it."""
    rules, builder = setting.program.phases[phase], setting.builder(phase)
    for name in rules.guards:
        if name not in BUILT_IN_GUARDS and name not in rules.gate:
            try:
                means.satisfy(builder.constraints(name, "sure"))
            except Infeasible:
                continue


def _contradict(unmet: Sequence[str]) -> str:
    return f"{named(unmet)} cannot be put there beside the other criteria"


def _leaves(program: Program, phase: str) -> list[str]:
    """The criteria that a gate asks for one and all."""
    rules = program.phases[phase]
    leaves: list[str] = []
    todo = list(rules.gate)
    while todo:
        name = todo.pop(0)
        rule = rules.criteria.get(name)
        if isinstance(rule, Combined) and rule.all_of:
            todo = [*rule.all_of, *todo]
        else:
            leaves.append(name)
    return list(dict.fromkeys(leaves))


def _has_parts(program: Program, phase: str, name: str) -> bool:
    """Whether a criterion asks for several things at once."""
    rule = program.phases[phase].criteria.get(name)
    several = isinstance(rule, Measured) and len(rule.subjects) > 1
    return several and not getattr(rule, "any_arm", None) and not isinstance(rule, Spread)
