"""A recipe, and running it: every stage that is not up to date, in order, each into a folder of its own.

A stage's folder is named after the digest of its configuration and inputs (``runs/laptop/train-3f2a9c1b``). A
changed recipe therefore writes beside the old result, never over it, and an interrupted stage finds its own work.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptlet import registry
from promptlet.errors import RunError, TeacherError, UsageError
from promptlet.io.manifest import Manifest
from promptlet.spending import Estimate
from promptlet.stages.base import Context, Stage, StageConfig
from promptlet.validation import explain

ORDER = ("intents", "synthesize", "curate", "tokenize", "train", "export", "evaluate")


def load_stage(name: str) -> Stage:
    """Return the stage of this name."""
    stage: Stage = registry.load("promptlet.stages", name).STAGE()
    return stage


class Head(BaseModel):
    """What a recipe says beside its stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    seed: int = Field(default=1, ge=0, lt=2**31)


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
    retry_failed: bool = False,
) -> dict[str, Path]:
    """Run every stage up to `until` that is not up to date; return each stage's folder.

    Args:
        recipe: what to do.
        folder: the run's folder, made if it is missing.
        until: the last stage.
        report: called with one line per stage.
        runner: where work on records is done.
        retry_failed: whether a finished stage with failed rows asks for those again.

    Raises:
        UsageError: for an unknown stage or runner.
        RunError: if another process works in the folder.
        PromptletError: what a stage raises; finished work stays.
    """
    with _Run.opened(recipe, folder, until, report, runner) as run:
        for name in ORDER[: ORDER.index(until) + 1]:
            run.bring_up_to_date(name, retry_failed)
        return run.done


def estimate_recipe(
    recipe: Recipe, folder: Path, report: Callable[[str], None] = lambda _: None, runner: str = "local"
) -> Estimate:
    """Return what the teacher's part of a recipe takes, judged by a short sample that is kept in the run's folder.

    Raises:
        UsageError: for an unknown runner.
        RunError: if another process works in the folder.
        TeacherError: if the teacher does not answer.
    """
    with _Run.opened(recipe, folder, "synthesize", report, runner) as run:
        run.bring_up_to_date("intents")
        stage: Any = load_stage("synthesize")
        result: Estimate = stage.estimate(recipe.stages["synthesize"], run.plan(stage)[0])
        return result


@dataclass
class _Run:
    """A run's folder while this process has it: which stages are up to date, and what they hold."""

    recipe: Recipe
    folder: Path
    report: Callable[[str], None]
    runner: str
    done: dict[str, Path] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def opened(
        cls, recipe: Recipe, folder: Path, until: str, report: Callable[[str], None], runner: str
    ) -> Iterator[_Run]:
        if until not in ORDER:
            raise UsageError(registry.unknown("stage", until, ORDER))
        registry.load("promptlet.runners", runner)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            yield cls(recipe, folder, report, runner)

    def plan(self, stage: Stage) -> tuple[Context, Manifest]:
        config = self.recipe.stages[stage.name]
        planned = Manifest.planned(
            stage.name,
            {"seed": self.recipe.head.seed} | config.model_dump(mode="json"),
            {**{source: self.digests[source] for source in stage.inputs}, **stage.materials(config)},
        )
        folder = self.folder / f"{stage.name}-{planned.digest[:8]}"
        inputs = {source: self.done[source] for source in stage.inputs}
        return Context(folder, inputs, self.folder, self.recipe.head.seed, self.runner), planned

    def bring_up_to_date(self, name: str, retry_failed: bool = False) -> None:
        """Run the stage unless its folder holds the finished result; report a line about it."""
        stage = load_stage(name)
        context, planned = self.plan(stage)
        found = Manifest.read(context.folder)
        if found is not None and found.digest != planned.digest:
            raise RunError(f"{context.folder} was made by another configuration; move it away")
        if found is not None and found.finished and not (retry_failed and found.failed):
            self.report(f"{name}: up to date in {context.folder}")
        else:
            found = _run(stage, self.recipe.stages[name], context, found or planned)
            summary = ", ".join(
                f"{key} {value}" for key, value in found.counts.items() if not isinstance(value, dict | list)
            )
            self.report(f"{name}: {summary}, {found.seconds:.0f} s in {context.folder}")
        self.done[name], self.digests[name] = context.folder, found.outcome


def _run(stage: Stage, config: StageConfig, context: Context, before: Manifest) -> Manifest:
    """Run a stage and return its finished manifest; `before` is what its folder holds or is to hold."""
    context.folder.mkdir(exist_ok=True)
    before.unfinished().write(context.folder)
    start = time.monotonic()
    try:
        counts = stage.run(config, context)
    except BaseException as error:
        spent = before.after(time.monotonic() - start)
        # A teacher that fails does so before any shard is touched: a finished result stays one.
        (spent if isinstance(error, TeacherError) else spent.unfinished()).write(context.folder)
        raise
    finished = before.done(counts, time.monotonic() - start)
    finished.write(context.folder)
    return finished


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"another process is running in {folder}") from error
        yield
