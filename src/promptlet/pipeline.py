"""A recipe, and running it: every stage that is not up to date, in order, each into a folder of its own.

A stage's folder is named after the digest of its configuration and inputs (``runs/laptop/train-3f2a9c1b``). A
changed recipe therefore writes beside the old result, never over it, and an interrupted stage finds its own work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from promptlet import registry
from promptlet.errors import RunError, TeacherError, UsageError
from promptlet.intents.graph import graph_digest
from promptlet.io.locking import held
from promptlet.io.manifest import Manifest
from promptlet.io.yaml import read_yaml
from promptlet.spending import Estimate
from promptlet.stages.base import CommonConfig, Context, Stage, StageConfig
from promptlet.validation import explain
from promptlet.vocabulary import load_policy

ORDER = ("intents", "tune", "synthesize", "curate", "augment", "tokenize", "train", "improve", "export", "evaluate")


def load_stage(name: str) -> Stage:
    """Return the stage of this name."""
    stage: Stage = registry.load("promptlet.stages", name).STAGE()
    return stage


@dataclass(frozen=True)
class Recipe:
    """One YAML file: a name, a seed, and a section per stage; what is left out has its default."""

    common: CommonConfig
    stages: Mapping[str, StageConfig]

    @property
    def default_folder(self) -> Path:
        """Where the run keeps its work, if nobody says where."""
        return Path("runs") / self.common.name


def load_recipe(path: Path) -> Recipe:
    """Return the recipe in a YAML file.

    Raises:
        UsageError: if it can't be read, or names a key or value that is not allowed.
    """
    content, keys = read_yaml(path, f"the recipe {path}"), (*CommonConfig.model_fields, *ORDER)
    if not isinstance(content, dict):
        raise UsageError(f"the recipe {path} holds no keys; expected: {', '.join(keys)}")
    for key in content:
        if key not in keys:
            raise UsageError(f"{path}: {registry.unknown('key', str(key), keys)}")
    with _explaining(path, "", CommonConfig):
        common = CommonConfig.model_validate({key: content[key] for key in CommonConfig.model_fields if key in content})
    stages: dict[str, StageConfig] = {}
    for name in ORDER:
        config = load_stage(name).Config
        with _explaining(path, name, config):
            stages[name] = config.model_validate({} if content.get(name) is None else content[name])
    for name, section in stages.items():
        try:
            load_stage(name).check(section, stages)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    return Recipe(common, stages)


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
    retry_failed: bool = False,
) -> dict[str, Path]:
    """Run every stage up to `until` that is not up to date; return each stage's folder.

    Args:
        recipe: what to do.
        folder: the run's folder, made if it is missing.
        until: the last stage.
        report: called with one line per stage.
        runner: where work on records is done.
        retry_failed: whether a finished stage asks again for its rows that failed.

    Raises:
        UsageError: for an unknown stage or runner.
        RunError: if another process works in the folder.
        MissingExtraError: for what a stage to be run needs, before the first one runs.
        PromptletError: what a stage raises; finished work stays.

    Among the processes of torchrun or Ray Train, each calls this; they work on one stage together, train.
    """
    if until not in ORDER:
        raise UsageError(registry.unknown("stage", until, ORDER))
    registry.load("promptlet.runners", runner)
    first = os.environ.get("RANK", "0") == "0"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"the run's folder can't be {folder}: there is a file of this name") from error
    done: dict[str, Path] = {}
    digests: dict[str, str] = {}
    wanted = ORDER[: ORDER.index(until) + 1]
    # Looked for before anything runs, as modules are: nobody waits for one stage to hear what another lacks.
    materials = {name: load_stage(name).materials(recipe.stages[name]) for name in wanted}
    with _alone_in(folder) if first else nullcontext():
        _require(recipe, wanted, materials, folder, retry_failed)
        for name in wanted:
            stage, config = load_stage(name), recipe.stages[name]
            done[name], found = _find(recipe, name, materials[name], digests, folder)
            inputs = {source: done[source] for source in stage.inputs}
            context = Context(done[name], inputs, folder, recipe.common, runner, first)
            if _is_up_to_date(found, retry_failed):
                report(f"{name}: up to date in {context.folder}")
            else:
                found = _run(stage, config, context, found)
                report(f"{name}: {_summary(found)} in {context.folder}")
            digests[name] = found.outcome
    return done


def estimate_recipe(
    recipe: Recipe, folder: Path, report: Callable[[str], None] = lambda _: None, runner: str = "local"
) -> Estimate:
    """Return what a recipe asks of its teacher, judged by a short sample; the run's folder keeps the sample's answers.

    Raises:
        PromptletError: as `run_recipe` does, and if the teacher answers nothing.
    """
    from promptlet.stages.synthesize import STAGE

    config: Any = recipe.stages[STAGE.name]
    done = run_recipe(recipe, folder, "tune", report, runner)
    with _alone_in(folder):
        return STAGE().estimate(config, Context(folder, done, folder, recipe.common, runner))


def _find(
    recipe: Recipe, name: str, materials: Mapping[str, str], digests: Mapping[str, str], folder: Path
) -> tuple[Path, Manifest]:
    """Return a stage's folder, and the manifest of what it holds or is to hold; `digests` are of the stages before."""
    stage = load_stage(name)
    planned = Manifest.planned(
        name,
        _used(recipe.common, stage.uses) | recipe.stages[name].model_dump(mode="json"),
        {**{source: digests[source] for source in stage.inputs}, **materials},
    )
    place = folder / f"{name}-{planned.digest[:8]}"
    found = Manifest.read(place) or planned
    if found.digest != planned.digest:
        raise RunError(f"{place} was made by another configuration; move it away")
    return place, found


def _is_up_to_date(found: Manifest, retry_failed: bool) -> bool:
    return found.finished is not None and not (retry_failed and found.failed)


def _require(
    recipe: Recipe, wanted: Iterable[str], materials: Mapping[str, Mapping[str, str]], folder: Path, retry_failed: bool
) -> None:
    """Look for what the stages that are to run import; one that is up to date may have run where more is installed."""
    digests: dict[str, str] = {}
    for name in wanted:
        _, found = _find(recipe, name, materials[name], digests, folder)
        finished = _is_up_to_date(found, retry_failed)
        if not finished:
            load_stage(name).require(recipe.stages[name], recipe.common)
        digests[name] = found.outcome if finished else found.digest  # as if no row will fail


def _used(common: CommonConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Return what a stage uses of a recipe's common keys; graph and policy are what they say, wherever they lie."""
    digests = {"graph": lambda: graph_digest(common.graph), "policy": lambda: load_policy(common.policy).digest}
    return {key: digests[key]() if key in digests else getattr(common, key) for key in keys}


def _run(stage: Stage, config: StageConfig, context: Context, before: Manifest) -> Manifest:
    """Run a stage and return its finished manifest; `before` is what its folder holds or is to hold."""
    if os.environ.get("WORLD_SIZE", "1") != "1" and not stage.spread:
        raise UsageError(
            f"{stage.name} is done by one process; run without torchrun, as far as is needed: --until {stage.name}"
        )
    context.folder.mkdir(exist_ok=True)
    if not context.first:
        return before.done(stage.run(config, context), 0)
    before.interrupted(0).write(context.folder)
    start = time.monotonic()
    try:
        counts = stage.run(config, context)
    except BaseException as error:
        # A teacher that is gone fails before any shard is touched: a finished result stays one.
        kept = isinstance(error, TeacherError) and before.finished
        (before if kept else before.interrupted(time.monotonic() - start)).write(context.folder)
        raise
    finished = before.done(counts, time.monotonic() - start)
    finished.write(context.folder)
    return finished


def _summary(manifest: Manifest) -> str:
    numbers = (
        f"{_spoken(key)} {value}" for key, value in manifest.counts.items() if not isinstance(value, dict | list)
    )
    again = " (--retry-failed asks for those again)" if manifest.failed else ""
    return f"{', '.join(numbers) or 'nothing to do'}{again}, {manifest.seconds:.0f} s"


def _spoken(key: str) -> str:
    """Return what a count is called in a row of counts; its own commas and last number would be taken for the row's."""
    what, *how = key.split(", ")
    name = f"{what} ({', '.join(how)})" if how else what
    return f"{name}:" if name[-1].isdigit() else name


def _alone_in(folder: Path) -> AbstractContextManager[None]:
    return held(folder / "run", f"another process is running in {folder}")
