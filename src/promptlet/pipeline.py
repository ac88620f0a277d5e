"""A recipe, and running it: every stage that is not up to date, in order, each into a folder of its own.

A stage's folder is named after the digest of its configuration and inputs (``runs/laptop/train-3f2a9c1b``). A
changed recipe therefore writes beside the old result, never over it, and an interrupted stage finds its own work.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from promptlet import registry
from promptlet.errors import RunError, UsageError
from promptlet.intents.graph import graph_digest
from promptlet.io.manifest import Manifest
from promptlet.stages.base import Context, Head, Stage, StageConfig
from promptlet.validation import explain
from promptlet.vocabulary import load_policy

ORDER = ("intents", "synthesize", "curate", "augment", "tokenize", "train", "export", "evaluate")


def load_stage(name: str) -> Stage:
    """Return the stage of this name."""
    stage: Stage = registry.load("promptlet.stages", name).STAGE()
    return stage


@dataclass(frozen=True)
class Recipe:
    """One YAML file: a name, a seed, and a section per stage; what is left out has its default."""

    head: Head
    stages: Mapping[str, StageConfig]


def load_recipe(path: Path) -> Recipe:
    """Return the recipe in a YAML file.

    Raises:
        UsageError: if it can't be read, or names a key or value that is not allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the recipe {path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"the recipe {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UsageError(f"the recipe {path} holds no keys; expected: name, seed, {', '.join(ORDER)}")
    for key in content:
        if key not in (*Head.model_fields, *ORDER):
            raise UsageError(f"{path}: {registry.unknown('key', str(key), (*Head.model_fields, *ORDER))}")
    with _explaining(path, "", Head):
        head = Head.model_validate({key: content[key] for key in Head.model_fields if key in content})
    stages: dict[str, StageConfig] = {}
    for name in ORDER:
        config = load_stage(name).Config
        with _explaining(path, name, config):
            stages[name] = config.model_validate({} if content.get(name) is None else content[name])
    return Recipe(head, stages)


@contextmanager
def _explaining(path: Path, section: str, model: type[BaseModel]) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise UsageError(f"{path}: {explain(error, model, section)}") from error


def run_recipe(
    recipe: Recipe,
    folder: Path,
    until: str = ORDER[-1],
    report: Callable[[str], None] = lambda _: None,
    runner: str = "local",
) -> dict[str, Path]:
    """Run every stage up to `until` that is not up to date; return each stage's folder.

    Args:
        recipe: what to do.
        folder: the run's folder, made if it is missing.
        until: the last stage.
        report: called with one line per stage.
        runner: where work on records is done.

    Raises:
        UsageError: for an unknown stage or runner.
        RunError: if another process works in the folder.
        PromptletError: what a stage raises; finished work stays.

    Among the processes of torchrun or Ray Train, each calls this; they work on one stage together, train.
    """
    if until not in ORDER:
        raise UsageError(registry.unknown("stage", until, ORDER))
    registry.load("promptlet.runners", runner)
    first = os.environ.get("RANK", "0") == "0"
    folder.mkdir(parents=True, exist_ok=True)
    done: dict[str, Path] = {}
    digests: dict[str, str] = {}
    with _locked(folder) if first else nullcontext():
        for name in ORDER[: ORDER.index(until) + 1]:
            stage, config = load_stage(name), recipe.stages[name]
            planned = Manifest.planned(
                name,
                _used(recipe.head, stage.uses) | config.model_dump(mode="json"),
                {**{source: digests[source] for source in stage.inputs}, **stage.materials(config)},
            )
            digests[name] = planned.digest
            done[name] = folder / f"{name}-{planned.digest[:8]}"
            inputs = {source: done[source] for source in stage.inputs}
            context = Context(done[name], inputs, folder, recipe.head, runner, first)
            report(_bring_up_to_date(stage, config, context, planned))
    return done


def _used(head: Head, keys: Iterable[str]) -> dict[str, Any]:
    """Return what a stage uses of a recipe's head; graph and policy are what they say, wherever they lie."""
    digests = {"graph": lambda: graph_digest(head.graph), "policy": lambda: load_policy(head.policy).digest}
    return {key: digests[key]() if key in digests else getattr(head, key) for key in keys}


def _bring_up_to_date(stage: Stage, config: StageConfig, context: Context, planned: Manifest) -> str:
    """Run the stage unless its folder holds the finished result; return a line about it."""
    found = Manifest.read(context.folder)
    if found is not None and found.digest != planned.digest:
        raise RunError(f"{context.folder} was made by another configuration; move it away")
    if found is not None and found.finished:
        return f"{stage.name}: up to date in {context.folder}"
    if os.environ.get("WORLD_SIZE", "1") != "1" and not stage.spread:
        raise UsageError(
            f"{stage.name} is done by one process; run without torchrun, as far as is needed: --until {stage.name}"
        )
    context.folder.mkdir(exist_ok=True)
    if not context.first:
        stage.run(config, context)
        return f"{stage.name}: done with the other processes"
    (found or planned).write(context.folder)
    start = time.monotonic()
    counts = stage.run(config, context)
    (found or planned).done(counts, time.monotonic() - start).write(context.folder)
    summary = ", ".join(f"{key} {value}" for key, value in counts.items() if not isinstance(value, dict | list))
    return f"{stage.name}: {summary} in {context.folder}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"another process is running in {folder}") from error
        yield
