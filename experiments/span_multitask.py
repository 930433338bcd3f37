"""Is gradient balance why the span task does not learn?

Question: a BiLSTM reads windows of 105 bars with one expansion of about 7 bars each, and is trained on four
tasks: the span's type, a pointer to its centre and length, its bars (*span*) and the bars until it starts
(*countdown*). The span task learns nothing. Is it because the countdown's loss outweighs its own?

Arms: ``normalize_countdown`` (target in [0, 1], or raw, clipped at 20 bars), ``tasks``, ``pos_weight`` and
``focal_gamma`` of the span's cross-entropy, ``span_head`` (``pooled``: all bars from the mean state;
``per_step``: each from its own), ``window_stride`` (copies of training windows shifted by multiples of it),
``pretrain``; ``task: proxy_grid`` trains nothing and searches rules on prices, ``unsigned_return`` makes them
blind to direction. ``Config`` has the rest.

Metrics (unit; better), by epoch, on test windows unless said otherwise.
    ``loss_type``, ``loss_span`` (nats), ``loss_ptr``, ``loss_countdown`` (huber; lower): on training
    windows, mean over the epoch's batches, unweighted; ``loss_countdown_share_epoch1`` (fraction).
    ``gradient_share_TASK`` (fraction): share of the norms of the weighted gradients on the trunk, after
    the epoch, on some training windows; noisy from epoch to epoch, so better read as a mean.
    ``sigma_TASK``: learnt by Kendall's weighting, the sum of L / (2 sigma^2) + log sigma.
    ``span_f1``, ``span_precision``, ``span_recall`` (fraction; higher): over all bars, at probability .5;
    ``span_f1_best_threshold``: at the threshold that is best on validation windows; ``span_f1_floor``: of
    calling every bar positive, 2b / (1 + b) for the base rate b. ``average_precision`` (fraction; higher),
    its floor ``span_base_rate``. ``prob_in_span``, ``prob_out_span`` and their difference
    ``prob_separation`` (probability; higher).
    ``countdown_mae`` (bars; lower): of the clipped countdown, whatever unit it was trained in.
    ``val_loss`` (nats; lower): unweighted sum of the losses on validation windows; ``best_epoch``: its
    lowest.
    ``label_overlap`` (fraction; lower): share of validation and test windows that share bars with
    training. ``proxy_correlation`` (correlation; higher): of the best rule of the grid with the label.
    Series over the grid: ``grid_correlation``, on training windows.

Budget, one thread: smoke under 2 s; standard 8 s, with 128 hidden units 30 s, proxies under 1 s; full, with
more epochs and windows, minutes. An epoch has as many windows in every arm, so that none makes more
updates. Seeds train one by one: together they took 4.6 times as long under vmap, where the LSTM has no
batching rule, and 1.4 times with an LSTM written out over a leading seed axis (H = 64, three seeds, a CPU).

If the claim is false, ``average_precision`` rises above its floor with the raw countdown too, or stays there
with the normalized one.

Replicates: the seed drives initialisation, batch order, dropout and, for proxies, which training windows
choose the weights. Windows, labels and splits have ``data_seed``: verdicts hold for one split; vary it to go
beyond. The split comes before any shift of windows (``split_first``).

Source: ``003_fff3045ae924022e.txt`` (there 210 recorded windows, 100 epochs).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from experiments.contract import Data, MetricLog
from experiments.parts.seeding import derive
from experiments.parts.span_multitask import proxies, windows
from experiments.parts.span_multitask.artifacts import draw_proxy, write_expansions, write_json, write_tables
from experiments.parts.span_multitask.config import Config
from experiments.parts.span_multitask.files import read_windows
from experiments.parts.span_multitask.generator import generate
from experiments.parts.span_multitask.kendall import Uncertainty
from experiments.parts.span_multitask.net import SpanNet
from experiments.parts.span_multitask.pretraining import pretrain
from experiments.parts.span_multitask.tasks import Objective
from experiments.parts.span_multitask.training import Schedule, Training
from experiments.parts.span_multitask.windows import Windows
from experiments.parts.stages import History

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {
        "epochs": 3,
        "pretrain_epochs": 2,
        "validation_size": 80,
        "test_size": 80,
        "unlabelled_size": 200,
    },
    "standard": {},
    "full": {"epochs": 100, "pretrain_epochs": 100, "unlabelled_size": 5000, "test_size": 2000},
}


def describe(config: Config) -> Data:
    """The windows of each split, before training shifts any; overlap is measured on what it trains on."""
    splits = _splits(config)
    return Data(
        name=Path(config.data).name if config.data else "made-up expansions",
        digest=windows.digest(splits),
        sizes={name: len(part) for name, part in splits.items()},
        overlap=_overlap(config, splits),
        files=(config.data,) if config.data else (),
    )


def run(config: Config, seed: int, log: MetricLog) -> None:
    """Trains and measures one network, or searches the grid of proxies."""
    if config.task == "proxy_grid":
        _search_proxies(config, seed, log)
    else:
        _train(config, seed, log)


def _splits(config: Config) -> dict[str, Windows]:
    """Disjoint ``train``, ``validation``, ``test`` and ``unlabelled`` windows, as recorded."""
    sizes = {name: getattr(config, f"{name}_size") for name in ("train", "validation", "test")}
    if config.data:
        recorded = read_windows(config.data)
    else:
        count = sum(sizes.values()) + config.unlabelled_size
        made = generate(count, config.snr, config.placement, config.data_seed)
        recorded = windows.jittered(made, config.jitter, config.jitter_bars, config.data_seed)
    splits = windows.split(recorded, sizes, "unlabelled", config.data_seed)
    if config.window_stride and not config.split_first:
        pool = windows.shifted(windows.joined([splits[name] for name in sizes]), config.window_stride)
        held_out = {name: size for name, size in sizes.items() if name != "train"}
        splits |= windows.split(pool, held_out, "train", config.data_seed)
    return splits


def _with_shifts(config: Config, train: Windows) -> Windows:
    """The windows that the labelled tasks train on."""
    shift = config.window_stride and config.split_first
    return windows.shifted(train, config.window_stride) if shift else train


def _overlap(config: Config, splits: Mapping[str, Windows]) -> float:
    training = [_with_shifts(config, splits["train"])]
    if config.pretrain:
        training.append(splits["unlabelled"])
    evaluated = windows.joined([splits["validation"], splits["test"]])
    return windows.overlap(windows.joined(training), evaluated)


def _train(config: Config, seed: int, log: MetricLog) -> None:
    splits = _splits(config)
    key = f"{windows.digest(splits)} {seed} {config.model_dump_json()}"
    scaled = {name: part.to(config.device) for name, part in windows.standardised(splits, by="train").items()}
    pre_epochs = config.pretrain_epochs if config.pretrain else 0
    total = pre_epochs + config.epochs

    def on_pretrained(index: int, row: dict[str, float]) -> None:
        log.metrics(row, index + 1)
        log.progress(index + 1, total)

    def on_epoch(index: int, row: dict[str, float]) -> None:
        shown = {name: value for name, value in row.items() if "/" not in name}
        log.metrics({"epoch": index + 1, **shown}, index + 1)
        log.progress(pre_epochs + index + 1, total)

    net = _network(config, scaled, seed)
    if config.pretrain:
        unlabelled = scaled["unlabelled"].x if len(scaled["unlabelled"]) else scaled["train"].x
        size, file = (config.train_size, config.batch_size, config.lr), log.checkpoint / "pretrained.pt"
        pretrain(net, unlabelled, config.pretrain_epochs, *size, seed, file, key, on_pretrained)
    training = _training(config, net, scaled, seed, log.checkpoint)
    history = training.run(key, on_epoch)
    first = {name: value for name, value in history[0].items() if name.startswith("loss_")}
    if "loss_countdown" in first:
        log.metric("loss_countdown_share_epoch1", first["loss_countdown"] / sum(first.values()))
    log.metric("label_overlap", _overlap(config, splits))
    _leave_artifacts(config, seed, log, history, splits, net)


def _network(config: Config, scaled: Mapping[str, Windows], seed: int) -> SpanNet:
    train, types = scaled["train"], max(part.types for part in scaled.values() if len(part))
    net = SpanNet(train.x.shape[2], train.steps, types, config.hidden, config.span_head, config.dropout, seed)
    return net.to(config.device)


def _training(config: Config, net: SpanNet, scaled: dict[str, Windows], seed: int, folder: Path) -> Training:
    weights = Uncertainty(config.tasks, learnt=config.weighting == "kendall").to(config.device)
    objective = Objective(config.tasks, config.pos_weight, config.focal_gamma)
    data = {
        "train": _with_shifts(config, scaled["train"]),
        "validation": scaled["validation"],
        "test": scaled["test"],
    }
    schedule = Schedule(
        config.epochs, config.train_size, config.batch_size, config.lr, config.weight_decay, config.keep
    )
    return Training(net, weights, objective, data, schedule, config.normalize_countdown, seed, folder)


def _leave_artifacts(
    config: Config,
    seed: int,
    log: MetricLog,
    history: History,
    splits: Mapping[str, Windows],
    net: SpanNet,
) -> None:
    write_tables(history, log.artifact)
    shutil.copyfile(log.checkpoint / "best.pt", log.artifact("best_model.pt"))
    metadata = {
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "best_epoch": int(history[-1]["best_epoch"]),
        "windows": {name: len(part) for name, part in splits.items()},
        "trained_on": len(_with_shifts(config, splits["train"])),
        "data_digest": windows.digest(splits),
    }
    write_json(log.artifact("metadata.json"), metadata)


def _search_proxies(config: Config, seed: int, log: MetricLog) -> None:
    """Chooses the weights on training windows drawn with replacement, and measures them on the test ones."""
    splits = _splits(config)
    train, test = (
        (proxies.proxy_features(part), part.mask.numpy()) for part in (splits["train"], splits["test"])
    )
    weights = (config.return_weight, config.streak_weight, config.vol_epsilon)
    points = proxies.grid(*weights, config.unsigned_return)
    draws = np.random.default_rng(derive(seed, "bootstrap"))
    rows = draws.integers(0, len(splits["train"]), config.train_size)
    correlations = []
    for index, formula in enumerate(points, 1):
        correlations.append(proxies.correlation(formula.probability(train[0])[rows], train[1][rows]))
        log.metrics({"grid_correlation": correlations[-1], **_point(formula)}, index)
        log.progress(index, len(points))
    best = points[int(np.argmax(correlations))]
    guess = best.probability(test[0])
    correlation = proxies.correlation(guess, test[1])
    log.metrics({"proxy_correlation": correlation, "proxy_correlation_train": max(correlations)})
    log.metrics({f"best_{name}": value for name, value in asdict(best).items()})
    summary = {**asdict(best), "features": proxies.FEATURES, "correlation_train": max(correlations)}
    write_json(log.artifact("proxy_formula.json"), {**summary, "correlation_test": correlation})
    write_expansions(log.artifact("expansion_stats.csv"), proxies.span_statistics(splits["train"], train[0]))
    draw_proxy(log.artifact("proxy_validation.png"), best, guess.ravel(), test[1].ravel(), correlation)


def _point(formula: proxies.Formula) -> dict[str, float]:
    return {f"grid_{name}": value for name, value in asdict(formula).items()}
