"""One evaluation: every system answers the same wishes, and all that can be said about the answers is measured.

Answers and raw ratings go to ``answers.jsonl`` in the evaluation's folder: an interrupted one goes on where it was, and
a larger suite in the same folder asks only for what is new.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median

from promptlet.commands.words import count_words
from promptlet.errors import MissingExtraError, PromptletError, RunError
from promptlet.evaluation.adherence import Adherence, measure_adherence, pooled
from promptlet.evaluation.anchors import make_anchors
from promptlet.evaluation.diversity import Diversity, measure_diversity
from promptlet.evaluation.judge import Bill, JudgeChoice, JudgeRating, rate
from promptlet.evaluation.novelty import Novelty, measure_novelty
from promptlet.evaluation.relevance import Judgement, sum_up
from promptlet.evaluation.suites import Suite, Wish
from promptlet.evaluation.systems import System, SystemOutput, write_prompts
from promptlet.extras import needing
from promptlet.intents.test_sets import DIGESTS
from promptlet.io.journal import Journal
from promptlet.io.manifest import Manifest
from promptlet.io.prompts import open_prompts
from promptlet.judges.base import Judge, open_judge
from promptlet.types import RELEVANCE, Sample
from promptlet.vocabulary import load_policy

ANSWERS = "answers.jsonl"
LOCAL_JUDGE = "fluent"
_LOCAL = "local judge"
_DIVERSITY_SAMPLE = 400
"""Most prompts of a system whose diversity is measured: more of them repeat more, so it is as many of each."""


@dataclass(frozen=True)
class SystemResult:
    """What one system's prompts are like."""

    name: str
    identity: str
    prompts: int
    failed: int
    """Wishes for which it wrote nothing."""
    last_failure: str
    lengths: dict[str, list[Adherence]]
    """Per test set, one for each target."""
    denied: dict[str, int]
    """Denied terms in its prompts, and how often."""
    diversity: Diversity
    novelty: Novelty | None
    """None where no training data was given."""
    median_seconds: float | None
    """Per prompt, where they are written one after another."""

    @property
    def answered(self) -> float:
        """The share of the wishes for which there is a prompt."""
        return self.prompts / (self.prompts + self.failed)

    @property
    def all_lengths(self) -> list[Adherence]:
        """The statistics of all test sets and targets."""
        return [row for rows in self.lengths.values() for row in rows]

    def adherence(self, name: str) -> float:
        """Return the share of all wishes that have a prompt which is `exact` or `within_2`."""
        return pooled(self.all_lengths, name) * self.answered


@dataclass(frozen=True)
class Evaluation:
    """All results of one evaluation, and the prompts that they stand on."""

    manifest: Manifest
    """How it was made: what was asked, digests, versions, time."""
    systems: list[SystemResult]
    judgements: list[Judgement]
    written: Mapping[str, list[SystemOutput]]
    ratings: Mapping[str, Mapping[str, Mapping[Wish, JudgeRating]]]
    """Judge -> system -> wish -> rating, of the wishes that were judged."""


def evaluate(
    systems: Sequence[System],
    suite: Suite,
    tasks: Sequence[str],
    folder: Path,
    seed: int = 1,
    judge: JudgeChoice | None = None,
    training: Path | None = None,
) -> Evaluation:
    """Return what the systems' prompts are like.

    Args:
        systems: those that are compared.
        suite: what is asked of each.
        tasks: the tasks that are asked for.
        folder: where answers and ratings are kept.
        seed: of the wishes, of what is judged, and of its order.
        judge: an LLM that rates prompts beside the local judge.
        training: a data set to look for copies of.

    Raises:
        UsageError: if a system does not know a task or target, or the training data can't be read.
        TeacherError: if an endpoint does not answer any more; what it answered is kept.
        RunError: if a system wrote nothing at all.
        PromptletError: if the local judge, or what measures diversity, is not installed; nothing was written then.
    """
    start, wishes = time.monotonic(), suite.wishes(tasks, seed)
    learned = open_prompts(training) if training else None
    local = _open_local()
    with Journal(folder / ANSWERS) as journal:
        written = write_prompts(systems, wishes, journal)
        for name, each in written.items():
            if all(one.text is None for one in each):
                raise RunError(f"{name} wrote none of {len(each)} prompts, the last because: {each[-1].error}")
        chosen = set(random.Random(seed).sample(range(len(wishes)), min(suite.judged, len(wishes))))
        judged = {name: [one for index, one in enumerate(each) if index in chosen] for name, each in written.items()}
        judgements, ratings = _judge(judged, suite, tasks, seed, local, judge, journal)
    texts = {name: [one.text for one in each if one.text is not None] for name, each in written.items()}
    novelty = measure_novelty(texts, learned) if learned else {}
    compared = _diversity_sample(written, seed)
    results = [
        _result(system, written[system.name], compared[system.name], novelty.get(system.name), seed)
        for system in systems
    ]
    configuration = asdict(suite) | {"tasks": list(tasks), "seed": seed}
    inputs = {system.name: system.identity for system in systems}
    if judge:
        inputs[f"judge {judge.name}"] = judge.model.identity
    inputs |= {part.test_set: DIGESTS[part.test_set] for part in suite.parts}
    manifest = Manifest.planned("evaluate", configuration, inputs).done({}, time.monotonic() - start)
    return Evaluation(manifest, results, judgements, written, ratings)


def _open_local() -> Judge:
    """Return the local judge; what is not installed is missed before hours of writing, not after them.

    Raises:
        PromptletError: naming the package.
    """
    with needing("self-BLEU, which comes last,", "evaluate"):
        import_module("sacrebleu")
    try:
        return open_judge(LOCAL_JUDGE)
    except MissingExtraError:
        raise
    except PromptletError as error:
        raise PromptletError(f"the {_LOCAL} can't be opened: {error}") from error


def _diversity_sample(written: Mapping[str, Sequence[SystemOutput]], seed: int) -> dict[str, list[int]]:
    """Return whose diversity is measured: places of wishes of all targets and test sets, not too many.

    They are the same for all systems, wishes that each wrote a prompt for; where there is none, each has its own.
    """
    own = {name: [index for index, one in enumerate(each) if one.text is not None] for name, each in written.items()}
    shared = sorted(set.intersection(*map(set, own.values())))
    return {name: _draw(shared or places, seed) for name, places in own.items()}


def _draw(places: Sequence[int], seed: int) -> list[int]:
    return sorted(random.Random(seed).sample(places, min(_DIVERSITY_SAMPLE, len(places))))


def _judge(
    judged: Mapping[str, Sequence[SystemOutput]],
    suite: Suite,
    tasks: Sequence[str],
    seed: int,
    local: Judge,
    choice: JudgeChoice | None,
    journal: Journal,
) -> tuple[list[Judgement], dict[str, dict[str, dict[Wish, JudgeRating]]]]:
    """Return what each judge says of the prompts, with anchors among them, and its ratings."""
    anchors = make_anchors(tasks, suite.anchors, seed)
    samples = [sample for _, sample in anchors]
    samples += [_sample(one) for each in judged.values() for one in each if one.text is not None]
    rated: dict[str, tuple[float, list[JudgeRating], Bill | None]] = {
        _LOCAL: (1.0, _rate_locally(local, samples), None)
    }
    if choice:
        rated[choice.name] = (10.0, *rate(choice, samples, suite.repeats, seed, journal))
    judgements, found = [], {}
    for name, (highest, given, bill) in rated.items():
        left = iter(given)
        of_anchors = [(kind, next(left)) for kind, _ in anchors]
        nothing = JudgeRating(None, missing=suite.repeats if bill else 1)
        ratings = {
            system: {one.wish: nothing if one.text is None else next(left) for one in each}
            for system, each in judged.items()
        }
        of_systems = {
            system: [(_sample(one), ratings[system][one.wish]) for one in each] for system, each in judged.items()
        }
        judgements.append(sum_up(name, highest, of_systems, of_anchors, bill))
        found[name] = ratings
    return judgements, found


def _rate_locally(local: Judge, samples: Sequence[Sample]) -> list[JudgeRating]:
    return [JudgeRating({RELEVANCE: scores[RELEVANCE]} | scores) for scores in local.judge(samples)]


def _result(
    system: System, written: Sequence[SystemOutput], compared: Sequence[int], novelty: Novelty | None, seed: int
) -> SystemResult:
    good, policy = [one for one in written if one.text is not None], load_policy()
    counts: dict[str, dict[int, list[int]]] = {}
    denied: dict[str, int] = {}
    for one in good:
        sample = _sample(one)
        counts.setdefault(one.wish.test_set, {}).setdefault(one.wish.target, []).append(count_words(sample.prompt))
        for finding in policy.findings(sample.prompt):
            denied[str(finding)] = denied.get(str(finding), 0) + 1
    seconds = [one.seconds for one in good if one.seconds is not None]
    return SystemResult(
        name=system.name,
        identity=system.identity,
        prompts=len(good),
        failed=len(written) - len(good),
        last_failure=next((one.error for one in reversed(written) if one.error), ""),
        lengths={
            name: [measure_adherence(target, each, seed) for target, each in sorted(targets.items())]
            for name, targets in counts.items()
        },
        denied=denied,
        diversity=measure_diversity([_sample(written[index]) for index in compared]),
        novelty=novelty,
        median_seconds=median(seconds) if seconds else None,
    )


def _sample(one: SystemOutput) -> Sample:
    return Sample(one.wish.intents, one.wish.task, one.text or "")
