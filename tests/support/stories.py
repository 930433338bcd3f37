"""What the runs of ``credit_linesearch`` would have to show for each of its cases."""

from __future__ import annotations

from tests.support.worlds import Script, steady

CREDITS = ("oracle", "vec_m4", "scalar_cb", "dfa")
Story = dict[str, dict[str, float]]


def six_a(better_credit_helps: bool) -> Story:
    """Held-out loss falls with credit quality, or rises with it."""
    sign = -1.0 if better_credit_helps else 1.0
    return {name: {"dl_held": sign * (4.0 - i)} for i, name in enumerate(CREDITS)}


def samebatch(case: str) -> Story:
    """The runs of one case, A to D."""
    same = [-4.0, -3.0, -2.0, -1.0] if case != "B" else [1.0, 2.0, 3.0, 4.0]
    held = 1.0 if case == "D" else -1.0
    online = 1.0 if case == "C" else -1.0
    metrics: Story = {}
    for i, name in enumerate(CREDITS):
        metrics[f"{name}_norm"] = {
            "dl_same": same[i],
            "dl_held": held if name != "dfa" else -1.0,
            "dl_online": online,
            "credit_rms": 1e-6,
            "eta_interior": 1.0,
        }
    for i, name in enumerate(("oracle", "vec_m4")):
        metrics[f"{name}_raw"] = {"dl_same": same[i] / 10, "dl_held": held, "credit_rms": 1e-6}
    return metrics


def snapshot_age(case: str) -> Story:
    """``artifact``: held-out loss falls on an early snapshot; ``real``: it does not."""
    held = -1.0 if case == "artifact" else 1.0
    metrics: Story = {}
    for name in CREDITS:
        metrics[f"{name}_early"] = {"dl_same": -1.0, "dl_held": held}
        metrics[f"{name}_late"] = {"dl_same": -1.0, "dl_held": held / 2}
    return {**metrics, "oracle_early_one_batch": {"dl_same": -1.0, "dl_held": held * 3}}


def cures(*that_help: str) -> Story:
    """The arms that triage tries; those named lower held-out loss, and none spoils the same batch."""
    names = ("oracle_decay", "oracle_trust", "oracle_spread", "oracle_last_block")
    return {n: {"dl_same": -4.0, "dl_held": -1.0 if n in that_help else 2.0} for n in names}


def story(
    six: bool = False, same: str = "D", age: str = "real", helps: tuple[str, ...] = (), noise: float = 0.0001
) -> Script:
    """A whole program's runs."""
    return steady({**six_a(six), **samebatch(same), **snapshot_age(age), **cures(*helps)}, noise)
