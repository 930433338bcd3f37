"""JSON Schemas of what the commands print, as ``docs/cli.md`` promises them; further keys may be there."""

from __future__ import annotations

from typing import Any

import jsonschema

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
WHOLE: Schema = {"type": "integer", "minimum": 0}
OUTCOME: Schema = {"enum": ["pass", "fail", "inconclusive", "invalid", "blocked", None]}
CONFIDENCE: Schema = {"enum": ["confirmed", "provisional", None]}
PROGRAM_STATE: Schema = {"enum": ["ready", "running", "waiting", "blocked", "done"]}
PHASE_STATE: Schema = {"enum": ["locked", "ready", "running", "judged", "waiting", "blocked"]}
ACTION: Schema = {"enum": ["run_phase", "add_seeds", "run_diagnostic", "take_option", "wait", "stop"]}
CRITERION: Schema = {"enum": ["met", "not_met", "undecided", "not_applicable", "invalid"]}
CLAIM: Schema = {
    "enum": [
        "proposed",
        "supported",
        "supported_in_direction",
        "refuted",
        "equivalent",
        "not_verified",
        "superseded",
        "stale",
    ]
}


def _object(**keys: Schema) -> Schema:
    return {"type": "object", "required": list(keys), "properties": keys}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


TEXTS = _list({"type": "string"})
RATE = _object(
    **{key: {"type": "number", "minimum": 0, "maximum": 1} for key in ("rate", "se", "low", "high")}
)
TALLY = _object(
    **dict.fromkeys(("passed", "tested", "confirmed", "failed", "inconclusive", "invalid"), RATE),
    runs={"type": "number"},
    runs_90={"type": "number"},
)
NEXT = _object(action=ACTION, target=MAYBE_TEXT, reason=TEXT, commands=TEXTS)
PHASE = _object(
    name=TEXT,
    state=PHASE_STATE,
    outcome=OUTCOME,
    confidence=CONFIDENCE,
    tier=MAYBE_TEXT,
    case=MAYBE_TEXT,
    stale={"type": "boolean"},
    superseded_by=MAYBE_TEXT,
)
STEP = _object(
    phase=TEXT,
    action=ACTION,
    outcome=OUTCOME,
    confidence=CONFIDENCE,
    tier=MAYBE_TEXT,
    case=MAYBE_TEXT,
    memo=TEXT,
    decision_id=TEXT,
    runs_launched=WHOLE,
    runs_reused=WHOLE,
)
THRESHOLD: Schema = {"anyOf": [MAYBE_NUMBER, {"type": "array", "items": {"type": "number"}, "minItems": 2}]}
INTERVAL = _maybe({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
OVERRIDE = _object(
    id=TEXT, by=TEXT, at=TEXT, reason=TEXT, contradicts=MAYBE_TEXT, expires=MAYBE_TEXT, choose=MAYBE_TEXT
)
RESULT: Schema = {"enum": ["right", "wrong", "open"]}
FLAG: Schema = {"type": "boolean"}
SCORE = _maybe(_object(result=RESULT, evidence=TEXT, verdict_ids=TEXTS, agreed=FLAG, followed=FLAG))
OVERRIDE_SEEN: Schema = {
    "allOf": [OVERRIDE, _object(score=SCORE, warning=MAYBE_TEXT)],
}
OVERRIDE_LISTED: Schema = {
    "allOf": [
        OVERRIDE_SEEN,
        _object(program=TEXT, standing={"enum": ["in force", "revoked", "expired", "replaced"]}),
    ]
}
SCORE_TALLY = _object(right=WHOLE, wrong=WHOLE, open=WHOLE, agreed=WHOLE)
BRIER = _object(score=MAYBE_NUMBER, even_odds=MAYBE_NUMBER, settled=WHOLE, open=WHOLE)
LINKS = _list(_object(kind={"enum": ["claim", "criterion", "phase"]}, phase=TEXT, id=TEXT, why=TEXT))

TURN = _object(
    flips_at={"type": "number"},
    flips_to=CRITERION,
    arm=TEXT,
    metric=TEXT,
    verdict=_object(outcome=OUTCOME, case=MAYBE_TEXT, tier=MAYBE_TEXT, confidence=CONFIDENCE),
    decision=_object(action=ACTION, choice=MAYBE_TEXT, target=MAYBE_TEXT),
    changes_verdict={"type": "boolean"},
    changes_decision={"type": "boolean"},
)
FAILED = _object(
    criterion=TEXT,
    wanted=CRITERION,
    outcome=CRITERION,
    observed=MAYBE_NUMBER,
    threshold=THRESHOLD,
    flips_at=MAYBE_NUMBER,
    distance=MAYBE_NUMBER,
    unit={"type": "string"},
)
EXPERIMENT = _object(
    kind={"enum": ["seeds", "option", "supersedes", "fidelity"]}, what=TEXT, runs=WHOLE, seconds=MAYBE_NUMBER
)
COUNT = _object(recorded=WHOLE, equal=WHOLE, differ=WHOLE, older=WHOLE)
DIFFERENCE = _object(kind={"enum": ["rules", "evidence", "record"]}, id=TEXT, what=TEXT)
SLIP = _object(where=TEXT, kind=TEXT, line=WHOLE, section={"type": "string"}, says={}, gives={})

SECONDS: Schema = {"type": "number", "minimum": 0}
COST = _object(
    before=WHOLE,
    after=WHOLE,
    saved=WHOLE,
    added=WHOLE,
    unmade=WHOLE,
    seconds_saved=SECONDS,
    seconds_added=SECONDS,
)
REACHED = _maybe(
    _object(
        outcome=OUTCOME,
        confidence=CONFIDENCE,
        case=MAYBE_TEXT,
        tier=MAYBE_TEXT,
        action=ACTION,
        choice=MAYBE_TEXT,
    )
)


def _reply(command: str, **keys: Schema) -> Schema:
    return _object(schema={"const": f"phasegate.{command}/1"}, **keys)


REPLIES: dict[str, Schema] = {
    "programs": _reply("programs", programs=_list(_object(name=TEXT, question=TEXT, phases=TEXTS))),
    "status": _reply(
        "status",
        programs=_list(
            _object(
                name=TEXT,
                state=PROGRAM_STATE,
                phases=_list(PHASE),
                next=NEXT,
                spent=_object(runs=WHOLE, seconds={"type": "number", "minimum": 0}),
            )
        ),
    ),
    "advance": _reply("advance", program=TEXT, steps=_list(STEP), state=PROGRAM_STATE, next=_maybe(NEXT)),
    "dry_run": _reply(
        "advance",
        program=TEXT,
        steps={"type": "array", "maxItems": 0},
        candidates=_list(_object(choice=MAYBE_TEXT, reason=TEXT, chosen={"type": "boolean"})),
        estimate=_object(runs=WHOLE, seconds=MAYBE_NUMBER),
    ),
    "explain": _reply(
        "explain",
        program=TEXT,
        phase=TEXT,
        decision_id=MAYBE_TEXT,
        verdict=_object(
            outcome=OUTCOME,
            confidence=CONFIDENCE,
            tier=MAYBE_TEXT,
            case=MAYBE_TEXT,
            cause=MAYBE_TEXT,
            hypothesis=MAYBE_TEXT,
            post_hoc={"type": "boolean"},
            caveats=TEXTS,
        ),
        guards=_list(_object(id=TEXT, outcome=CRITERION, observed={}, reason=TEXT, criteria=TEXTS)),
        criteria=_list(
            _object(
                id=TEXT,
                kind=TEXT,
                metric=MAYBE_TEXT,
                outcome=CRITERION,
                observed=MAYBE_NUMBER,
                threshold=THRESHOLD,
                margin=MAYBE_NUMBER,
                interval=INTERVAL,
                n=WHOLE,
                run_ids=TEXTS,
                flips_at=MAYBE_NUMBER,
                flips_to=_maybe(CRITERION),
                turns=_list(TURN),
            )
        ),
        rules=_list(
            _object(
                rule=TEXT,
                kind={"enum": ["gate", "case", "tier", "next", "option"]},
                fired={"type": "boolean"},
                failed=_maybe(FAILED),
                reason={"type": "string"},
            )
        ),
        cheapest_flip=_object(
            experiment=_maybe(EXPERIMENT), others=_list(EXPERIMENT), reason={"type": "string"}
        ),
        rule_changes=_list(_object(path=TEXT, old={}, new={}, since=MAYBE_TEXT)),
        error_budget=_object(
            budget={"type": "number"},
            spent={"type": "number"},
            planned={"type": "number"},
            share=MAYBE_NUMBER,
            shares=_list(_object(phase=TEXT, rate={"type": "number"}, after=MAYBE_TEXT)),
        ),
        decision=_maybe(
            _object(
                action=ACTION,
                choice=MAYBE_TEXT,
                reason=TEXT,
                rule=TEXT,
                rejected=_list(_object(choice=TEXT, reason=TEXT, flips_if={"type": "string"})),
                due=_list(_object(holder=TEXT, option=TEXT)),
            )
        ),
        prediction=_maybe(
            _object(
                what=TEXT,
                probability={"type": "number", "minimum": 0, "maximum": 1},
                because={"type": "string"},
                came={"type": ["boolean", "null"]},
            )
        ),
        hypotheses=_list(_object(id=TEXT, says=TEXT, status={"enum": ["open", "holds", "does not hold"]})),
        claims=_list(_object(id=TEXT, status=CLAIM, caveats=TEXTS, reason={"type": "string"})),
        overrides=_list(OVERRIDE_SEEN),
    ),
    "knowledge": _reply(
        "knowledge",
        programs=_list(
            _object(name=TEXT, fidelity=TEXT, claims=WHOLE, score=BRIER, overrides_score=SCORE_TALLY)
        ),
        claims=_list(
            _object(
                program=TEXT,
                id=TEXT,
                says=TEXT,
                status=CLAIM,
                found=_maybe(CLAIM),
                because=MAYBE_TEXT,
                phase=TEXT,
                verdict_id=MAYBE_TEXT,
                outcome=OUTCOME,
                confidence=CONFIDENCE,
                caveats=TEXTS,
                reason={"type": "string"},
                evidence=_list(
                    _object(id=TEXT, outcome=CRITERION, observed=MAYBE_NUMBER, n=WHOLE, run_ids=TEXTS)
                ),
                rests_on=LINKS,
                rested_on_by=LINKS,
            )
        ),
        predictions=_list(
            _object(
                program=TEXT,
                phase=TEXT,
                what=TEXT,
                probability={"type": "number", "minimum": 0, "maximum": 1},
                came={"type": ["boolean", "null"]},
                score=MAYBE_NUMBER,
                verdict_id=MAYBE_TEXT,
            )
        ),
        score=BRIER,
        hypotheses=_list(_object(program=TEXT, id=TEXT, says=TEXT, status=TEXT)),
        overrides=_list(OVERRIDE_LISTED),
        overrides_score=SCORE_TALLY,
    ),
    "memo": _reply("memo", program=TEXT, path=TEXT, text=TEXT),
    "memo_verify": _reply(
        "memo",
        program=TEXT,
        path=MAYBE_TEXT,
        text=MAYBE_TEXT,
        ok={"type": "boolean"},
        memos=_list(
            _object(
                phase=TEXT,
                fidelity=TEXT,
                path=TEXT,
                ok={"type": "boolean"},
                numbers=WHOLE,
                slips=_list(SLIP),
                because=_list(DIFFERENCE),
            )
        ),
    ),
    "replay": _reply(
        "replay",
        program=TEXT,
        ok={"type": "boolean"},
        decisions=COUNT,
        verdicts=COUNT,
        differences=_list(DIFFERENCE),
        records=_list(
            _object(kind={"enum": ["verdict", "decision"]}, id=TEXT, phase=TEXT, equal={"type": "boolean"})
        ),
        pending=TEXTS,
        elsewhere=TEXTS,
    ),
    "replay_rules": _reply(
        "replay",
        program=TEXT,
        rules=TEXT,
        decisions=_list(_object(id=TEXT, phase=TEXT, fidelity=TEXT, field={"type": "string"})),
        ways=_list(
            _object(
                fidelity=MAYBE_TEXT,
                open_at=MAYBE_TEXT,
                total=COST,
                phases=_list(_object(phase=TEXT, recorded=REACHED, edited=REACHED, cost=COST)),
            )
        ),
    ),
    "graph": _reply("graph", program=TEXT, phases={"type": "object"}, mermaid=TEXT),
    "check": _reply("check", ok={"type": "boolean"}, findings=_list(_object(program=TEXT))),
    "override": _reply("override", program=TEXT, override=OVERRIDE, warning=MAYBE_TEXT),
    "overrides": _reply("override", program=TEXT, overrides=_list(OVERRIDE_LISTED)),
    "exclude": _reply("exclude", exclusion=_object(run_id=TEXT, by=TEXT, at=TEXT, reason=TEXT)),
    "calibrate": _reply(
        "calibrate",
        program=TEXT,
        repetitions=WHOLE,
        seed=WHOLE,
        shape={"enum": ["normal", "t3", "lognormal"]},
        beyond={"type": "number"},
        fidelity=MAYBE_TEXT,
        false_pass={"type": "number"},
        false_fail={"type": "number"},
        within_budget={"enum": ["within", "above", "open", None]},
        gates=_list(
            _object(
                phase=TEXT,
                share={"type": "number"},
                after=MAYBE_TEXT,
                point={"type": "boolean"},
                null=_maybe(TALLY),
                effect=_maybe(TALLY),
                weakest=_maybe(TALLY),
                weakest_criterion=MAYBE_TEXT,
                stated=_maybe(TALLY),
                within_share={"enum": ["within", "above", "open", None]},
                not_simulated={"type": "object"},
            )
        ),
        path={
            "type": "object",
            "additionalProperties": _object(
                passed=RATE,
                tested=RATE,
                confirmed=RATE,
                runs={"type": "number"},
                runs_90={"type": "number"},
                reached={"type": "object"},
                passes={"type": "object"},
                ends={"type": "object"},
                not_placed={"type": "object"},
            ),
        },
        noise={
            "type": "object",
            "additionalProperties": _object(
                paired={"type": "number"},
                alone={"type": "number"},
                source={"enum": ["stated", "measured", "assumed"]},
                why={"type": "string"},
            ),
        },
    ),
    "init": _reply("init", program=TEXT, path=TEXT, experiment=TEXT),
}


def assert_fits(reply: Any, command: str) -> None:
    """Fails, and says where, if a reply is not what the command promises."""
    jsonschema.Draft202012Validator.check_schema(REPLIES[command])
    jsonschema.validate(reply, REPLIES[command], cls=jsonschema.Draft202012Validator)
