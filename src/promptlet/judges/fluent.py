"""The local judge of evaluations: the embedding judge, and how well each prompt reads to SmolLM2-135M-Instruct.

Coverage and likeness can't tell a text from the same words in another order; a language model can (AUC 0.98 between
hand-written prompts and the same shuffled). It reads each prompt alone, so any system's prompts compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

from promptlet.errors import PromptletError
from promptlet.judges.base import Judge, Scores
from promptlet.judges.embedding import Embedding, scale, weigh
from promptlet.pretrained import load_pretrained, packaged_model
from promptlet.types import Sample

_BROKEN, _PLAIN = -8.5, -5.0
"""Mean log-probabilities of a prompt's tokens that make the lowest and the highest fluency."""
_BATCH = 16
_IGNORED = -100


class Reader:
    """Says how likely texts are to a language model."""

    def __init__(self, path: Path) -> None:
        """Load the model in a GGUF file or a folder.

        Raises:
            PromptletError: if there is none.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._tokenizer = load_pretrained(AutoTokenizer, path, PromptletError)
        self._model: Any = load_pretrained(AutoModelForCausalLM, path, PromptletError, dtype=torch.float32).eval()

    def likelihoods(self, texts: Sequence[str]) -> list[float]:
        """Return the mean log-probability of each text's tokens, 0 for a text without any."""
        found = [0.0] * len(texts)
        ids = [[self._tokenizer.bos_token_id, *self._tokenizer(text)["input_ids"]] for text in texts]
        # Texts of about one length are read together, so little is read in vain.
        places = sorted((index for index in range(len(texts)) if len(ids[index]) > 1), key=lambda each: len(ids[each]))
        for start in range(0, len(places), _BATCH):
            batch = places[start : start + _BATCH]
            for index, value in zip(batch, self._read([ids[each] for each in batch]), strict=True):
                found[index] = value
        return found

    def _read(self, ids: Sequence[Sequence[int]]) -> list[float]:
        import torch
        from torch.nn.functional import cross_entropy

        longest = max(map(len, ids))
        # What follows a text changes nothing in it, so it needs no mask.
        read_BT = torch.tensor([[*each, *[0] * (longest - len(each))] for each in ids])
        next_BT = torch.tensor([[*each[1:], *[_IGNORED] * (longest - len(each))] for each in ids])
        with torch.inference_mode():
            logits_BTV = self._model(read_BT).logits[:, :-1]
            losses_BT = cross_entropy(logits_BTV.transpose(1, 2), next_BT, ignore_index=_IGNORED, reduction="none")
        sums: list[float] = losses_BT.sum(1).tolist()
        return [-total / (len(each) - 1) for total, each in zip(sums, ids, strict=True)]


class Fluent(Judge):
    """Scores `coverage`, `likeness` and `fluency`."""

    def __init__(self, embedding: Embedding, reader: Reader) -> None:
        self._embedding, self._reader = embedding, reader

    @classmethod
    def require(cls) -> None:
        Embedding.require()
        packaged_model(PromptletError)

    @classmethod
    def open(cls, graph: Path | None = None) -> Self:
        return cls(Embedding.open(graph), _packaged_reader())

    def judge(self, samples: Sequence[Sample]) -> list[Scores]:
        parts = self._embedding.parts(samples)
        texts = list(dict.fromkeys(sample.prompt for sample in samples))
        read = dict(zip(texts, self._reader.likelihoods(texts), strict=True))
        return [
            weigh(each | {"fluency": scale(read[sample.prompt], _BROKEN, _PLAIN)})
            for sample, each in zip(samples, parts, strict=True)
        ]


@cache
def _packaged_reader() -> Reader:
    return Reader(packaged_model(PromptletError))


JUDGE = Fluent
