"""Keeps the code that a command's runs are made with, so that editing it meanwhile changes none of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from planner.io.workers.code_digest import Code
from planner.paths import Home

INDEX = "modules.json"


def keep_code(home: Home, code: Code) -> Path | None:
    """The folder that holds the modules of an experiment as they were read; None where there are none.

    Workers import from it (:mod:`experiments.frozen`). It is named by the digest and written once.

    Side effects: writes below ``mlruns/work``; removes what one who was killed left half written.
    """
    if not code.modules:
        return None
    folder = home.code(code.digest)
    for left in folder.parent.glob("*.part"):
        shutil.rmtree(left, ignore_errors=True)
    if not folder.exists():
        _write(folder, code)
    return folder


def _write(folder: Path, code: Code) -> None:
    aside = folder.with_name(f"{folder.name}-{os.getpid()}.part")
    aside.mkdir(parents=True)
    for module, (_, content) in code.modules.items():
        (aside / f"{module}.py").write_bytes(content)
    index = {module: str(path.resolve()) for module, (path, _) in code.modules.items()}
    (aside / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")
    try:
        aside.rename(folder)
    except OSError:  # another program of this home has just kept the same code
        shutil.rmtree(aside, ignore_errors=True)
