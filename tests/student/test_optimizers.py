"""Optimizers: which weights they get, and how far a step moves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.student.test_training import END, fresh_model, make_data, read_metrics, run_training, with_options
from torch.utils._python_dispatch import TorchDispatchMode

from promptlet.student.config import PRESETS
from promptlet.student.data import make_batch
from promptlet.student.optimizers import make_optimizers

ONE_STEP = {"steps": 1, "warmup": 0, "batch": 60, "learning_rate": 0.1, "weight_decay": 0.0, "previews": 0}


def test_every_parameter_has_one_optimizer_and_muon_gets_the_matrices_inside() -> None:
    model = fresh_model()
    muon, adamw = make_optimizers(model, with_options(optimizer="muon"))
    inside = [id(p) for group in muon.param_groups for p in group["params"]]
    others = [id(p) for group in adamw.param_groups for p in group["params"]]
    assert sorted(inside + others) == sorted(id(p) for p in model.parameters())
    names = {name for name, p in model.named_parameters() if id(p) in inside}
    assert len(names) == 4 * PRESETS["tiny"].layers
    assert all(".h." in name and name.endswith("weight") for name in names)


def test_muon_makes_updates_orthogonal_and_computes_in_no_bfloat16_on_a_cpu() -> None:
    seen: set[torch.dtype] = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            seen.update(each.dtype for each in [result] if isinstance(each, torch.Tensor))
            return result

    model = fresh_model()
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    matrix = model.transformer.h[0].mlp.c_fc.weight
    before, gradient = matrix.detach().clone(), matrix.grad.clone()
    muon = make_optimizers(model, with_options(optimizer="muon", weight_decay=0))[0]
    with Watch():
        muon.step()
    assert seen == {torch.float32}
    values = torch.linalg.svdvals(matrix.detach() - before)
    assert values[0] < 2 * values[-1]  # those of the gradient are far apart
    assert torch.linalg.svdvals(gradient)[0] > 2 * torch.linalg.svdvals(gradient)[-1]
    assert torch.equal(matrix.grad, gradient)


def moved(folder: Path, **options: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return a model's weights and their gradients before one step of all samples, and the weights after it."""
    model, data = fresh_model(dropout=0.0), make_data(60, 1)
    batch = make_batch(data, np.arange(60), END)
    logits = model(batch.ids_BT).logits.flatten(0, 1)[batch.places_N]
    torch.nn.functional.cross_entropy(logits, batch.targets_N).backward()
    before = {name: (p.detach().clone(), p.grad.clone()) for name, p in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    run_training(folder, with_options(**(ONE_STEP | options)), model)
    return before, {name: p.detach() for name, p in model.named_parameters()}


def test_weight_decay_shrinks_matrices_and_no_others(tmp_path: Path) -> None:
    before, plain = moved(tmp_path / "plain")
    _, decayed = moved(tmp_path / "decayed", weight_decay=0.5)
    dimensions = set()
    for name, (weights, _) in before.items():
        dimensions.add(weights.dim())
        lost = weights * 0.1 * 0.5 if weights.dim() >= 2 else torch.zeros_like(weights)
        assert torch.allclose(plain[name] - decayed[name], lost, atol=1e-6), name
    assert dimensions == {1, 2}


def test_a_gradient_above_the_clip_is_made_as_long_as_it_and_another_one_is_left(tmp_path: Path) -> None:
    """AdamW divides a first gradient by its size and 1e-8: small enough ones move weights by how large they are."""
    for clip in (1e-6, 1e6):
        before, after = moved(tmp_path / str(clip), clip=clip)
        norm = torch.stack([gradient.norm() for _, gradient in before.values()]).norm().item()
        assert 1e-3 < norm < 1e3
        assert read_metrics(tmp_path / str(clip))[0]["norm"] == pytest.approx(norm, rel=1e-3)
        for name, (weights, gradient) in before.items():
            clipped = gradient * min(1.0, clip / norm)
            expected = weights - 0.1 * clipped / (clipped.abs() + 1e-8)
            assert torch.allclose(after[name], expected, rtol=0, atol=2e-3), (clip, name)
