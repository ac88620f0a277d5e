"""How fast students write: promptlet's engines, in every precision, beside the peers, in one run.

python benchmarks/generation.py STUDENT... [--openvino FOLDER...] [--repeats 5] [--markdown FILE] [--json FILE]

A STUDENT is an exported folder (`promptlet run`, or scripts/random_student.py). All write the same number of tokens
behind the same head with the same threads; what exact mode costs is told beside a free text of as many tokens. "4
suggestions" are 4 prompts of exactly 20 words, of one draw each; the peers can't count words and write
`SUGGESTED_TOKENS` tokens for each instead. An OpenVINO FOLDER is what `optimum-cli export openvino --weight-format
int8` made of the first student, in an environment of its own; its name is shown.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from promptlet.cores import usable_cores
from promptlet.errors import PromptletError
from promptlet.extras import without
from promptlet.io.atomic import write_json, write_text
from promptlet.speed.contenders import Contender, OurEngine, Writer, head_ids
from promptlet.speed.machine import machine_facts, read_bandwidth
from promptlet.speed.measuring import SUGGEST, Measured, batch, measure
from promptlet.speed.report import table, values
from promptlet.student.format import GGUF, QUANTIZATIONS, TOKENIZER, WEIGHTS, load_student, write_description
from promptlet.tokenizer import END

SUGGESTED_TOKENS = 28
"""What 20 words take the shipped student, about."""
ON_GGUF = ("llamacpp", "openvino")
"""Engines that compute with the precision that a student was exported in."""


def main() -> None:
    """Print a table per student and which goals are reached; keep them as Markdown and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("students", type=Path, nargs="+")
    parser.add_argument("--openvino", type=Path, nargs="*", default=[])
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--starts", type=int, default=2)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    facts, bandwidth = machine_facts(), read_bandwidth(arguments.threads)
    told = ", ".join(f"{name} {fact}" for name, fact in facts.items())
    page = [
        "# How fast students write",
        "Written by `benchmarks/generation.py`; what is measured stands at its head. Medians, and in brackets what 95% "
        "of the repeats kept to.",
        f"{told}; reads {bandwidth / 1e9:.1f} GB/s; {arguments.tokens} tokens per text, {arguments.repeats} repeats, "
        f"{arguments.threads} threads.",
    ]
    kept = {}
    for index, folder in enumerate(arguments.students):
        with tempfile.TemporaryDirectory() as work:
            contenders = [
                *ours(folder, Path(work), arguments.threads),
                Transformers("transformers generate, fp32", folder, arguments.threads),
                CTranslate2("CTranslate2 int8", folder, arguments.threads, Path(work) / "ct2"),
                *(
                    OpenVino(f"OpenVINO GenAI, {converted.name}", folder, arguments.threads, converted)
                    for converted in (arguments.openvino if index == 0 else ())
                ),
            ]
            found = measure(contenders, arguments.tokens, arguments.repeats, arguments.starts)
        name = load_student(folder).description.name
        page += [f"## {name}", table(found, bandwidth), goals(found)]
        kept[name] = values(found, bandwidth, facts)
        print("\n\n".join(page[-3:]), flush=True)
    if arguments.markdown:
        write_text(arguments.markdown, "\n\n".join(page) + "\n")
    if arguments.json:
        write_text(arguments.json, json.dumps(kept, indent=1) + "\n")


def ours(folder: Path, work: Path, threads: int) -> list[OurEngine]:
    """Return llamacpp and openvino with every precision of the student's weights, and torch."""
    from promptlet.student.gguf import write_gguf

    found: list[OurEngine] = []
    description = load_student(folder).description
    for quantization in QUANTIZATIONS:
        copy = work / quantization
        copy.mkdir()
        for name in description.digests.keys() - {GGUF}:
            (copy / name).symlink_to((folder / name).resolve())
        write_gguf(folder, folder / TOKENIZER, copy / GGUF, quantization)
        written = description.model_copy(update={"quantization": quantization})
        write_description(copy, written, description.digests)
        found += [OurEngine(f"promptlet {name}, {quantization}", name, copy, threads, judged=False) for name in ON_GGUF]
    found.sort(key=lambda each: ON_GGUF.index(each.engine))
    return [*found, OurEngine("promptlet torch, fp32", "torch", folder, threads, judged=False)]


@dataclass(frozen=True)
class Peer(Contender):
    """Another library with the student's weights."""

    name: str
    folder: Path
    threads: int

    @property
    def weights(self) -> int:  # type: ignore[override]
        return (self.folder / WEIGHTS).stat().st_size

    def require(self, module: str) -> None:
        if find_spec(module) is None:
            raise PromptletError(f"{module} is not installed")


class PeerWriter(Writer):
    """Writes without counting words."""

    def __init__(self, contender: Peer) -> None:
        student = load_student(contender.folder)
        self.head = head_ids(student)
        self.names = [student.codec.tokenizer.id_to_token(index) for index in self.head]
        self.end, self.most = student.codec.end_id, student.description.context - len(self.head)

    def suggest(self, prompts: int, seed: int) -> int:
        return self.write(prompts, SUGGESTED_TOKENS, seed)


class Transformers(Peer):
    def open(self) -> Writer:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        torch.set_num_threads(self.threads)
        model = AutoModelForCausalLM.from_pretrained(self.folder, local_files_only=True, dtype=torch.float32).eval()

        class Generate(PeerWriter):
            def write(self, heads: int, tokens: int, seed: int) -> int:
                torch.manual_seed(seed)
                ids = torch.tensor([self.head] * heads)
                length = min(tokens, self.most)
                with torch.inference_mode():
                    out = model.generate(
                        ids,
                        attention_mask=torch.ones_like(ids),
                        do_sample=True,
                        temperature=0.8,
                        top_k=0,
                        min_p=0.1,
                        min_new_tokens=length,
                        max_new_tokens=length,
                        pad_token_id=self.end,
                        use_cache=True,
                    )
                return int(out[:, len(self.head) :].numel())

        return Generate(self)


@dataclass(frozen=True)
class CTranslate2(Peer):
    converted: Path

    @property
    def weights(self) -> int:  # type: ignore[override]
        return super().weights // 4

    def open(self) -> Writer:
        self.require("ctranslate2")
        import ctranslate2

        if not self.converted.exists():
            converter = ctranslate2.converters.TransformersConverter(str(self.folder))
            converter.convert(str(self.converted), quantization="int8")
            settings = json.loads((self.converted / "config.json").read_text())
            write_json(self.converted / "config.json", settings | {"unk_token": END})  # it must have one
        generator = ctranslate2.Generator(
            str(self.converted), device="cpu", compute_type="int8", intra_threads=self.threads
        )

        class Generate(PeerWriter):
            def write(self, heads: int, tokens: int, seed: int) -> int:
                ctranslate2.set_random_seed(seed)
                length = min(tokens, self.most)
                results = generator.generate_batch(
                    [self.names] * heads,
                    max_length=length,
                    min_length=length,
                    sampling_topk=0,
                    sampling_temperature=0.8,
                    include_prompt_in_result=False,
                    cache_static_prompt=False,
                )
                return sum(len(result.sequences_ids[0]) for result in results)

        return Generate(self)


@dataclass(frozen=True)
class OpenVino(Peer):
    converted: Path

    @property
    def weights(self) -> int:  # type: ignore[override]
        return (self.converted / "openvino_model.bin").stat().st_size

    def open(self) -> Writer:
        self.require("openvino_genai")
        import numpy as np

        with without("openvino.tools.ovc"):  # it tells Intel of the import
            import openvino
            import openvino_genai

        pipeline = openvino_genai.LLMPipeline(str(self.converted), "CPU", INFERENCE_NUM_THREADS=self.threads)

        class Generate(PeerWriter):
            def write(self, heads: int, tokens: int, seed: int) -> int:
                ids = np.array([self.head] * heads, dtype=np.int64)
                length = min(tokens, self.most)
                config = openvino_genai.GenerationConfig(
                    max_new_tokens=length, min_new_tokens=length, ignore_eos=True, do_sample=True
                )
                config.temperature, config.rng_seed = 0.8, seed
                inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
                return sum(map(len, pipeline.generate(inputs, config).tokens))

        return Generate(self)


def goals(found: list[Measured]) -> str:
    """Return what of the goals is reached, by the fastest precision; a goal that is missed is shown as missed."""
    rates = {each.name: rate for each in found if (rate := each.rate(batch(1))) is not None}
    name = max((each for each in rates if "llamacpp" in each), key=rates.__getitem__)
    best = next(each for each in found if each.name == name)
    checks: list[tuple[str, float, bool]] = []
    for peer, wanted in (("transformers generate, fp32", 6), ("CTranslate2 int8", 3)):
        if peer in rates:
            times = rates[name] / rates[peer]
            checks.append((f"times {peer} at batch 1 (goal: {wanted} or more)", times, times >= wanted))
    cost, seconds, tokens = best.exact_cost, best.seconds(SUGGEST), median(each for _, each in best.samples[SUGGEST])
    assert cost is not None
    assert seconds is not None
    checks.append(("share of its speed that exact mode costs (goal: 0.15 or less)", cost, cost <= 0.15))
    checks.append(
        (f"seconds for {SUGGEST} of 20 words, {tokens:.0f} tokens (goal: 0.8 or less)", seconds, seconds <= 0.8)
    )
    lines = [f"- {value:.3g} {what}: {'reached' if reached else '**missed**'}" for what, value, reached in checks]
    return "\n".join([f"Goals, by {name}:", "", *lines])


if __name__ == "__main__":
    main()
