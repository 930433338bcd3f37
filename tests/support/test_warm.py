"""A forked script is what a fresh one is: its own process, environment, folder, streams, signals and end."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from planner.io.mlflow.client import _SETTINGS as MLFLOW_SETTINGS
from tests.support.small_homes import QUICK, make_home
from tests.support.warm import BEFORE_ANY_TEST, LEFT_BY_IMPORTS, READ_LATE, ROOT, Script, clean_environment

TELLS = """
import json, os, signal, sys
json.dump({
    "pid": os.getpid(), "leads": os.getsid(0) == os.getpid(), "folder": os.getcwd(), "words": sys.argv,
    "first": sys.path[0], "main": __name__, "file": __file__, "home": os.environ.get("PHASEGATE_HOME"),
    "input": sys.stdin.read(), "open": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
    "interrupted": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "hung up": signal.getsignal(signal.SIGHUP) is signal.SIG_IGN,
    "warm": "mlflow" in sys.modules,
}, sys.stdout)
print("said", file=sys.stderr)
"""
FRESH = pytest.mark.parametrize("fresh", [False, True], ids=["forked", "fresh"])


def script(beside: Path, text: str, *words: str, **how: object) -> Script:
    path = beside / "script.py"
    if not path.exists():  # one that is running may still be reading it
        path.write_text(text)
    how.setdefault("environment", clean_environment())
    return Script([str(path), *words], **how)  # type: ignore[arg-type]


def test_no_test_and_no_library_leaves_a_variable_that_makes_every_process_after_it_a_fresh_one() -> None:
    settings = MLFLOW_SETTINGS.keys() | READ_LATE
    here, there = (
        {k: v for k, v in one.items() if k not in settings} for one in (BEFORE_ANY_TEST, clean_environment())
    )
    assert there == here


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@FRESH
@pytest.mark.parametrize("leads", [False, True])
def test_it_is_a_process_of_its_own(tmp_path: Path, fresh: bool, leads: bool) -> None:
    env = clean_environment(PHASEGATE_HOME="here")
    how = {"environment": env, "folder": tmp_path, "new_session": leads, "ignored": [signal.SIGHUP]}
    running = script(tmp_path, TELLS, "a", "b c", fresh=fresh, **how)
    out, err = running.communicate(300)
    path = str(tmp_path / "script.py")
    assert err == "said\n"
    assert json.loads(out) == {
        **{"pid": running.pid, "leads": leads, "folder": str(tmp_path), "words": [path, "a", "b c"]},
        **{"first": str(tmp_path), "main": "__main__", "file": path, "home": "here", "input": ""},
        **{"open": [0, 1, 2], "interrupted": True, "hung up": True, "warm": not fresh},
    }


@FRESH
@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('so it ends')", 1, "so it ends\n"),
        ("raise ValueError('wrong')", 1, "ValueError: wrong\n"),
        ("import os; os._exit(5)", 5, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
        ("import sys; sys.stdout = open('/dev/full', 'w'); print('x')", 120, None),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'at last')", 0, "at last"),
    ],
)
def test_it_ends_as_an_interpreter_does(
    tmp_path: Path, fresh: bool, text: str, code: int, message: str | None
) -> None:
    running = script(tmp_path, text, fresh=fresh)
    _, err = running.communicate(300)
    assert running.returncode == code
    assert message is None or err.endswith(message)


@FRESH
def test_threads_are_waited_for_and_what_was_written_is_there(tmp_path: Path, fresh: bool) -> None:
    text = "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('done'))).start()"
    assert script(tmp_path, text, fresh=fresh).communicate(300) == ("done\n", "")


def test_many_run_side_by_side_and_each_end_is_its_own(tmp_path: Path) -> None:
    text = """
import os, sys, time
while not os.path.exists("go"):
    time.sleep(0.02)
sys.exit(int(sys.argv[1]))
"""
    running = [script(tmp_path, text, str(number), folder=tmp_path) for number in range(5)]
    assert [one.poll() for one in running] == [None] * 5
    running[1].kill()
    assert running[1].wait(300) == -signal.SIGKILL
    with pytest.raises(subprocess.TimeoutExpired):
        running[0].wait(0.01)
    (tmp_path / "go").touch()
    assert [one.wait(300) for one in running] == [0, -signal.SIGKILL, 2, 3, 4]


def test_an_environment_that_is_read_at_the_start_is_given_to_a_fresh_interpreter(tmp_path: Path) -> None:
    text = "import sys; print('mlflow' in sys.modules)"
    env = clean_environment(PYTHONHASHSEED="7")
    assert script(tmp_path, text, environment=env).communicate(300)[0] == "False\n"
    late = clean_environment(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert script(tmp_path, text, environment=late).communicate(300)[0] == "True\n"


def test_hardly_anything_is_left_for_an_advance_to_import(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", QUICK)
    text = f"""
import sys
before = len(sys.modules)
sys.argv = ["cli.py", "--home", {str(home)!r}, "advance", "quick", "--jobs", "1"]
sys.path.insert(0, {str(ROOT)!r})
import cli
try:
    cli.main()
except SystemExit:
    print(len(sys.modules) - before)
"""
    out, _ = script(tmp_path, text).communicate(300)
    assert int(out.splitlines()[-1]) < 60


IMPORTS = """
import os
for name in [name for name in os.environ if name.startswith(("KMP_", "_ML"))]:
    del os.environ[name]
import mlflow, sklearn
print(" ".join(name for name in os.environ if name.startswith(("KMP_", "_ML"))))
"""


def test_what_an_import_leaves_in_the_environment_makes_no_process_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, _ = script(tmp_path, IMPORTS, fresh=True).communicate(300)
    assert set(left.split()) <= set(LEFT_BY_IMPORTS)
    for name in LEFT_BY_IMPORTS:
        monkeypatch.setenv(name, "left")
    other = tmp_path / "other"
    other.mkdir()
    running = script(other, "import sys; print('mlflow' in sys.modules)")
    assert running.communicate(300)[0] == "True\n"
