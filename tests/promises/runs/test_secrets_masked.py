"""A secret of the environment, of a command or of a parameter is in nothing that a run leaves behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from planner.cli.failures import tell
from planner.errors import StoreUnavailable
from planner.io.journal.journal import Journal
from planner.io.system.secrets import hidden_param, hide_in_files
from planner.io.workers.results import read_result
from tests.support.small_homes import QUICK, cli_here

SECRETS = {"env": "s3cr3t-of-the-env", "option": "s3cr3t-option", "param": "s3cr3t-param"}
SCRIPT = """
import json, os, pathlib, sys
params, out = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
print("with", os.environ["LAB_TOKEN"], sys.argv, params)
(out / "config.json").write_text(json.dumps([os.environ["LAB_TOKEN"], sys.argv, params]))
(out / "model.bin").write_bytes(bytes([255, 254]) + os.environ["LAB_TOKEN"].encode())
score = params["shift"] + 0.01 * int(sys.argv[3])
(out / "metrics.json").write_text(json.dumps({"score": score, "loss": 1.0}))
if params["shift"] < 0:
    sys.exit("cannot log in with " + os.environ["LAB_TOKEN"])
"""


@pytest.fixture
def secretive(fresh_home: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose command prints, writes and fails with every secret that it has."""
    monkeypatch.setenv("LAB_TOKEN", SECRETS["env"])
    words = (
        f"[{sys.executable}, work.py, '{{params}}', '{{out}}', '{{seed}}', --api-key, {SECRETS['option']}]"
    )
    text = QUICK.replace("experiment: quick", f"command: {words}")
    home = fresh_home(text.replace("{shift: 0.0}", f"{{shift: 0.0, hf_token: {SECRETS['param']}}}"))
    (home / "work.py").write_text(SCRIPT)
    return home


def test_nothing_that_is_kept_of_a_run_holds_a_secret(secretive: Path) -> None:
    reply = cli_here("advance", "quick", "--jobs", "1", home=secretive)
    assert not [secret for secret in SECRETS.values() if secret in reply.out + reply.err]
    (run, *_) = [w for w in Journal(secretive / "mlruns" / "journal.db").work("quick") if w.outcome == "ok"]
    printed = cli_here("logs", run.mlflow_run or "", home=secretive).out
    assert printed.startswith("with ***")
    assert printed.count("***") == 3
    kept = [path for path in (secretive / "mlruns" / "artifacts").rglob("*") if path.is_file()]
    texts = {path: path.read_bytes() for path in kept if path.suffix in (".txt", ".json", ".md")}
    runs = [path for path in texts if path.name in ("log.txt", "config.json")]
    assert len(runs) >= 6
    for path in runs:
        assert not [secret for secret in SECRETS.values() if secret.encode() in texts[path]], path
    database = (secretive / "mlruns" / "mlflow.db").read_bytes()
    assert SECRETS["env"].encode() not in database
    assert SECRETS["option"].encode() not in database


def test_check_warns_of_secrets_that_stand_in_a_program(secretive: Path) -> None:
    findings = cli_here("check", "quick", "--json", home=secretive).json["findings"]
    where = [finding["where"] for finding in findings if "looks like a secret" in finding["what"]]
    assert where == [["arms", "base", "hf_token"], ["command", 6]]


def test_what_is_no_text_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", SECRETS["env"])
    binary = b"\xff\xfe" + SECRETS["env"].encode()
    (tmp_path / "model.bin").write_bytes(binary)
    (tmp_path / "notes.md").write_text(f"with {SECRETS['env']}, über")
    hide_in_files(tmp_path)
    assert (tmp_path / "model.bin").read_bytes() == binary
    assert (tmp_path / "notes.md").read_text() == "with ***, über"


def test_a_result_that_is_adopted_is_masked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", SECRETS["env"])
    result = {"outcome": "code_error", "reason": f"no {SECRETS['env']}", "seconds": 1.0, "device": None}
    (tmp_path / "result.json").write_text(json.dumps(result))
    ended = read_result(tmp_path, "f-1")
    assert ended is not None
    assert ended.reason == "no ***"


def test_an_error_on_the_screen_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_TOKEN", SECRETS["env"])
    tell(StoreUnavailable(f"http://ada:{SECRETS['option']}@host says {SECRETS['env']}"))
    assert capsys.readouterr().err == "http://ada:***@host says ***\n"


def test_a_parameter_that_is_named_like_a_secret_is_masked_and_a_number_is_none() -> None:
    assert hidden_param("hf_token", SECRETS["param"]) == "***"
    assert hidden_param("sort_key", "accuracy") == "accuracy"
