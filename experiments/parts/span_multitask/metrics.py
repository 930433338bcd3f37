"""How well the bars of spans are found: F1 at a threshold, average precision, separation, floors."""

from __future__ import annotations

import torch

HALF = 0.5


def precision_recall_f1(
    probability: torch.Tensor, mask: torch.Tensor, threshold: float
) -> tuple[float, float, float]:
    """Over all bars together, of calling those at or above the threshold positive; 0 where undefined."""
    called, inside = probability >= threshold, mask > 0
    hit, calls, positives = (called & inside).sum().item(), called.sum().item(), inside.sum().item()
    precision, recall = hit / calls if calls else 0.0, hit / positives if positives else 0.0
    return precision, recall, 2 * hit / (calls + positives) if calls + positives else 0.0


def f1_floor(base_rate: float) -> float:
    """F1 of calling every bar positive: precision is the base rate b, recall 1, so 2b / (1 + b)."""
    return 2 * base_rate / (1 + base_rate)


def average_precision(probability: torch.Tensor, mask: torch.Tensor) -> float:
    """Mean precision over the recalls that the thresholds give, ties together (scikit-learn's)."""
    _, hits, calls = _curve(probability, mask)
    gained = torch.diff(hits, prepend=hits.new_zeros(1)) / hits[-1].clamp(min=1)
    return (gained * hits / calls).sum().item()


def best_threshold(probability: torch.Tensor, mask: torch.Tensor) -> float:
    """The threshold with the highest F1; of several, the highest."""
    thresholds, hits, calls = _curve(probability, mask)
    return thresholds[(2 * hits / (calls + hits[-1])).argmax()].item()


def _curve(probability: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Distinct thresholds from high to low, with the hits and the calls at each, in float64."""
    ranked, order = probability.flatten().sort(descending=True)
    hits = mask.flatten()[order].double().cumsum(0)
    last = torch.nonzero(torch.diff(ranked, append=ranked.new_full((1,), -1.0)))[:, 0]
    return ranked[last], hits[last], (last + 1).double()


def separation(probability: torch.Tensor, mask: torch.Tensor) -> dict[str, float]:
    """Mean probability inside and outside the spans, and the difference."""
    inside, outside = probability[mask > 0].mean().item(), probability[mask == 0].mean().item()
    return {"prob_in_span": inside, "prob_out_span": outside, "prob_separation": inside - outside}


def span_metrics(
    validation: tuple[torch.Tensor, torch.Tensor], test: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, float]:
    """What is said of the span head; the best threshold is chosen on validation and measured on test.

    Args:
        validation, test: probability and mask of every bar, (windows, steps) each.
    """
    base = test[1].mean().item()
    precision, recall, f1 = precision_recall_f1(*test, HALF)
    chosen = best_threshold(*validation)
    return {
        "span_f1": f1,
        "span_precision": precision,
        "span_recall": recall,
        "span_f1_best_threshold": precision_recall_f1(*test, chosen)[2],
        "best_threshold": chosen,
        "span_f1_floor": f1_floor(base),
        "average_precision": average_precision(*test),
        "span_base_rate": base,
        **separation(*test),
    }
