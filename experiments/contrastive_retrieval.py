"""Does a contrastive term fix retrieval?

Question: a model predicts the vector of an article's next chunk from the five before it; the prediction
is the query, and the chunk is looked for among all chunks. Does InfoNCE in the loss lift recall?

Arms: ``objective`` is ``ar`` (1 - cosine), ``infonce_ar`` (InfoNCE behind a projection head that predictions
and targets share, and 1 - cosine), ``raw_infonce`` (the same without a head), ``pure_infonce`` (the head, no
cosine term), ``two_tower`` (symmetric InfoNCE between predictions and documents that have an encoder of
their own) or ``amn_baseline`` (an attention mixture over the context, 1 - cosine). The sweep sets
``temperature``.

Protocol: ``split`` says what is evaluated, and changes nothing of the training: ``random_windows`` of the
articles that were trained on, or all windows of other articles (``article_disjoint``).
``evaluation_encoder``: ``other`` fills the bank by another encoder than the one that made contexts and
targets. ``queries``: other than the model's predictions, for what no model or an oracle would reach.
``context_in_bank``: whether the five chunks of the context can be found; the default leaves them in, as a
plain search would, and R@5 is logged both ways. ``search``: the space of the bank; ``trained`` is behind the
head for ``pure_infonce``, whose predictions mean nothing elsewhere, and raw for ``infonce_ar``.

Data: the digest is of the corpus by both encoders and of every set of windows. ``split`` and
``evaluation_encoder`` pick from these what is evaluated and so do not change the digest, although a seed
is then evaluated on other windows or against another bank. Arms that differ in them compare on one corpus;
both are parameters, so the confound guard sees the difference and a phase must name it as its factor.

Metrics (unit; better). Searches are brute force; ties count half; scores that are not finite come last.
    ``recall_at_1``, ``_5``, ``_10``, ``contain_at_50``, ``mrr`` (fraction; higher): on test windows.
    ``efficiency_at_5`` (fraction; higher): R@5 / Contain@50, left out where that is 0.
    ``recall_at_5_context_in_bank``, ``recall_at_5_context_left_out``, ``recall_at_5_projected`` (fraction;
    higher): R@5 under the other protocols. ``recall_chance`` (fraction; neither): 5 over the bank.
    ``train_recall_at_5`` (fraction; higher): on training windows.
    ``eval_cosine`` (cosine; higher): query to its answer in the bank, in the space searched;
    ``train_val_cosine``: the same on validation windows of trained articles, by the training's encoder.
    ``raw_cosine``, ``projected_cosine`` (cosine; higher): prediction to answer before and behind the head.
    ``negative_cosine`` (cosine; neither): query to the other answers, above 0 since all vectors share a
    direction. ``cosine_margin`` (higher): eval_cosine less that. ``copy_last_margin`` (higher): eval_cosine
    less the cosine to the last chunk of the context.
    ``leak_overlap`` (fraction; lower): evaluation articles seen in training. ``chunk_overlap`` (lower):
    test targets that are part of a training window.
    ``target_bank_cosine``, ``oracle_recall_at_1`` (higher): target to its own entry; recall with it as query.
    ``latency_p95_ms``, ``latency_p95_relative`` (ms, ratio; lower): one search; over a bare matrix product.
    Absolute latency is the machine's and compares no arms.
    Series over steps: ``train_loss`` and its parts, ``val_cosine``, ``val_mrr``, ``new_cosine``, ``new_mrr``
    (new articles), ``train_step``; along k: ``curve_recall``, ``curve_k``. ``best_step`` (neither).
    ``diverged`` (flag; lower): 1 at a stage with a loss, weights or predictions that are not finite. Its
    losses are logged as 1e6 and its cosines as 0, so that every value is finite and the run is ok.

The weights are those of the stage with the best validation MRR, on validation windows of the split's
own kind; the test windows choose nothing. No stage whose weights or predictions are not finite is chosen;
where there is no other, ``best_step`` is 0 and the last weights are measured, which find nothing.

Budget, one thread: smoke under 1 s; standard 7 to 10 s (arms of one seed that differ in the evaluation
alone share the training in one process); full, with 768 dimensions and batches of 1024 as in the
source, is for a GPU. Seeds are not trained together: stacked matrices took 1.07 to 1.10 times less at a
batch of 256 and width 256 or 384, and more time at a batch of 512.

If the claim is false, R@5 of the contrastive arms does not exceed that of ``ar`` by the gate's margin. If
the recall is memory, it falls on new articles whatever the loss. If the space is at fault,
``target_bank_cosine`` is below 1 and every arm is at chance.

Replicates: the seed drives initialisation and batches; corpus and split have ``data_seed``, so verdicts hold
for one corpus. Gradient accumulation would add no negatives: ``batch_size`` is what counts.

Source: ``002_acfb359fc5b1096a.txt`` (there Wikipedia, 768 dimensions, a head of 256).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch

from experiments.contract import Data, MetricLog
from experiments.parts import shared_results
from experiments.parts.contrastive_retrieval import articles, ranking
from experiments.parts.contrastive_retrieval.articles import Corpus, Windows
from experiments.parts.contrastive_retrieval.config import EVALUATION, Config
from experiments.parts.contrastive_retrieval.evaluation import Evaluation, Search, evaluate
from experiments.parts.contrastive_retrieval.files import load_corpus
from experiments.parts.contrastive_retrieval.retriever import Retriever
from experiments.parts.contrastive_retrieval.training import Schedule, Trained, train
from experiments.parts.csv_files import write_csv
from experiments.parts.seeding import seeded

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {
        "articles": 20,
        "width": 128,
        "steps": 200,
        "stages": 4,
        "batch_size": 128,
        "lr": 3e-3,
        "timed_queries": 50,
    },
    "standard": {},
    "full": {
        "dim": 768,
        "states": 96,
        "articles": 110,
        "width": 2048,
        "steps": 20_000,
        "stages": 40,
        "batch_size": 1024,
        "lr": 3e-4,
        "timed_queries": 1000,
    },
}


def describe(config: Config) -> Data:
    """Windows of each part. The digest is of corpus, encoders and all parts: ``split`` picks one of them."""
    corpus, splits = _data(config)
    return Data(
        name=corpus.name,
        digest=articles.digest(corpus, splits),
        sizes={"bank": len(corpus.article), **{name: len(rows) for name, rows in splits.items()}},
        overlap=articles.article_overlap(corpus, splits["train"], splits[config.test], config.context),
        files=corpus.files,
    )


def run(config: Config, seed: int, log: MetricLog) -> None:
    """Trains one arm, and searches the bank with what it predicts."""
    corpus, splits = _data(config)
    if config.evaluation_encoder == "other" and corpus.other is None:
        raise ValueError(f"{corpus.name}: evaluation_encoder 'other' needs vectors named 'other' in the file")
    given = corpus.vectors.to(config.device)
    trained = _train(config, seed, log, given, splits, articles.digest(corpus, splits))
    model, step = trained.chosen(config.kind)
    held = corpus.other.to(config.device) if config.evaluation_encoder == "other" else given
    search = Search(model, given, held, config.context, config.queries, not config.context_in_bank)
    test, seen = (splits[name].to(config.device) for name in (config.test, "train"))
    evaluation = evaluate(search, test, seen, config.timed_queries, seed)
    log.metrics({**evaluation.metrics, "best_step": step, "recall_chance": 5 / len(held)})
    log.metrics(_overlaps(config, corpus, splits))
    _write_ranks(log, corpus, splits[config.test], evaluation)
    log.progress(config.stages + 1, config.stages + 1)


def _data(config: Config) -> tuple[Corpus, dict[str, Windows]]:
    names = "bank_articles article_length dim states shared_dynamics data_seed"
    made = tuple(getattr(config, name) for name in names.split())
    corpus = load_corpus(config.data) if config.data else _generated(*made)
    taken = config.context, config.articles, config.new_articles, config.held_windows, config.data_seed
    return corpus, articles.split_windows(corpus, *taken)


@lru_cache(maxsize=2)
def _generated(*made: Any) -> Corpus:
    return articles.generate(*made)


def _train(
    config: Config,
    seed: int,
    log: MetricLog,
    vectors: torch.Tensor,
    splits: Mapping[str, Windows],
    digest: str,
) -> Trained:
    """The trained model; taken from an arm that differs in its evaluation alone where there was one."""
    training_params = config.model_dump_json(exclude=EVALUATION)
    key = f"{digest} {seed} {training_params}"
    schedule = Schedule(
        config.steps, config.stages, config.batch_size, config.lr, *config.weights, config.temperature
    )
    rows: list[dict[str, float]] = []

    def report(stage: int, measured: dict[str, float]) -> None:
        step = schedule.ends(stage)
        rows.append({"step": step, **measured})
        log.metrics({**measured, "train_step": step}, step)
        log.progress(stage + 1, config.stages + 1)

    with seeded(seed, "model"):
        shape = config.context, vectors.shape[1], config.width, config.head_width
        model = Retriever(config.objective, config.space, *shape).to(config.device)
    file, leave_out = log.checkpoint / "training.pt", not config.context_in_bank
    with shared_results.shared(file, key):
        trained, _ = train(
            model, vectors, splits, config.context, schedule, leave_out, seed, file, key, report
        )
    best_step = trained.chosen(config.kind)[1]
    chosen = next((row for row in rows if row["step"] == best_step), rows[-1])
    log.metric("train_val_cosine", chosen["val_cosine"])
    write_csv(log.artifact("curves.csv"), list(rows[0]), [row.values() for row in rows])
    return trained


def _overlaps(config: Config, corpus: Corpus, splits: Mapping[str, Windows]) -> dict[str, float]:
    sets = splits["train"], splits[config.test]
    return {
        "leak_overlap": articles.article_overlap(corpus, *sets, config.context),
        "chunk_overlap": articles.chunk_overlap(*sets, config.context),
    }


def _write_ranks(log: MetricLog, corpus: Corpus, rows: Windows, evaluation: Evaluation) -> None:
    for index, k in enumerate(ranking.CURVE):
        log.metrics({"curve_k": k, "curve_recall": ranking.recall(evaluation.ranks, k)}, index)
    columns = (rows, corpus.article[rows], evaluation.ranks + 1, evaluation.cosines)
    header = ["row", "article", "rank", "cosine"]
    write_csv(log.artifact("ranks.csv"), header, zip(*(column.tolist() for column in columns), strict=True))
