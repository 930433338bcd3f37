"""What a run prints, of which the beginning and the end are kept.

A run's folder holds it in pieces: ``output.txt`` first, then ``output.txt.1`` and so on, of which the last
two stay. So the end is there even if everything that was at work is killed.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

OUTPUT = "output.txt"
PIECE_BYTES = 1 << 19


class CappedOutput:
    """Writes what a run prints to its folder; never more than three pieces of half a megabyte.

    Args:
        folder: the run's; made if it is not there.

    Side effects: removes what an earlier try printed. A full disk costs the output, never the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._piece = 0
        self._written = 0
        with suppress(OSError):
            for left in _pieces(folder).values():
                left.unlink()

    def write(self, text: bytes) -> None:
        """Appends what was printed."""
        while text:
            if self._written == PIECE_BYTES:
                self._next_piece()
            part, text = text[: PIECE_BYTES - self._written], text[PIECE_BYTES - self._written :]
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                with self._path(self._piece).open("ab") as file:
                    file.write(part)
            self._written += len(part)

    def _next_piece(self) -> None:
        self._piece, self._written = self._piece + 1, 0
        if self._piece > 2:
            self._path(self._piece - 2).unlink(missing_ok=True)

    def _path(self, piece: int) -> Path:
        return self._folder / (f"{OUTPUT}.{piece}" if piece else OUTPUT)


def read_output(folder: Path) -> str:
    """What the run of a folder printed, if anything, with a note where some was cut out."""
    text, expected = b"", 0
    for number, path in sorted(_pieces(folder).items()):
        if number > expected:
            text += b"\n[... %d bytes were cut out here ...]\n" % ((number - expected) * PIECE_BYTES)
        with suppress(OSError):
            text += path.read_bytes()
        expected = number + 1
    return text.decode(errors="replace")


def _pieces(folder: Path) -> dict[int, Path]:
    """Number -> piece; they are whole but for the last."""
    names = {path: re.fullmatch(rf"{re.escape(OUTPUT)}(?:\.(\d+))?", path.name) for path in folder.glob("*")}
    return {int(name[1] or 0): path for path, name in names.items() if name is not None}
