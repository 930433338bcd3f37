"""Makes what follows from ``planner/floors.toml`` and the imports: fence, picture and tables.

``python docs/make_architecture.py`` writes

- ``ruff.toml`` in every room of ``planner/``: what the room may not import,
- ``docs/architecture.svg``: rooms and arrows as the imports have them,
- the tables between the markers of ``docs/architecture.md``.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PLANNER = ROOT / "planner"
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "architecture.svg"
LOOSE = ("errors", "paths")
"""Files beside the rooms that know nothing of this project; everybody may import them."""
FRONT = "__init__"
"""The lazy public names of ``planner/__init__.py``: importing it imports no room."""


@dataclass(frozen=True)
class House:
    """The rooms as ``floors.toml`` has them, with the arrows that the imports draw.

    Attributes:
        floors: rooms of each floor, lowest first; a room is its folder below ``planner/``.
        doors: library -> the room that alone imports it.
        world: module that touches the world -> what to do instead below ``io``.
        arrows: (room, room that it imports from).
    """

    floors: tuple[tuple[str, ...], ...]
    doors: dict[str, str]
    world: dict[str, str]
    arrows: frozenset[tuple[str, str]]

    @property
    def rooms(self) -> list[str]:
        """Every room, lowest floor first."""
        return [room for floor in self.floors for room in floor]

    def floor_of(self, room: str) -> int:
        """The floor of a room; 0 is the lowest."""
        return next(i for i, floor in enumerate(self.floors) if room in floor)

    def decides(self, room: str) -> bool:
        """Whether a room lies below the first one that touches the world."""
        return self.floor_of(room) < min(self.floor_of(name) for name in self.rooms if name.startswith("io"))

    def banned(self, room: str) -> list[str]:
        """The rooms that a room may not import: those of its own floor and of every one above."""
        own = self.floor_of(room)
        return [r for r in self.rooms if self.floor_of(r) >= own and r != room]


def read_house() -> House:
    """The house as it stands in the working tree.

    Side effects: reads files.
    """
    data = tomllib.loads((PLANNER / "floors.toml").read_text(encoding="utf-8"))
    floors = tuple(tuple(floor) for floor in data["floors"])
    return House(floors, data["doors"], data["world"], frozenset(_arrows()))


def module_files() -> list[Path]:
    """Every module of ``planner/``."""
    return sorted(p for p in PLANNER.rglob("*.py") if "__pycache__" not in p.parts)


def room_of(path: Path) -> str:
    """The room of a module, as its folder below ``planner/``; the module's own name where it lies in none."""
    folders = path.relative_to(PLANNER).parts[:-1]
    if not folders:
        return path.stem
    return "/".join(folders[:2]) if folders[0] == "io" else folders[0]


def imported_modules(path: Path) -> set[str]:
    """The modules of ``planner`` that a module imports, inside its functions too."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in modules if name.startswith("planner.")}


def _arrows() -> Iterator[tuple[str, str]]:
    for path in module_files():
        here = room_of(path)
        for module in imported_modules(path):
            target = PLANNER.joinpath(*module.split(".")[1:]).with_suffix(".py")
            if target.is_file() and here not in (FRONT, *LOOSE) and room_of(target) not in (here, *LOOSE):
                yield here, room_of(target)


def fence_of(house: House, room: str) -> str:
    """The text of a room's ``ruff.toml``."""
    depth = room.count("/") + 2
    rows = {f"planner.{name.replace('/', '.')}": "on this floor or above" for name in house.banned(room)}
    rows.pop("planner.io", None)
    if house.decides(room):
        rows = {name: why for name, why in rows.items() if not name.startswith("planner.io.")}
        rows |= {"planner.io": "what decides does not touch the world: take it as an argument"} | house.world
    if room != "cli":
        rows["planner.cli"] = "commands are called, they call nobody back"
    for library, door in house.doors.items():
        if door != room:
            rows[library] = f"only {'planner/' if door != 'experiments' else ''}{door} imports it"
    lines = "\n".join(f'"{name}".msg = "{why}"' for name, why in rows.items())
    return (
        "# What this room may not import. Written by `make architecture` from planner/floors.toml.\n"
        f'extend = "{"../" * depth}pyproject.toml"\n\n'
        f"[lint.flake8-tidy-imports.banned-api]\n{lines}\n"
    )


def promise_of(room: str) -> str:
    """The first line of a room's docstring, without the name before its colon."""
    text = ast.get_docstring(ast.parse((PLANNER / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].partition(": ")[2].rstrip(".")


def room_table(house: House) -> str:
    """One line a room: floor, room, promise, modules."""
    rows = ["| floor | room | what it is for | modules |", "|--:|:--|:--|:--|"]
    for room in house.rooms:
        names = [p.stem for p in module_files() if room_of(p) == room and p.stem != "__init__"]
        files = ", ".join(f"`{name}`" for name in names)
        rows.append(f"| {house.floor_of(room) + 1} | `{room}` | {promise_of(room)} | {files} |")
    return "\n".join(rows)


def page_with_tables(page: str, house: House) -> str:
    """The page with what lies between its markers made anew."""
    start, end = "<!-- rooms -->\n", "<!-- /rooms -->"
    before, _, rest = page.partition(start)
    return before + start + room_table(house) + "\n" + end + rest.partition(end)[2]


def necessary_arrows(house: House) -> list[tuple[str, str]]:
    """The arrows that no longer way over other rooms implies: what a picture can show."""
    import networkx as nx

    return sorted(nx.transitive_reduction(nx.DiGraph(sorted(house.arrows))).edges)


def draw(house: House, file: Path) -> None:
    """Draws the floors with their rooms, and the necessary arrows, which all point down.

    Side effects: writes the file.
    """
    import matplotlib
    from matplotlib.figure import Figure

    centres = {
        room: ((i - (len(floor) - 1) / 2) * 3.4, 1.35 * level)
        for level, floor in enumerate(house.floors)
        for i, room in enumerate(floor)
    }
    with matplotlib.rc_context({"svg.hashsalt": "phasegate", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9.5, 15))
        axes = figure.add_axes((0, 0, 1, 1))
        for upper, lower in necessary_arrows(house):
            bend = 0.18 if house.floor_of(upper) - house.floor_of(lower) > 1 else 0.0
            _draw_arrow(axes, centres[upper], centres[lower], bend)
        for room, centre in centres.items():
            _draw_room(axes, room, centre)
        axes.set_xlim(-7, 7)
        axes.set_ylim(-0.8, 1.35 * len(house.floors) - 0.4)
        axes.axis("off")
        metadata = {"Date": None, "Creator": None} if file.suffix == ".svg" else None
        figure.savefig(file, metadata=metadata)


def _draw_room(axes: Any, room: str, centre: tuple[float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = centre
    colour = "#fdf1e0" if room.startswith(("io", "cli")) else "#e8f0fb"
    shape = {"boxstyle": "round,pad=0.02", "facecolor": colour, "edgecolor": "#44546a"}
    axes.add_patch(FancyBboxPatch((x - 1.3, y - 0.28), 2.6, 0.56, **shape))
    axes.text(x, y, room, ha="center", va="center", fontsize=11)


def _draw_arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], bend: float) -> None:
    """From a room's lower edge to a lower room's upper edge; a long arrow bends away from the middle."""
    from matplotlib.patches import FancyArrowPatch

    (x, y), (u, v) = start, end
    side = 1 if x + u >= 0 else -1
    look = {"arrowstyle": "-|>", "mutation_scale": 11, "color": "#8a8f98", "linewidth": 1.0}
    curve = f"arc3,rad={bend * side}"
    axes.add_patch(FancyArrowPatch((x, y - 0.3), (u, v + 0.3), connectionstyle=curve, **look))


def main() -> None:
    """Writes fence, picture and tables.

    Side effects: writes files.
    """
    house = read_house()
    for room in house.rooms:
        (PLANNER / room / "ruff.toml").write_text(fence_of(house, room), encoding="utf-8")
    PAGE.write_text(page_with_tables(PAGE.read_text(encoding="utf-8"), house), encoding="utf-8")
    draw(house, PICTURE)


if __name__ == "__main__":
    main()
