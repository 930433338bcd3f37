"""Tables that a run leaves as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_csv(file: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Writes a header and rows of as many values."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
