"""A signal stops ``advance`` in good order, and the same command goes on from there."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from small_homes import QUICK, ROOT, clean_environment, cli, hears_signals

pytestmark = pytest.mark.slow
PATIENCE = 60.0
# The third seed waits for a file that nobody has written yet.
WAITING = """
    if seed == 2:
        import pathlib, time
        pathlib.Path("waits").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_stops_advance_with_its_code_and_loses_nothing(
    fresh_home: Callable[..., Path], number: signal.Signals, code: int
) -> None:
    home = fresh_home(QUICK)
    module = home / "experiments" / "quick.py"
    module.write_text(
        module.read_text().replace("\n    for step in range(4):", f"{WAITING}\n    for step in range(4):")
    )
    words = [sys.executable, str(ROOT / "cli.py"), "--home", str(home), "advance", "--jobs", "1", "--json"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        preexec_fn=hears_signals,
    )
    until = time.monotonic() + PATIENCE
    while not (home / "waits").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "no run has begun"
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (code, "")
    assert "what is finished is kept" in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []
    (home / "go").touch()
    steps = cli("advance", "--json", home=home).json["steps"]
    assert [(s["phase"], s["outcome"], s["runs_launched"]) for s in steps] == [("first", "fail", 2)]
