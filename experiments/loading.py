"""Finds an experiment by its name, and asks it about configurations before anything runs."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic

import experiments
import experiments.parts
from experiments.contract import Config, Experiment, configure
from experiments.raising import whatever_code_raises


class Refused(ValueError):
    """An experiment that is not there (kind ``experiment``) or refuses its parameters (``arms``)."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


def add_home(home: Path) -> None:
    """Makes a home's own experiments and parts importable; they win over the installed ones, file by file."""
    folder = home / "experiments"
    for package in (experiments, experiments.parts, *_studies()):
        _look_first_in(folder.joinpath(*package.__name__.split(".")[1:]), package)
    if str(home) not in sys.path:
        sys.path.append(str(home))


def _studies() -> list[ModuleType]:
    """The installed packages of parts that belong to one study."""
    installed = pkgutil.iter_modules([str(Path(__file__).parent / "parts")], "experiments.parts.")
    return [importlib.import_module(part.name) for part in installed if part.ispkg]


def _look_first_in(folder: Path, package: ModuleType) -> None:
    if folder.is_dir() and folder.resolve() not in [Path(path).resolve() for path in package.__path__]:
        package.__path__.insert(0, str(folder))


def load(name: str) -> Experiment:
    """The experiment of that name, imported once.

    Raises:
        Refused: there is none, or it cannot be imported. The caller mends the program or the module.
    """
    module = f"experiments.{name}"
    try:
        return checked(name, importlib.import_module(module))
    except Refused:
        raise
    except whatever_code_raises() as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            raise missing(name) from None
        traceback.print_exc()
        raise Refused("experiment", f"experiment `{name}` cannot be imported: {one_line(error)}") from error


def missing(name: str) -> Refused:
    """The error for an experiment that is not there."""
    return Refused("experiment", f"there is no experiment `{name}`: no file experiments/{name}.py")


def checked(name: str, module: Any) -> Experiment:
    """``module``, if it has the names of the contract."""
    wanted = ["Config", "PRESETS", "describe", "run"]
    wanted += ["run_together"] if hasattr(module, "TOGETHER") else []
    absent = [part for part in wanted if not hasattr(module, part)]
    if absent:
        raise Refused("experiment", f"experiment `{name}` has no {' and no '.join(absent)}")
    experiment: Experiment = module
    return experiment


def configured(name: str, experiment: Experiment, params: Mapping[str, Any], fidelity: str) -> Config:
    """The configuration of one arm.

    Raises:
        Refused: a parameter that the experiment does not know or take, named.
    """
    try:
        return configure(experiment, params, fidelity)
    except pydantic.ValidationError as error:
        faults = [_fault(name, experiment, dict(fault)) for fault in error.errors()]
        raise Refused("arms", "; ".join(faults)) from error


def _fault(name: str, experiment: Experiment, fault: Mapping[str, Any]) -> str:
    parameter = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        parameters = ", ".join(sorted(experiment.Config.model_fields))
        return f"experiment `{name}` has no parameter `{parameter}`; it has {parameters}"
    return f"experiment `{name}` does not take {parameter} = {fault['input']!r}: {fault['msg']}"


def describe(
    name: str, experiment: Experiment, wanted: Sequence[tuple[Mapping[str, Any], str]]
) -> list[dict[str, Any]]:
    """What an experiment says of each (params, fidelity), in the shape of descriptions.

    Raises:
        Refused: it refuses a parameter, or fails to describe its data.
    """
    descriptions = []
    for params, fidelity in wanted:
        config = configured(name, experiment, params, fidelity)
        try:
            description = experiment.describe(config)
            data = description.model_dump(mode="json")
        except whatever_code_raises() as error:
            traceback.print_exc()
            text = f"experiment `{name}` cannot describe {dict(params)}: {one_line(error)}"
            raise Refused("arms", text) from error
        data["data_name"], data["data_digest"] = data.pop("name"), data.pop("digest")
        if "overlap" not in description.model_fields_set:  # what nobody measured is not none
            data["overlap"] = None
        elif not 0.0 <= description.overlap <= 1.0:
            raise Refused(
                "arms", f"experiment `{name}`: the overlap {description.overlap} of its data is no share"
            )
        together = max(1, int(getattr(experiment, "TOGETHER", 1)))
        descriptions.append({"config": config.model_dump(mode="json"), "together": together, **data})
    return descriptions


def one_line(error: BaseException) -> str:
    """An exception as one line: ``ValueError: what is wrong``."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
