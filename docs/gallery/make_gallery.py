"""Makes this gallery anew from the home's own runs: memos with figures, and pictures of the MLflow pages.

Run it after ``advance --all`` as ``.venv/bin/python docs/gallery/make_gallery.py``; it needs Chromium and
its driver.
"""

from __future__ import annotations

import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
MEMOS = ROOT / "knowledge" / "memos"
PICTURED = "credit_linesearch"
WIDTH, HEIGHT = 1500, 1150
CLOSE_ASSISTANT = (
    "for (const b of document.querySelectorAll('button[aria-label=\"Close\"]'))"
    " if (!b.closest('[role=dialog]')) b.click()"
)
CHROMIUM = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


def programs() -> dict[str, list[str]]:
    """Program -> its phases in order, for every program with memos of the standard fidelity."""
    found = {}
    for file in sorted((ROOT / "knowledge" / "programs").glob("*.yaml")):
        phases = yaml.safe_load(file.read_text(encoding="utf-8"))["phases"]
        judged = [phase for phase in phases if (MEMOS / file.stem / f"{phase}.md").exists()]
        if judged:
            found[file.stem] = judged
    return found


def copy_memos(program: str, phases: list[str]) -> None:
    """Copies the memos of these phases and their figures; removes what was there."""
    target = HERE / program
    shutil.rmtree(target, ignore_errors=True)
    (target / "figures").mkdir(parents=True)
    for phase in phases:
        shutil.copy(MEMOS / program / f"{phase}.md", target)
        for link in re.findall(
            r"\]\((figures/[^)]+)\)", (target / f"{phase}.md").read_text(encoding="utf-8")
        ):
            shutil.copy(MEMOS / program / link, target / "figures")


INTRODUCTION = """# Gallery

What `.venv/bin/python cli.py advance --all` leaves behind: memos of real runs at fidelity `standard`, copied
as they are, and pictures of MLflow pages. `make_gallery.py` makes this page anew from the home's own runs.
[docs/findings.md](../findings.md) says what they add up to.
"""
PICTURES = {
    "experiment": "The program in MLflow: one row per attempt at a phase, named by its answer",
    "phase": "A phase: its memo as the description, means by arm as metrics, runs and decision as children",
    "run": "A run: the line search step by step",
    "decision": "A decision: reason, rule, and what would have chosen something else",
}


def write_page(found: dict[str, list[str]]) -> None:
    """The page that links the memos, with each memo's own verdict, and the pictures."""
    lines = [INTRODUCTION]
    for program, phases in found.items():
        lines += [f"## {program}", "", "| phase | question | verdict |", "|:--|:--|:--|"]
        lines += [_row(program, phase) for phase in phases] + [""]
    lines += [f"## MLflow pages of {PICTURED}"]
    for name, caption in PICTURES.items():
        lines += ["", f"{caption}:", "", f"![{caption}](mlflow_{name}.png)"]
    (HERE / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(program: str, phase: str) -> str:
    text = (HERE / program / f"{phase}.md").read_text(encoding="utf-8").splitlines()
    question = text[text.index("## Question") + 2]
    verdict = text[2].split("**")[1].removeprefix("Verdict: ")
    return f"| [{phase}]({program}/{phase}.md) | {question} | {verdict} |"


def pages() -> dict[str, str]:
    """Picture name -> the path of its page in the MLflow UI."""
    with closing(sqlite3.connect(ROOT / "mlruns" / "mlflow.db")) as db:
        experiment = db.execute(
            "SELECT experiment_id FROM experiments WHERE name = ?", (PICTURED,)
        ).fetchone()[0]
        phase = _run(db, "planner.kind", "phase", "samebatch")
        decision = _run(db, "planner.kind", "decision", "samebatch")
        run = _run(db, "planner.arm", "vec_m4_norm", "samebatch")
    base = f"#/experiments/{experiment}/runs"
    return {
        "experiment": base,
        "phase": f"{base}/{phase}",
        "run": f"{base}/{run}/model-metrics",
        "decision": f"{base}/{decision}",
    }


def _run(db: sqlite3.Connection, key: str, value: str, phase: str) -> str:
    query = (
        "SELECT t.run_uuid FROM tags t JOIN tags p ON p.run_uuid = t.run_uuid AND p.key = 'planner.phase' "
        "JOIN runs r ON r.run_uuid = t.run_uuid "
        "WHERE t.key = ? AND t.value = ? AND p.value = ? ORDER BY r.start_time DESC"
    )
    return str(db.execute(query, (key, value, phase)).fetchone()[0])


def take_pictures(base: str) -> None:
    """One PNG per page."""
    driver = _browser()
    try:
        for name, path in pages().items():
            driver.get(f"{base}/{path}?workflowType=machine_learning")
            time.sleep(6)
            driver.execute_script(CLOSE_ASSISTANT)
            driver.execute_script(
                "for (const b of document.querySelectorAll('button'))"
                " if (b.textContent.trim() === 'Show more') b.click()"
            )
            time.sleep(1)
            driver.save_screenshot(str(HERE / f"mlflow_{name}.png"))
    finally:
        driver.quit()


def _browser() -> Any:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for word in (*CHROMIUM, f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={tempfile.mkdtemp()}"):
        options.add_argument(word)
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


def main() -> None:
    """Copies, serves, takes pictures, and ends the server."""
    found = programs()
    for program, phases in found.items():
        copy_memos(program, phases)
    write_page(found)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, str(ROOT / "cli.py"), "ui", "--port", str(port)]
    server = subprocess.Popen(words)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health")
        take_pictures(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(url, timeout=2)
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise SystemExit(f"{url} does not answer")


if __name__ == "__main__":
    main()
