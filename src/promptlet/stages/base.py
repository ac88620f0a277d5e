"""What a stage is: a configuration of its own, inputs that are other stages' folders, and one `run`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from promptlet import registry
from promptlet.commands.words import HIGHEST, LOWEST
from promptlet.extras import require
from promptlet.tasks import load_task
from promptlet.vocabulary import load_policy


def _known_tasks(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        _ = load_task(name).exemplars  # read here, so that a bad one ends no stage in its middle
    return names


def _rising(words: tuple[int, int]) -> tuple[int, int]:
    if not LOWEST <= words[0] <= words[1] <= HIGHEST:
        raise ValueError(f"{list(words)} must be two rising numbers from {LOWEST} to {HIGHEST}")
    return words


WordRange = Annotated[tuple[int, int], AfterValidator(_rising)]
"""Fewest and most words."""
TaskNames = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_tasks)]
"""Tasks that a stage's configuration names."""


def task_digests(names: tuple[str, ...]) -> dict[str, str]:
    """Return what stands for the texts of tasks among the materials of a stage."""
    return {f"task {name}": load_task(name).digest for name in names}


def _known_judge(name: str) -> str:
    registry.load("promptlet.judges", name)
    return name


JudgeName = Annotated[str, AfterValidator(_known_judge)]
"""A judge of relevance."""


def _fit_for_a_folder(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError("letters from a to z, digits, '.', '_' and '-' are allowed, and first a letter or digit")
    return name


def require_training(feature: str) -> None:
    """Look for what the training loop imports.

    Raises:
        MissingExtraError: if it is not installed.
    """
    require(feature, "train", "torch", "transformers", "safetensors", "tensorboard")


class StageConfig(BaseModel):
    """Settings of a stage; each stage's own class adds to them. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class CommonConfig(StageConfig):
    """What a recipe says beside its stages: what all of them share."""

    name: Annotated[str, AfterValidator(_fit_for_a_folder)]
    """The run's folder is called so (``runs/NAME``)."""
    seed: int = Field(default=1, ge=0, lt=2**31)
    """Of all chance that there is."""
    graph: Path | None = None
    """A folder with a creative graph of your own; left out: the packaged one."""
    judge: JudgeName = "words"
    """Who scores how relevant a prompt is to its intents: `words` is quick, `embedding` knows what words mean."""
    policy: Path | None = None
    """A vocabulary policy of your own; left out: the packaged one."""

    @field_validator("policy")
    @classmethod
    def _loads(cls, path: Path | None) -> Path | None:
        load_policy(path)
        return path


@dataclass(frozen=True)
class Context:
    """Where a stage works.

    `folder` is its own and may hold what an interrupted run of the same configuration left; `inputs` are the
    finished folders of other stages; `shared` outlives changes of configuration (the teacher's answers).
    """

    folder: Path
    inputs: Mapping[str, Path]
    shared: Path
    common: CommonConfig
    runner: str = "local"
    """Where work on records is done; it never changes what comes out."""
    first: bool = True
    """Whether this is the process that writes files, among those that torchrun or Ray Train started."""


class Stage(ABC):
    """One step from intents to a measured student."""

    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ("seed",)
    """What of the recipe's common keys the outcome depends on."""
    Config: ClassVar[type[StageConfig]]
    spread: ClassVar[bool] = False
    """Whether all processes of torchrun or Ray Train work on the stage together."""

    def materials(self, config: Any) -> dict[str, str]:  # noqa: ARG002
        """Return digests of packaged files that the outcome depends on besides configuration and inputs."""
        return {}

    def check(self, config: Any, recipe: Mapping[str, StageConfig]) -> None:  # noqa: B027 (most have nothing to say)
        """Refuse what the settings of a recipe's other stages do not allow, before anything is done.

        Raises:
            UsageError: naming the setting and what is allowed.
        """

    def require(self, config: Any, common: CommonConfig) -> None:  # noqa: B027 (most need only what loading them did)
        """Look for what is installed apart and imported only when the stage runs, before any stage does.

        Raises:
            PromptletError: naming what to install.
        """

    @abstractmethod
    def run(self, config: Any, context: Context) -> dict[str, Any]:
        """Do the work, from where an earlier run was interrupted, and return its counts.

        Raises:
            PromptletError: if it can't be finished; what is done stays and is used by the next run.
        """
