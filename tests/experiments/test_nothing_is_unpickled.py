"""No file that is read can run code: neither data, nor checkpoints, nor results."""

from __future__ import annotations

import ast
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.parts import stages
from experiments.parts.ep_contraction import training
from experiments.parts.files import read_arrays
from experiments.parts.gated_ctr import checkpoints

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "planner").rglob("*.py"), *(ROOT / "experiments").rglob("*.py"), ROOT / "cli.py"])
FORBIDDEN = {
    *("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"),
    *("eval", "exec", "compile", "os.system", "os.popen", "pandas.read_pickle", "yaml.load", "yaml.load_all"),
    *("yaml.unsafe_load", "yaml.full_load", "torch.jit.load", "torch.hub.load", "subprocess.getoutput"),
}


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = str(made)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.made,)


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def unsafe(path: Path) -> list[str]:
    """Calls and imports in a file that could run what a file or a text says."""
    findings = []
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").partition(".")[0]]
        elif isinstance(node, ast.Call):
            names, keywords = [name_of(node.func)], {k.arg: ast.unparse(k.value) for k in node.keywords}
            if names == ["torch.load"] and keywords.get("weights_only") != "True":
                findings.append(f"{path}:{node.lineno}: torch.load without weights_only=True")
            if (
                names[0].endswith(".load")
                and names[0][:2] == "np"
                and keywords.get("allow_pickle") != "False"
            ):
                findings.append(f"{path}:{node.lineno}: np.load without allow_pickle=False")
            if keywords.get("shell", "False") != "False":
                findings.append(f"{path}:{node.lineno}: a shell")
        findings += [f"{path}:{node.lineno}: {name}" for name in names if name in FORBIDDEN]
    return findings


def test_no_source_reads_pickles_runs_texts_or_asks_a_shell() -> None:
    assert len(SOURCES) > 200
    assert [line for path in SOURCES for line in unsafe(path)] == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    lines = ["import pickle", "torch.load(f)", "np.load(f)", "eval(x)", "yaml.load(x)", "run(x, shell=True)"]
    bad.write_text("\n".join(lines))
    assert len(unsafe(bad)) == len(lines)


@pytest.mark.parametrize("kind", ["torch", "plain"])
@pytest.mark.parametrize(
    "load",
    [
        lambda file: stages._read(file),
        lambda file: checkpoints.load(file, "key"),
        lambda file: training.load(file, "key")[0],
    ],
    ids=["stages", "gated", "fixed_point"],
)
def test_a_checkpoint_that_would_run_code_is_none(tmp_path: Path, load: Any, kind: str) -> None:
    file, evil = tmp_path / "training.pt", {"key": "key", "history": [], "state": Evil(tmp_path / "made")}
    torch.save(evil, file) if kind == "torch" else file.write_bytes(pickle.dumps(evil))
    assert load(file) is None
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "load",
    [
        lambda file: stages._read(file),
        lambda file: checkpoints.load(file, "key"),
        lambda file: training.load(file, "key")[0],
    ],
    ids=["stages", "gated", "fixed_point"],
)
@pytest.mark.parametrize("held", [torch.zeros(2), [1], "key", 5], ids=str)
def test_a_checkpoint_of_another_form_is_none(tmp_path: Path, load: Any, held: Any) -> None:
    torch.save(held, tmp_path / "training.pt")
    assert load(tmp_path / "training.pt") is None


@pytest.mark.parametrize("ending", [".npz", ".pt", ".pth"])
def test_data_that_would_run_code_are_refused(tmp_path: Path, ending: str) -> None:
    file, evil = tmp_path / f"own{ending}", Evil(tmp_path / "made")
    if ending == ".npz":
        np.savez(file, x=np.array([evil], dtype=object))
    else:
        torch.save({"x": evil}, file)
    with pytest.raises(ValueError, match="plain torch file|allow_pickle"):
        read_arrays(str(file), "{'x': ...}", lambda file, frame: {})
    assert not (tmp_path / "made").exists()


def test_a_table_that_would_run_code_runs_none(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    file = tmp_path / "own.parquet"
    pandas.DataFrame({"x": [pickle.dumps(Evil(tmp_path / "made"))]}).to_parquet(file)
    arrays = read_arrays(str(file), "", lambda file, frame: dict(frame))
    assert isinstance(arrays["x"][0], bytes)
    assert not (tmp_path / "made").exists()
