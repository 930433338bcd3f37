"""What every command promises, whatever it is given."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.small_homes import Reply

CODES = {0, 1, 2, 65, 69, 75}
DIFFERENCES = ("check", "replay", "memo", "doctor")
"""Commands that end with 1 where they found something."""
MEMO = "the memo"
"""How faults of a memo's text begin; a file that somebody edited is printed as it is, and has none."""
LONGEST_ERROR = 1500
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
CRASH = re.compile(r"unexpected error|Traceback|Error: |Exception\b|\bKeyError\b|\bTypeError\b")


def faults_of(words: tuple[str, ...], reply: Reply) -> Iterator[str]:
    """What is wrong with a reply."""
    name = words[2] if words[:1] == ("--home",) and len(words) > 2 else words[0]
    if reply.code not in CODES:
        yield f"exit code {reply.code}"
    if reply.code == 1 and name not in DIFFERENCES:
        yield "exit code 1"
    if "unexpected error" in reply.err or "Traceback" in reply.err:
        yield "unexpected error"
    if reply.code not in (0, 1) and not reply.err.strip():
        yield "an error without a word"
    usage = reply.err.startswith("Usage:")
    lines = reply.err.splitlines()
    if reply.code in (2, 69, 75) and not usage and len(lines) > 1:
        yield f"{len(lines)} lines of error"
    if any(len(line) > LONGEST_ERROR for line in lines):
        yield f"an error of {max(map(len, lines))} characters"
    if not usage and (match := CONTROL.search(reply.err)):
        yield f"U+{ord(match[0]):04X} in stderr"
    if match := CONTROL.search(reply.out):
        yield f"U+{ord(match[0]):04X} in stdout"
    if "--json" in words and reply.out.strip():
        yield from _json_faults(reply.out)
    if name == "memo" and "--verify" not in words and "--json" not in words and reply.code == 0:
        yield from (f"{MEMO} {what}" for what in active(reply.out))


def _json_faults(text: str) -> Iterator[str]:
    def refuse(word: str) -> Any:
        raise ValueError(f"{word} in JSON")

    try:
        reply = json.loads(text, parse_constant=refuse)
    except ValueError as error:
        yield f"no JSON: {error}"
    else:
        if not isinstance(reply, dict) or not str(reply.get("schema", "")).startswith("phasegate."):
            yield "JSON without a schema"


def active(markdown: str) -> Iterator[str]:
    """What of a markdown text is more than text when it is shown."""
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    for tag in re.findall(r"<(?:a|img|script|iframe|svg|s|object|style)\b[^>]*>", html):
        if not tag.startswith('<img src="figures/'):
            yield f"shows {tag}"
    if "<script" in markdown or "onerror" in markdown and re.search(r"<\w+[^>]*onerror", markdown):
        yield "holds HTML"


def faults_of_pages(home: Path) -> Iterator[str]:
    """What is active on the pages of MLflow that this project writes."""
    try:
        with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
            query = (
                "SELECT n.value FROM tags n JOIN tags k ON n.run_uuid = k.run_uuid "
                "WHERE n.key = 'mlflow.note.content' AND k.key = 'planner.record_id'"
            )
            notes = [str(row[0]) for row in db.execute(query)]
    except sqlite3.Error:
        return
    for note in notes:
        yield from (f"an MLflow page {what}" for what in active(note))
