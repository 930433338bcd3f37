"""Every file name that the project owns; computed here, never created here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder with ``knowledge/``, ``experiments/`` and ``mlruns/``."""

    root: Path

    @property
    def programs(self) -> Path:
        return self.root / "knowledge" / "programs"

    @property
    def experiments(self) -> Path:
        return self.root / "experiments"

    @property
    def mlruns(self) -> Path:
        return self.root / "mlruns"

    @property
    def database(self) -> Path:
        return self.mlruns / "mlflow.db"

    @property
    def store_file(self) -> Path:
        """Which store the home writes to, where that is not its own database."""
        return self.mlruns / "home.toml"

    @property
    def artifacts(self) -> Path:
        return self.mlruns / "artifacts"

    @property
    def journal(self) -> Path:
        return self.mlruns / "journal.db"

    @property
    def work(self) -> Path:
        """Folders of runs in progress; what a finished run left is copied into MLflow."""
        return self.mlruns / "work"

    def code(self, digest: str) -> Path:
        """The code that runs were made with; no program has a name with a dot."""
        return self.work / ".code" / digest

    def readable_code(self, digest: str) -> Path:
        """The same as files in folders, as they lie in the home; MLflow keeps it with the runs."""
        return self.code(digest) / "kept"

    @property
    def logs(self) -> Path:
        return self.mlruns / "logs"

    def notified(self, program: str) -> Path:
        """Of which state of a program its ``notify`` was told last."""
        return self.mlruns / "notified" / f"{program}.json"

    @property
    def locks(self) -> Path:
        return self.mlruns / "locks"

    @property
    def quarantine(self) -> Path:
        """What ``doctor --repair`` moved out of the way; nothing is ever deleted."""
        return self.mlruns / "quarantine"

    def lock(self, name: str) -> Path:
        return self.locks / f"{name}.lock"

    def program(self, name: str) -> Path:
        return self.programs / f"{name}.yaml"

    def run_folder(self, program: str, fingerprint: str) -> Path:
        """The folder of a run in progress; a second try finds the checkpoints of the first in it."""
        return self.work / program / fingerprint

    def memo_folder(self, program: str) -> Path:
        return self.root / "knowledge" / "memos" / program

    def memo(self, program: str, phase: str, fidelity: str) -> Path:
        suffix = "" if fidelity == "standard" else f".{fidelity}"
        return self.memo_folder(program) / f"{phase}{suffix}.md"

    def figure(self, program: str, phase: str, fidelity: str, name: str) -> Path:
        memo = self.memo(program, phase, fidelity)
        return memo.parent / "figures" / f"{memo.stem}-{name}.png"
