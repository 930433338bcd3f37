"""Loading programs: YAML 1.2, every fault with its line, nothing that a file says can do harm."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.errors import ProgramError, UsageError
from planner.io.programs.loader import MOST_BYTES, find_program, load_program, program_names
from planner.io.programs.yaml_reader import read_yaml
from tests.support.rotation import a_fifth_of

PROGRAMS = Path(__file__).parents[2] / "programs"
DRAFTS = sorted(p.stem for p in PROGRAMS.glob("*.yaml"))
SMALL = (PROGRAMS / "dropout.yaml").read_text()


def load_text(folder: Path, text: str | bytes, name: str = "dropout") -> None:
    path = folder / f"{name}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    load_program(path)


def complaint(folder: Path, text: str | bytes, name: str = "dropout") -> str:
    with pytest.raises(ProgramError) as caught:
        load_text(folder, text, name)
    assert caught.value.exit_code == 65
    assert caught.value.problems
    return str(caught.value)


@pytest.mark.parametrize("name", DRAFTS)
def test_every_draft_loads_under_its_name(name: str) -> None:
    assert load_program(PROGRAMS / f"{name}.yaml").program == name


def least_cpu_seconds(act: Callable[[], object]) -> float:
    """What it takes this process when nothing gets in its way: the least of five times."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        act()
        seconds.append(time.process_time() - start)
    return min(seconds)


def test_the_largest_draft_loads_in_half_the_time_that_pyyaml_alone_takes_to_read_it_in_python() -> None:
    path = max(PROGRAMS.glob("*.yaml"), key=lambda p: p.stat().st_size)
    reading = least_cpu_seconds(lambda: yaml.load(path.read_text(), yaml.SafeLoader))
    assert least_cpu_seconds(lambda: load_program(path)) < reading / 2


def test_importing_the_loader_imports_nothing_heavy() -> None:
    heavy = "{'networkx', 'mlflow', 'torch', 'scipy', 'matplotlib', 'numpy', 'langgraph'}"
    code = "import sys, planner.io.programs.loader, planner.phase_graph.render\n"
    code += f"print(sorted({heavy} & set(sys.modules)))"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-3", -3),
        ("+4", 4),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2001-01-01", "2001-01-01"),
        ("'1'", "1"),
        ('"no"', "no"),
        ("1.5.2", "1.5.2"),
    ],
)
def test_words_mean_what_yaml_1_2_says(word: str, value: object) -> None:
    document = read_yaml(f"a: {word}\n".encode())
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)
    assert not document.troubles


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_is_read_back_as_written(number: float) -> None:
    assert read_yaml(f"a: {number!r}".encode()).value == {"a": number}


def test_a_number_as_key_is_taken_as_written() -> None:
    assert read_yaml(b"1: a\n1.50: b\n'2': c").value == {"1": "a", "1.50": "b", "2": "c"}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("metrics: {}", "is here twice"),
        ("source: &a text", "anchors are not read"),
        ("source: *a", "aliases are not read"),
        ("source: !!str text", "tags are not read"),
        ("source: !!python/object:os.system text", "tags are not read"),
        ("<<: {source: text}", "merge keys are not read"),
        ("with: {x: .nan}", "no finite number"),
        ("with: {x: -.inf}", "no finite number"),
        ("with: {x: 1e999}", "too large"),
        ("with: {x: 99999999999999999999999999}", "64 bits"),
        ("true: 1", "no name for a key"),
        ("~: 1", "no name for a key"),
        (".nan: 1", "no name for a key"),
        ("[a]: 1", "a key is one word"),
        ("{a: 1}: 1", "a key is one word"),
        ('source: "\\e[31m"', "control character"),
        ('source: "\\u202e"', "control character"),
        ("source: " + "[" * 40 + "]" * 40, "levels deep"),
        ("source: [", "cannot be read"),
        ("--- {}", "second document"),
    ],
)
def test_what_is_refused_is_told_with_its_line(tmp_path: Path, line: str, what: str) -> None:
    message = complaint(tmp_path, SMALL + line + "\n")
    number = SMALL.count("\n") + 1
    lines = message.splitlines()
    assert any(f"dropout.yaml:{number}: " in t or "cannot be read" in t for t in lines), message
    assert what in message


def test_a_refused_value_is_not_complained_of_twice(tmp_path: Path) -> None:
    message = complaint(tmp_path, SMALL.replace("better_by: 0.01", "better_by: .nan"))
    assert message.splitlines() == [t for t in message.splitlines() if "finite" in t]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = SMALL.replace("better: higher", "better: up").replace(
        "factor: dropout", "factor: dropout\n    seeds: many\n    colour: blue"
    )
    lines = complaint(tmp_path, text).splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "metrics.val_accuracy.better",
        "phases.first_look.seeds",
        "phases.first_look.colour",
    ]
    numbers = [int(line.split(":")[1]) for line in lines]
    assert numbers == sorted(numbers)
    assert "'higher', 'lower' or 'neither' (got 'up')" in lines[0]


def test_a_missing_key_is_told_at_its_nearest_ancestor(tmp_path: Path) -> None:
    text = SMALL.replace("val_accuracy: {unit: fraction, better: higher}", "val_accuracy: {unit: fraction}")
    line = text.splitlines().index("  val_accuracy: {unit: fraction}") + 1
    expected = f"{tmp_path / 'dropout.yaml'}:{line}: metrics.val_accuracy.better: 'better' is missing"
    assert complaint(tmp_path, text) == expected


def test_a_comma_in_a_sentence_is_told_to_be_put_in_quotes(tmp_path: Path) -> None:
    assert "in quotes" in complaint(
        tmp_path, SMALL.replace("unit: fraction,", "unit: fraction, means: a, b,")
    )


def test_several_forms_of_one_value_are_told_in_one_line(tmp_path: Path) -> None:
    message = complaint(tmp_path, SMALL.replace("better_by: 0.01", "at_least: high"))
    assert message.count("\n") == 0
    assert message.endswith("at_least: should be a valid number or 'floor' (got 'high')")


def test_a_name_that_leads_nowhere_is_told_with_line_and_suggestion(tmp_path: Path) -> None:
    message = complaint(tmp_path, SMALL.replace("versus: plain", "versus: plane"))
    assert "phases.first_look.criteria.one_point_better: 'plane' is no arm; did you mean 'plain'?" in message


def test_program_and_file_must_have_one_name(tmp_path: Path) -> None:
    message = complaint(tmp_path, SMALL, name="other")
    assert "other.yaml:1: program: the program is called 'dropout'" in message


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b"# nothing\n", "empty"),
        (b"- a\n- b\n", "mapping"),
        (b"word", "mapping"),
        (b"\xff\xfea\x00", "not UTF-8"),
        ("program: dröpout".encode("latin-1"), "not UTF-8"),
        (b"program: a\x00b", "control character U+0000"),
        (b"question: a\nprogram: \x1b[2J", "control character U+001B"),
        (b"a" * (MOST_BYTES + 1), "larger than 1 MB"),
        (b"a: [" + b"1," * 60_000 + b"]", "more than 50000"),
    ],
)
def test_a_file_that_is_no_program_is_refused_in_one_line(tmp_path: Path, data: bytes, what: str) -> None:
    message = complaint(tmp_path, data)
    assert what in message
    assert "\n" not in message


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    load_text(tmp_path, b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ProgramError):
            load_program(path)


def test_a_small_file_that_stands_for_a_huge_program_is_refused_quickly(tmp_path: Path) -> None:
    base = SMALL + "  base:\n    question: q\n    arms: [plain]\n    criteria:\n"
    base += "".join(f"      c{i}: {{metric: val_accuracy, arm: plain, above: 0}}\n" for i in range(3000))
    base += "    gate: [c0]\n"
    many = "".join(f"  h{i}: {{question: q, same_as: base}}\n" for i in range(3000))
    start = time.process_time()
    assert "too large" in complaint(tmp_path, base + many)
    chain = "".join(f"  h{i}: {{question: q, same_as: {f'h{i + 1}'}}}\n" for i in range(3000))
    assert "chain" in complaint(tmp_path, SMALL + chain)
    assert time.process_time() - start < 5


@settings(
    max_examples=a_fifth_of(150), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_a_program_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ProgramError):
        load_text(tmp_path, data)


@settings(
    max_examples=a_fifth_of(150), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data(), name=st.sampled_from(DRAFTS))
def test_a_damaged_draft_raises_nothing_but_a_program_error(
    tmp_path: Path, data: st.DataObject, name: str
) -> None:
    text = (PROGRAMS / f"{name}.yaml").read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    new = data.draw(
        st.sampled_from([b"", b"\n", b"{", b"]", b": ", b"~", b"1", b"x: {}", b"- ", b"'", b"\t"])
    )
    try:
        load_text(tmp_path, text[:start] + new + text[end:], name)
    except ProgramError as error:
        message = str(error)
    else:
        message = "fine"
    assert message


# --- finding ---------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "knowledge" / "programs"
    folder.mkdir(parents=True)
    for name in ("dropout", "a.b", "credit"):
        (folder / f"{name}.yaml").write_text(SMALL)
    (folder / ".hidden.yaml").write_text("")
    (folder / "notes.md").write_text("")
    return tmp_path


def test_programs_are_listed_by_name(home: Path) -> None:
    assert program_names(home) == ["a.b", "credit", "dropout"]
    assert program_names(home / "elsewhere") == []


def test_a_program_is_found_by_its_name(home: Path) -> None:
    assert find_program(home, "dropout") == home / "knowledge" / "programs" / "dropout.yaml"
    assert find_program(home, "a.b").name == "a.b.yaml"


def test_an_unknown_name_is_answered_with_the_known_ones(home: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no program 'dropuot'; did you mean 'dropout'\? known: a.b, credit"
    ):
        find_program(home, "dropuot")
    with pytest.raises(UsageError, match="there is none yet"):
        find_program(home / "elsewhere", "dropout")


@pytest.mark.parametrize(
    "name",
    ["../dropout", "a/b", "..", ".", "", "a..b", "drop\nout", "dropout\n", "\x1b[2J", "~", "a b", "x" * 81],
)
def test_names_that_could_lead_elsewhere_are_refused(home: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_program(home, name)
    assert str(caught.value).isprintable()
