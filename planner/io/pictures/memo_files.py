"""Memos and their figures under ``knowledge/memos/``, and a twin that keeps them in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from planner.engine.ports import WrittenMemo
from planner.evidence.evidence import Evidence
from planner.explaining.trace import Trace
from planner.memo.render import Picture, render_memo
from planner.paths import Home
from planner.records.verdict import Verdict


class MemoFiles:
    """Memos as files of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def write(self, trace: Trace, evidence: Evidence | None, at: str) -> WrittenMemo:
        """Writes the memo of a trace.

        Side effects: writes figures first, then the memo aside and renames it.
        """
        verdict = trace.verdict
        if verdict is None:
            raise ValueError(f"{trace.phase} has not been judged")
        path = self.home.memo(trace.program.program, trace.phase, verdict.fidelity)
        pictures, figures = self._draw(trace, evidence)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, render_memo(trace, pictures, at))
        return WrittenMemo(path, render_memo(trace, (), at), figures)

    def has(self, verdict: Verdict) -> bool:
        """Whether there is a memo of the verdict's phase at its fidelity."""
        return self.home.memo(verdict.program, verdict.phase, verdict.fidelity).is_file()

    def _draw(self, trace: Trace, evidence: Evidence | None) -> tuple[Sequence[Picture], list[Path]]:
        verdict = trace.verdict
        if evidence is None or verdict is None or not evidence.all_runs:
            return (), []
        from planner.io.pictures.memo_figures import figures_of, save_figure

        pictures, paths = [], []
        for name, title, drawn in figures_of(trace.program, verdict, evidence):
            path = self.home.figure(trace.program.program, trace.phase, verdict.fidelity, name)
            save_figure(drawn, path)
            pictures.append(Picture(title, f"figures/{path.name}"))
            paths.append(path)
        return pictures, paths


@dataclass
class MemoryMemos:
    """The twin: memos by file name, without figures; written to a folder so that paths exist.

    Example:
        >>> MemoryMemos(Path("a folder")).texts
        {}
    """

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)

    def write(self, trace: Trace, evidence: Evidence | None, at: str) -> WrittenMemo:
        """Keeps the memo of a trace.

        Side effects: writes one file into the twin's folder.
        """
        text = render_memo(trace, (), at)
        path = self.folder / f"{trace.phase}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, text)
        self.texts[trace.phase] = text
        return WrittenMemo(path, text, [])

    def has(self, verdict: Verdict) -> bool:
        """Whether there is a memo of the verdict's phase."""
        return (self.folder / f"{verdict.phase}.md").is_file()


def write_aside(path: Path, text: str) -> None:
    """Writes a file so that a reader sees the old text or the new one, never half of it.

    One writer at a time: what one that died left beside the file is written over by the next.

    Side effects: writes beside the file, then renames.
    """
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
