"""Runs as real clients log them, none of them changed: judged by ``judge``, and by a program."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.io.store.test_evidence_sources import write_program
from tests.support.small_homes import cli_here
from tests.support.warm import clean_environment

pytestmark = pytest.mark.slow

SCIKIT_LEARN = """
import mlflow
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

mlflow.set_experiment("forests")
mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
x, y = make_classification(300, flip_y=0.2, random_state=0)
for max_depth in (1, 8):
    for seed in (42, 7, 123):
        with mlflow.start_run():
            RandomForestClassifier(10, max_depth=max_depth, random_state=seed).fit(x, y)
"""


def logged_by(script: str, folder: Path) -> Path:
    """The database that a script logged to."""
    database = folder / "logged.db"
    environment = {**clean_environment(), "MLFLOW_TRACKING_URI": f"sqlite:///{database}"}
    code = textwrap.dedent(script)
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=folder, check=True, capture_output=True)
    return database


def program_of(metric: str, store: Path, param: str, arms: dict[str, Any]) -> dict[str, Any]:
    better, worse = arms
    return {
        "program": "clients",
        "question": "Is it better?",
        "evidence": [{"store": str(store), "arms_by": [param], "same_data": "declared"}],
        "metrics": {"score": {"unit": "fraction", "better": "higher", "logged_as": metric}},
        "arms": {name: {param: value} for name, value in arms.items()},
        "phases": {
            "compare": {
                "question": "Is it better?",
                "arms": [better, worse],
                "factor": param,
                "criteria": {"c": {"metric": "score", "arm": better, "versus": worse, "above": 0.0}},
                "gate": ["c"],
            }
        },
    }


def test_scikit_learn_s_autologging(tmp_path: Path) -> None:
    store = logged_by(SCIKIT_LEARN, tmp_path)
    metric, words = "training_accuracy_score", ("--arms-by", "max_depth", "--baseline", "max_depth=1")
    judged = json.loads(
        cli_here("judge", str(store), "--metric", metric, *words, "--json", home=tmp_path).out
    )
    answers = {arm["params"]["max_depth"]: (arm["n"], arm["answer"]) for arm in judged["arms"]}
    assert answers == {"8": (3, "better"), "1": (3, "baseline")}
    assert judged["paired"]
    assert judged["caveats"][0] == "seeds are read from the parameter 'random_state'"

    write_program(tmp_path, program_of(metric, store, "max_depth", {"deep": 8, "flat": 1}))
    assert cli_here("advance", "clients", "--all", home=tmp_path).code == 0
    said = json.loads(cli_here("explain", "clients", "--json", home=tmp_path).out)
    assert (said["verdict"]["outcome"], said["criteria"][0]["n"]) == ("pass", 3)


LIGHTNING = """
import os
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import MLFlowLogger
from torch.utils.data import DataLoader, TensorDataset

chance = torch.Generator().manual_seed(0)
x = torch.randn(128, 4, generator=chance)
data = TensorDataset(x, (x[:, 0] > 0).long())


class Model(pl.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 2)

    def training_step(self, batch, index):
        return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.log("val/acc", (self.layer(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


for lr in (1e-6, 0.5):
    for seed in (42, 7, 123):
        pl.seed_everything(seed)
        logger = MLFlowLogger("pl", tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
        logger.log_hyperparams({"seed": seed})
        quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = pl.Trainer(max_epochs=3, accelerator="cpu", logger=logger, **quiet)
        trainer.fit(Model(lr), DataLoader(data, 16), DataLoader(data, 64))
"""
TRANSFORMERS = """
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

chance = torch.Generator().manual_seed(0)
words = torch.randint(0, 20, (64, 6), generator=chance)
rows = [{"input_ids": row, "labels": int(row[0] > 9)} for row in words]
size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}

for learning_rate in (1e-7, 5e-2):
    for seed in (42, 7, 123):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(BertConfig(vocab_size=20, **size))
        arguments = TrainingArguments(
            f"out/{learning_rate}-{seed}", learning_rate=learning_rate, seed=seed, max_steps=40,
            per_device_train_batch_size=16, eval_strategy="steps", eval_steps=40, save_strategy="no",
            report_to=["mlflow"], disable_tqdm=True, use_cpu=True, logging_steps=40,
        )
        Trainer(model, arguments, train_dataset=rows, eval_dataset=rows).train()
        import mlflow
        mlflow.end_run()
"""
OPTUNA = """
import os
import random
import mlflow
import optuna
from optuna_integration import MLflowCallback

mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
mlflow.set_experiment("sweep")
optuna.logging.set_verbosity(optuna.logging.ERROR)
callback = MLflowCallback(metric_name="accuracy", create_experiment=False, mlflow_kwargs={"nested": True})


def objective(trial):
    optimizer = trial.suggest_categorical("optimizer", ["adam", "sgd"])
    seed = trial.suggest_categorical("seed", [42, 7, 123])
    return {"adam": 0.9, "sgd": 0.8}[optimizer] + random.Random(seed).random() / 1000 + trial.number / 1e6


with mlflow.start_run(run_name="the sweep"):
    sampler = optuna.samplers.GridSampler({"optimizer": ["adam", "sgd"], "seed": [42, 7, 123]}, seed=0)
    optuna.create_study(sampler=sampler, direction="maximize").optimize(objective, callbacks=[callback])
"""


@pytest.mark.parametrize(
    ("package", "script", "metric", "better", "param", "arms"),
    [
        ("pytorch_lightning", LIGHTNING, "val/acc", "higher", "lr", {"0.5": "better", "1e-06": "baseline"}),
        (
            "transformers",
            TRANSFORMERS,
            "eval_loss",
            "lower",
            "learning_rate",
            {"0.05": "better", "1e-07": "baseline"},
        ),
        (
            "optuna_integration",
            OPTUNA,
            "accuracy",
            "higher",
            "optimizer",
            {"adam": "better", "sgd": "baseline"},
        ),
    ],
)
def test_other_clients(
    tmp_path: Path, package: str, script: str, metric: str, better: str, param: str, arms: dict[str, str]
) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed (extra 'clients')")
    store = logged_by(script, tmp_path)
    (best, worst) = arms
    words = ("--metric", metric, "--arms-by", param, "--baseline", f"{param}={worst}", "--better", better)
    judged = json.loads(cli_here("judge", str(store), *words, "--json", home=tmp_path).out)
    assert {arm["params"][param]: arm["answer"] for arm in judged["arms"]} == arms
    assert [arm["n"] for arm in judged["arms"]] == [3, 3]
    assert judged["paired"]

    program = program_of(metric, store, param, {"best": json_or_text(best), "worst": json_or_text(worst)})
    program["metrics"]["score"]["better"] = better
    rule = program["phases"]["compare"]["criteria"]["c"]
    rule["above" if better == "higher" else "below"] = rule.pop("above")
    write_program(tmp_path, program)
    assert cli_here("advance", "clients", "--all", home=tmp_path).code == 0
    said = json.loads(cli_here("explain", "clients", "--json", home=tmp_path).out)
    assert (said["verdict"]["outcome"], said["criteria"][0]["n"]) == ("pass", 3)


def json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
