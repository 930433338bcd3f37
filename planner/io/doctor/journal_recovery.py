"""What can still be read of a broken journal: records that their digest vouches for, and runs in progress."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from planner.records.journal_entry import KINDS, Copy
from planner.records.person import AnyRecord

_MOST_ROWS = 1_000_000
_UNKNOWN = "1970-01-01T00:00:00+00:00"


def salvaged_records(path: Path) -> Iterator[tuple[AnyRecord, str]]:
    """(record, when it was written) as the file's tables give them, then as its bare bytes do; each once.

    Side effects: reads the file and its log.
    """
    seen_ids: set[str] = set()
    for row in _rows(path, "records"):
        record = _record(str(row.get("kind")), row.get("body"))
        if record is not None:
            seen_ids.add(record.id)
            yield record, str(row.get("at") or _UNKNOWN)
    for record in _in_bytes(path):
        if record.id not in seen_ids:
            seen_ids.add(record.id)
            yield record, str(getattr(record, "at", _UNKNOWN))


def salvaged_work(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of runs in progress, as far as they can be read."""
    yield from (row for row in _rows(path, "work") if row.get("state") in ("leased", "started"))


def _rows(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table one by one: a broken page takes its own rows with it and no others."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            db.text_factory = lambda data: data.decode("utf-8", errors="replace")
            last = int(db.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] or 0)
            for row_number in range(1, min(last, _MOST_ROWS) + 1):
                with suppress(sqlite3.Error):
                    row = db.execute(f"SELECT * FROM {table} WHERE rowid = ?", (row_number,)).fetchone()
                    if row is not None:
                        yield dict(row)
    except sqlite3.Error:
        return


def _in_bytes(path: Path) -> Iterator[AnyRecord]:
    """Records whose text lies in one piece in the file or its log, wherever that is."""
    decoder = json.JSONDecoder()
    for file in (path, path.with_name(path.name + "-wal")):
        text = file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else ""
        begin = text.find('{"')
        while begin >= 0:
            with suppress(ValueError, RecursionError):
                value, end = decoder.raw_decode(text, begin)
                for kind in KINDS:
                    record = _record(kind, text[begin:end]) if "id" in value else None
                    if record is not None:
                        yield record
                        begin = end - 1
                        break
            begin = text.find('{"', begin + 1)


def _record(kind: str, body: Any) -> AnyRecord | None:
    try:
        return Copy(str(json.loads(body)["id"]), kind, body, "", 0, None).read()
    except (ValueError, TypeError, KeyError):
        return None
