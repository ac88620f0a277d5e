"""Stage 8, improve: the student learns from its own outcomes (upside-down reinforcement learning on policy).

Srivastava et al. 2019 (arXiv 1912.02877) close the loop that the paper leaves open: the student is asked for commands,
what it writes is measured and taken as an example of what it achieved, mixed with the teacher's, and learned. A round
that does not help is thrown away and ends the loop.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from promptlet.curation.checks import DEFAULT_LENGTHS
from promptlet.curation.examining import Examiner
from promptlet.extras import needing
from promptlet.improvement.config import OWN, RoundConfig
from promptlet.intents.splits import TRAIN, VALIDATION
from promptlet.io.atomic import copy_folder, write_json
from promptlet.io.records import commonest_reason, read_samples
from promptlet.judges.base import judge_class
from promptlet.stages.base import CommonConfig, Context, JudgeName, Stage, StageConfig, require_training
from promptlet.stages.curate import curation_of
from promptlet.stages.tokenize import read_codec
from promptlet.student.names import MODEL

if TYPE_CHECKING:
    from promptlet.improvement.rounds import Rounds

ROUNDS = "rounds.json"


class ImproveConfig(RoundConfig, StageConfig):
    """How often, and how."""

    rounds: int = Field(default=0, ge=0, le=100)
    """Most rounds; 0 leaves the student as it was trained."""
    judge: JudgeName | None = Field(default=None, exclude_if=lambda judge: judge is None)
    """Of what the student writes, for pairs that brought the scores of the judge `given`; left out: the recipe's."""


class ImproveStage(Stage):
    """Writes the best student's model, and how the student stood before the first round and after each."""

    name = "improve"
    inputs = ("train", "tokenize", "intents", "curate")
    uses = ("seed", "graph", "judge", "policy")
    Config = ImproveConfig

    def require(self, config: ImproveConfig, common: CommonConfig) -> None:
        if config.rounds:
            require_training("training")
            judge_class(config.judge or common.judge).require()

    def run(self, config: ImproveConfig, context: Context) -> dict[str, Any]:
        trained = context.inputs["train"] / MODEL
        best, standings, helped, done, why = trained, [], 0, 0, {}
        if config.rounds:
            rounds = _prepare(config, context)
            standings.append(rounds.evaluate(trained, context.folder))
        for number in range(1, config.rounds + 1):
            folder = context.folder / f"round-{number}"
            standing, done = rounds.run(number, folder, best), number
            if standing is None:
                why = {"last round mostly rejected as": commonest_reason(folder / OWN)}
                break
            standings.append(standing)
            if not standing.better_than(standings[helped]):
                break
            best, helped = folder / MODEL, number
        rows = [
            {"round": number, "shipped": number <= helped, "said": str(standing)} | asdict(standing)
            for number, standing in enumerate(standings)
        ]
        write_json(context.folder / ROUNDS, rows)
        copy_folder(best, context.folder / MODEL)
        left_out = {"wishes left out": rounds.left_out} if config.rounds and rounds.left_out else {}
        return {"rounds": done, "kept": helped} | why | left_out


def _prepare(config: ImproveConfig, context: Context) -> Rounds:
    with needing("training", "train"):
        from promptlet.improvement.rounds import Rounds
        from promptlet.student.data import Encoded
    source, common = context.inputs["tokenize"], context.common
    training, validation = (Encoded.read(source / f"{split}.parquet") for split in (TRAIN, VALIDATION))
    codec = read_codec(source)
    lengths = codec.commands["words"].values() if "words" in codec.commands else DEFAULT_LENGTHS
    tolerated = curation_of(context.inputs["curate"]).unknown_words
    return Rounds(
        config,
        codec,
        Examiner(common.graph, config.judge or common.judge, common.policy, tolerated, lengths),
        training,
        validation,
        list(read_samples(context.inputs["intents"])),
        common.seed,
    )


STAGE = ImproveStage
