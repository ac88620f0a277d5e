"""Writing in batches with a shared prefix gives what transformers gives row by row."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from promptlet.batch_decoding.decoder import BatchDecoder
from promptlet.batch_decoding.sampling import RowSampler, TokenSampling

VOCABULARY, STOP = 97, 0
GREEDY = TokenSampling(temperature=0)


def make(kind: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        sizes = {"vocab_size": VOCABULARY, "bos_token_id": 1, "eos_token_id": STOP}
        if kind == "gpt2":
            return GPT2LMHeadModel(GPT2Config(n_layer=2, n_head=4, n_embd=32, n_positions=128, **sizes)).eval()
        config = LlamaConfig(
            num_hidden_layers=2,
            num_attention_heads=6,
            num_key_value_heads=2,
            hidden_size=48,
            intermediate_size=64,
            **sizes,
        )
        return LlamaForCausalLM(config).eval()


MODELS = {kind: make(kind) for kind in ("gpt2", "llama")}
DECODERS = {kind: BatchDecoder(make(kind), [STOP]) for kind in MODELS}


def test_rows_of_all_lengths_may_write_up_to_the_last_position() -> None:
    model = make("gpt2")
    prompts = [[4] * 126, *[[2, 3]] * 15]
    limits = [model.config.n_positions - len(prompt) for prompt in prompts]
    written = list(BatchDecoder(model, [STOP]).write(prompts, limits, range(len(prompts)), GREEDY))
    assert sorted(row.row for row in written) == list(range(len(prompts)))
    assert all(len(row.tokens) <= limits[row.row] for row in written)


def alone(kind: str, prompt: list[int], limit: int) -> tuple[list[int], float]:
    """Return what transformers itself writes after a prompt, the likeliest token each time, and its likelihood."""
    written: list[int] = []
    likelihoods: list[float] = []
    with torch.inference_mode():
        while len(written) < limit:
            likelihood = MODELS[kind](torch.tensor([prompt + written])).logits[0, -1].log_softmax(0)
            token = int(likelihood.argmax())
            likelihoods.append(float(likelihood[token]))
            if token == STOP:
                break
            written.append(token)
    return written, sum(likelihoods) / len(likelihoods)


@pytest.mark.parametrize("kind", list(MODELS))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_rows_of_a_batch_are_what_each_row_is_alone(kind: str, data: st.DataObject) -> None:
    tokens = st.integers(1, VOCABULARY - 1)
    prefix = data.draw(st.lists(tokens, max_size=12))
    rows = data.draw(st.lists(st.lists(tokens, min_size=1, max_size=9), min_size=1, max_size=7))
    limits = data.draw(st.lists(st.integers(1, 12), min_size=len(rows), max_size=len(rows)))
    prompts = [prefix + row for row in rows]
    found = {w.row: w for w in DECODERS[kind].write(prompts, limits, [0] * len(rows), GREEDY)}
    for row, (prompt, limit) in enumerate(zip(prompts, limits, strict=True)):
        tokens, likelihood = alone(kind, prompt, limit)
        assert found[row].tokens == tokens
        assert found[row].likelihood == pytest.approx(likelihood, abs=1e-4)
        assert found[row].ended == (len(tokens) < limit)


def test_only_allowed_tokens_are_written() -> None:
    allowed = [STOP, 5, 6, 7]
    decoder = BatchDecoder(make("gpt2"), [STOP], allowed)
    rows = list(decoder.write([[9, seed] for seed in range(1, 9)], [10] * 8, range(8), TokenSampling()))
    assert {token for row in rows for token in row.tokens} <= {5, 6, 7}
    assert len({tuple(row.tokens) for row in rows}) > 1


def test_the_same_seeds_write_the_same_and_other_seeds_other_things() -> None:
    def write(seed: int) -> list[int]:
        return next(iter(DECODERS["llama"].write([[3, 4]], [12], [seed], TokenSampling()))).tokens

    assert write(1) == write(1)
    assert len({tuple(write(seed)) for seed in range(8)}) > 4


def test_drawing_follows_the_probabilities() -> None:
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])
    rows = 4000
    none = torch.zeros(rows, 0, dtype=torch.long)

    def draw(**how: Any) -> list[float]:
        sampler = RowSampler(range(rows), TokenSampling(**how))
        drawn = sampler.draw(shares.log().expand(rows, -1).clone(), none)
        return [round(float((drawn == token).float().mean()), 3) for token in range(4)]

    assert draw() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    assert draw(min_p=0.2) == pytest.approx([0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0], abs=0.03)
    assert draw(top_p=0.6) == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    assert draw(top_k=1) == [1, 0, 0, 0]
    assert draw(temperature=0.5)[0] == pytest.approx(0.25 / 0.365, abs=0.03)


def test_no_run_is_written_twice() -> None:
    sampling = TokenSampling(no_repeat=2, temperature=0.2)
    for row in DECODERS["gpt2"].write([[3, n] for n in range(1, 9)], [40] * 8, range(8), sampling):
        pairs = list(zip(row.tokens, row.tokens[1:], strict=False))
        assert len(set(pairs)) == len(pairs)


def test_a_penalty_makes_repetition_rarer() -> None:
    def kinds(penalty: float) -> int:
        sampling = TokenSampling(repeat_penalty=penalty, temperature=0)
        return len(set(next(iter(DECODERS["gpt2"].write([[3, 4]], [30], [1], sampling))).tokens))

    assert kinds(1.5) > kinds(1.0)
