"""Make a finished run's student the one that the package ships, with a model card written from the run's manifests.

python scripts/ship.py runs/gpt2-104m recipes/gpt2-104m.yaml --trained-on "one H100"
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from promptlet.commands.words import count_words
from promptlet.generation import Generator
from promptlet.generation.request import Request
from promptlet.intents.graph import graph_digest
from promptlet.io.atomic import replacing_folder, write_text
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.stages.synthesize import NOT_ASKED
from promptlet.student.format import CARD, CONFIG, POLICY, copy_parts, default_student, load_student, write_description
from promptlet.student.names import MODEL

TEACHER = "SmolLM2-135M-Instruct"
DRAWS = Request.model_fields["candidates"].default
WISHES = [
    ("t2i", ("Topic: birthday", "Scene object: balloon")),
    ("t2i", ("Topic: mountain lake", "Lighting: golden hour", "Mood: serene")),
    ("t2t", ("Topic: birthday party", "Design type: invitation")),
    ("t2t", ("Topic: coffee shop", "Design type: menu", "Style: vintage")),
]


def main() -> None:
    """Bring the run up to date, copy its student, write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("recipe", type=Path, help="its recipe")
    parser.add_argument("--trained-on", default="two CPU cores", help="the machine, as the card is to say it")
    arguments = parser.parse_args()
    stages = run_recipe(load_recipe(arguments.recipe), arguments.run, report=print)
    source = stages["export"] / "student"
    student = load_student(source)
    told = card(stages, source, arguments.trained_on)  # may fail, with the student that ships still in its place
    with replacing_folder(default_student()) as folder:
        files = copy_parts(student, folder)
        shutil.copy(source / CONFIG, folder / CONFIG)
        shutil.copy(arguments.recipe, folder / "recipe.yaml")
        write_description(folder, student.description, files)
        write_text(folder / CARD, told)
    print(f"{default_student()} is {student.description.name}")


def check_claims(found: Mapping[str, Manifest], size: Mapping[str, Any]) -> None:
    """End in one line where the card would tell what is not true of this run."""
    asked, teacher = found["synthesize"], found["synthesize"].counts["teacher"]
    if size["model_type"] != "gpt2" or found["train"].configuration.get("pretrained"):
        sys.exit("the card tells of GPT-2 students that were trained from scratch; this one is none")
    if teacher != NOT_ASKED and (TEACHER not in teacher or asked.configuration.get("pairs")):
        sys.exit(f"the card tells of {TEACHER}'s answers alone, or of pairs alone; this run's teacher is {teacher}")
    if found["intents"].configuration["graph"] != graph_digest(None):
        sys.exit("the card tells of the packaged graph; this run has one of its own")


def card(stages: dict[str, Path], student: Path, trained_on: str) -> str:
    """Return the model card of a student, all numbers from the run."""
    manifests = {name: Manifest.read(folder) for name, folder in stages.items()}
    found = {name: manifest for name, manifest in manifests.items() if manifest and manifest.finished}
    asked, kept, trained, exported = (found[name] for name in ("synthesize", "curate", "train", "export"))
    size = json.loads((stages["train"] / MODEL / CONFIG).read_text())
    check_claims(found, size)
    teacher = f"""{asked.counts["teacher"]}.
  It is {TEACHER} (Hugging Face, Apache-2.0); nothing in the training data was written by hand or by a
  grammar, and what repeats an exemplar was rejected."""
    if asked.counts["teacher"] == NOT_ASKED:
        teacher = f"the one of the pairs in `{asked.configuration['pairs']}`, as their card names it."
    answers = "pairs" if asked.counts["teacher"] == NOT_ASKED else "answers"
    pairs = list(read_samples(stages["curate"]))
    per_task = Counter(sample.task for sample in pairs)
    lengths = Counter(count_words(sample.prompt) // 5 * 5 for sample in pairs)
    reasons = ", ".join(f"{reason} {count}" for reason, count in kept.counts["reasons"].items())
    policy = POLICY if (student / POLICY).exists() else "vocabulary/policy.yaml"
    examples = []
    generator = Generator.load(student)
    for task, intents in WISHES:
        for words in (10, 20, 35):
            prompt = generator.generate(intents, task, words, seed=1)[0]
            examples.append(f"| {', '.join(intents)} | {task} | {words} | {prompt.prompt} |")
    adherence = (stages["evaluate"] / "adherence.md").read_text()
    return f"""# {generator.student.description.name}

The student that this version of Promptlet ships. Written by `scripts/ship.py` from the manifests of the run; the
recipe lies beside this file as `recipe.yaml`.

- **Model**: GPT-2, {size["n_layer"]} layers, {size["n_head"]} heads, {size["n_embd"]} wide,
  {size["vocab_size"]} tokens, {trained.counts["parameters"] / 1e6:.1f}M parameters, trained from scratch; weights here
  as GGUF, {exported.configuration["quantization"]}. Licence: Apache-2.0.
- **Teacher**: {teacher}
- **Data**: {asked.counts["prompts"] + asked.counts["rejected"]} {answers}; {kept.counts["prompts"]} pairs kept
  ({", ".join(f"{task} {count}" for task, count in sorted(per_task.items()))});
  {found["augment"].counts["samples"]} samples with those made in hindsight.
- **Rejected**: {reasons}; cut off or failed {asked.counts["rejected"]}.
- **Lengths** (words: pairs): {", ".join(f"{low}-{low + 4}: {count}" for low, count in sorted(lengths.items()))}.
- **Intents**: combinations from the packaged creative graph; 2% of them are held out for validation and 2% for the
  test below, by a hash of the combination.
- **Training**: {trained.counts["steps"]} steps of {trained.configuration["loop"]["batch"]} samples
  ({trained.configuration["loop"]["optimizer"]}), {trained.counts["tokens"] / 1e6:.1f}M tokens with repetition,
  {trained.counts["tokens per second"]} tokens/s, {trained.seconds / 60:.1f} minutes on {trained_on}.
  Best held-out loss {trained.counts["best held-out loss"]} per prompt token.

## Table 3 of the paper, on held-out combinations

95% bootstrap intervals. *Free*: the model alone; *exact*: the count is enforced while decoding, and of up to
{DRAWS} draws the best is taken. The paper calls its second row a mean square error; it only fits a mean absolute error.

{adherence}
## Examples

| intents | task | words | prompt (seed 1) |
|---|---|---|---|
{chr(10).join(examples)}

## Limits

A small teacher's pairings are sometimes odd, and so are its student's: things that do not belong together, a clause
that makes no sense, the more the longer the prompt. An intent may be left out, or said in other words. It has its
favourites (a corner, a wooden table, one small thing in the middle). English only. Denied words
(`{policy}`) were removed from the training data and are kept out of what is generated, as far as lists
and patterns go. Topics far from the creative graph are understood less well.
"""


if __name__ == "__main__":
    main()
