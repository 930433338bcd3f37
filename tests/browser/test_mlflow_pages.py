"""What a person sees in the MLflow UI, read with a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.small_homes import QUICK, ROOT, clean_environment, cli, make_home

pytestmark = pytest.mark.browser
PATIENCE = 300.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--window-size=1500,1400",
)
HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'
QUESTION = f"Does the first guess raise the score? {HOSTILE}"


@dataclass(frozen=True)
class Site:
    """A served home: its address, and the MLflow ids of what is in it."""

    address: str
    experiment: str
    runs: list[tuple[str, str, str, str]]

    def run(self, kind: str, phase: str, name: str = "") -> str:
        """The page of the first run of that kind and phase whose name holds ``name``."""
        run_id = next(r[0] for r in self.runs if r[2:] == (kind, phase) and name in r[1])
        return f"{self.experiment_page}/runs/{run_id}"

    @property
    def experiment_page(self) -> str:
        return f"{self.address}/#/experiments/{self.experiment}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a person chose otherwise, and whose texts try to run as script."""
    program = QUICK.replace("Does the first guess raise the score?", repr(QUESTION))
    program = program.replace("Is a larger shift better?", repr(f"Is a larger shift better? {HOSTILE}"))
    made = make_home(tmp_path_factory.mktemp("browser") / "a home", program)
    reason = f"I know better. {HOSTILE}"
    for words in (
        ["advance", "quick"],
        ["override", "quick", "first", "--choose", "repeat", "--by", "ana", "--reason", reason],
        ["advance", "quick", "--all"],
    ):
        reply = cli(*words, home=made)
        assert reply.code == 0, reply.err
    return made


@pytest.fixture(scope="module")
def site(home: Path) -> Iterator[Site]:
    """The home, served by ``cli.py ui`` on a free port; the server is told to end as Ctrl-C tells it."""
    port = free_port()
    with (home / "ui.log").open("w") as log:
        words = [sys.executable, str(ROOT / "cli.py"), "--home", str(home), "ui", "--port", str(port)]
        server = subprocess.Popen(
            words, stdout=log, stderr=log, env=clean_environment(), start_new_session=True
        )
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}", server), "the server to answer")
        yield Site(f"http://127.0.0.1:{port}", *_ids(home))
    finally:
        os.killpg(server.pid, signal.SIGINT)  # Ctrl-C reaches everything that the terminal started
        server.wait(timeout=PATIENCE)
        assert not _answers(f"http://127.0.0.1:{port}"), "the server has outlived its command"


def _answers(address: str, server: subprocess.Popen[bytes] | None = None) -> bool:
    assert server is None or server.poll() is None, "the server has ended; see ui.log"
    try:
        with urllib.request.urlopen(address, timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def _ids(home: Path) -> tuple[str, list[tuple[str, str, str, str]]]:
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as store:
        (experiment,) = store.execute("SELECT experiment_id FROM experiments WHERE name = 'quick'").fetchone()
        runs = store.execute(
            "SELECT r.run_uuid, r.name, kind.value, phase.value FROM runs r "
            "JOIN tags kind ON kind.run_uuid = r.run_uuid AND kind.key = 'planner.kind' "
            "JOIN tags phase ON phase.run_uuid = r.run_uuid AND phase.key = 'planner.phase' "
            "ORDER BY r.start_time"
        ).fetchall()
    return str(experiment), runs


def wait_until(holds: Callable[[], Any], what: str) -> Any:
    """What ``holds`` gives once it gives something; fails when that takes too long."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if result := holds():
            return result
        time.sleep(0.1)
    raise AssertionError(f"waited {PATIENCE:g} s for {what}")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with a profile of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip(f"no {'Chromium' if not chromium else 'chromedriver'} on this machine: install both")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def open_page(browser: Any) -> Callable[..., str]:
    """Opens a page, waits until it shows every one of these texts, and gives all its text."""

    def text() -> str:
        return re.sub(r"\s+", " ", browser.execute_script("return document.body.innerText"))

    def go(address: str, *shown: str) -> str:
        browser.get("about:blank")  # MLflow's pages differ after the '#' only, which alone loads nothing
        browser.get(address)
        missing = lambda: [word for word in shown if word not in text()]  # noqa: E731
        try:
            wait_until(lambda: not missing(), "the page")
        except AssertionError:
            raise AssertionError(f"{address} does not show {missing()}; it shows: {text()}") from None
        assert browser.execute_script("return window.owned") is None, "text of a record ran as script"
        return text()

    return go


def no_image_was_made(browser: Any) -> bool:
    return not browser.find_elements("css selector", 'img[src="x"], img[src$="/x"]')


def test_the_experiment_page_asks_the_programs_question(site: Site, open_page: Callable[..., str]) -> None:
    open_page(site.experiment_page, "quick", "Is a larger shift better?")


def test_the_list_of_runs_names_each_phase_by_its_answer(site: Site, open_page: Callable[..., str]) -> None:
    matching = f"{len(site.runs)} matching runs"
    open_page(f"{site.experiment_page}/runs", "first: fail down, confirmed", "third: ", matching)


def test_a_phase_page_shows_the_verdict_and_what_it_rests_on(
    site: Site, open_page: Callable[..., str], browser: Any
) -> None:
    open_page(
        site.run("phase", "first"),
        "Verdict: FAIL, Case down, confirmed",
        "Does the first guess raise the score?",
        "score/worse",
        "worse · seed 2",
        "decision: take_option repeat",
    )
    assert no_image_was_made(browser)


def test_a_phases_memo_is_among_its_artifacts(
    site: Site, open_page: Callable[..., str], browser: Any
) -> None:
    shown = [
        "memo.md",
        "explain.json",
        "figures",
        "What would change the verdict",
        "The rules recommend turn_round",
    ]
    text = open_page(site.run("phase", "first") + "/artifacts/memo.md", *shown)
    assert "I know better. <img src=x" in text
    assert no_image_was_made(browser)


def test_a_run_page_shows_its_numbers_and_its_curves(
    site: Site, open_page: Callable[..., str], browser: Any
) -> None:
    page = site.run("run", "first", "worse · seed 0")
    open_page(page, "score", "shift", "-1.0", "made up", "planner.outcome", "first: fail down")
    open_page(page + "/model-metrics", "worse · seed 0 (score)", "worse · seed 0 (loss)", "Step")
    wait_until(lambda: browser.find_elements("css selector", "path.js-line"), "a curve")


def test_a_decision_page_shows_reason_and_rule_and_what_was_not_chosen(
    site: Site, open_page: Callable[..., str], browser: Any
) -> None:
    text = open_page(
        site.run("decision", "first", "repeat"),
        "ana chose 'repeat'",
        "Rule: first.triage.repeat",
        "observed/higher",
    )
    assert "recommended turn_round" in text
    assert no_image_was_made(browser)


def test_an_override_page_shows_who_and_why(site: Site, open_page: Callable[..., str], browser: Any) -> None:
    open_page(
        site.run("override", "first"), "ana chose repeat", "I know better.", "The rules recommend turn_round"
    )
    assert no_image_was_made(browser)
