"""The tutorial, typed in: every command of ``docs/tutorial.md`` in a fresh home, its output compared.

In shown output ``...`` stands for anything. An id of eight hex digits stands for the one that comes out
where it is first shown, and for the same one from then on.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.small_homes import ROOT, clean_environment

TUTORIAL = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"\b[0-9a-f]{8}\b")
PATIENCE = 300.0


def blocks() -> list[tuple[str, str]]:
    """(language, text) of every fenced block, in order."""
    return _BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))


def commands(block: str) -> list[tuple[str, str]]:
    """(command, shown output) of a console block."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


class Reader:
    """Compares what came out with what is shown, and remembers which id stands for which."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def real(self, command: str) -> str:
        """A command with the ids of this machine in the place of those of the tutorial."""
        return _ID.sub(lambda m: self.ids.get(m[0], m[0]), command)

    def compare(self, command: str, shown: str, output: str) -> None:
        """Fails with both texts where they differ."""
        new = [name for name in dict.fromkeys(_ID.findall(shown)) if name not in self.ids]
        pattern = "".join(self._pattern(line, new) for line in shown.splitlines())
        match = re.fullmatch(pattern, "".join(f"{line}\n" for line in output.rstrip().splitlines()))
        assert match, f"$ {command}\n--- shown\n{shown}--- came out\n{output}"
        self.ids.update({name.removeprefix("id_"): real for name, real in match.groupdict().items()})

    def _pattern(self, line: str, new: list[str]) -> str:
        if line.strip() == "...":
            return r"(?:.*\n)*?"
        text = ".*?".join(re.escape(part) for part in line.split("..."))
        for name in new:
            text = text.replace(name, f"(?P<id_{name}>[0-9a-f]{{8}})", 1)
        for name, real in self.ids.items():
            text = text.replace(name, real)
        return text + r"\n"


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str], str]:
    """Types a command; folder and variables stay for the next one, as in a terminal."""
    tools, state = tmp_path / "bin", tmp_path / "state"
    tools.mkdir()
    for name, words in (("phasegate", f'"{ROOT / "cli.py"}" "$@"'), ("python", '"$@"')):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}\n')
        (tools / name).chmod(0o755)
    env = clean_environment()
    env["PATH"] = f"{tools}:{env['PATH']}"
    state.write_text(f'cd "{tmp_path}"\n')

    def run(command: str) -> str:
        script = f'. "{state}"\n{command}\ncode=$?\n'
        script += f'{{ echo "cd \\"$PWD\\""; export -p; }} > "{state}"\nexit $code\n'
        done = subprocess.run(
            ["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    return run


def see_the_ui(home: Path) -> str:
    """Starts the UI on a free port, waits for its page, ends it; gives what it said."""
    port = free_port()
    words = [sys.executable, str(ROOT / "cli.py"), "ui", "--port", str(port)]
    env = clean_environment(PHASEGATE_HOME=str(home))
    said = home / "ui.log"
    with said.open("w") as log:
        server = subprocess.Popen(
            words, stdout=log, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
    try:
        wait_for_page(f"http://127.0.0.1:{port}", server)
    finally:
        os.killpg(server.pid, signal.SIGINT)  # Ctrl-C reaches everything that the terminal started
        server.wait(timeout=PATIENCE)
    return said.read_text().replace(str(port), "5000")


def wait_for_page(address: str, server: subprocess.Popen[bytes]) -> None:
    """Returns when a page is there; fails when the server ends before, or takes too long."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert server.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(address, timeout=5) as page:
                if page.status == 200:
                    return
        except OSError:
            time.sleep(0.1)  # a port says nothing when it opens: ask again
    raise AssertionError(f"no page at {address}")


@pytest.mark.slow
def test_every_command_of_the_tutorial_does_what_is_shown(
    shell: Callable[[str], str], tmp_path: Path
) -> None:
    reader, home = Reader(), tmp_path / "my research"
    for language, text in blocks():
        if language == "python":
            name = text.partition("\n")[0].removeprefix("# ")
            (home / name).write_text(text)
            continue
        for command, shown in commands(text):
            output = see_the_ui(home) if command == "phasegate ui" else shell(reader.real(command))
            reader.compare(command, shown, output)


def test_the_tutorial_holds_nothing_but_commands_and_named_scripts() -> None:
    output = blocks()
    assert {language for language, _ in output} == {"console", "python"}
    for language, text in output:
        assert text.startswith("$ " if language == "console" else "# ")


def test_the_tutorial_shows_every_command_that_a_newcomer_needs() -> None:
    typed = [command for language, text in blocks() if language == "console" for command, _ in commands(text)]
    used = {words.split()[1] for words in typed if words.startswith("phasegate ")}
    wanted = {"init", "check", "advance", "memo", "explain", "override", "exclude", "graph", "status", "ui"}
    assert used == wanted


def test_shown_output_stands_for_what_varies_and_for_nothing_else() -> None:
    reader = Reader()
    reader.compare("x", "runs 1a2b3c4d, ...\n...\nend\n", "runs 99999999, a\nb\nc\nend\n")
    assert reader.real("exclude 1a2b3c4d") == "exclude 99999999"
    with pytest.raises(AssertionError, match="came out"):
        reader.compare("x", "three runs\n", "two runs\n")
