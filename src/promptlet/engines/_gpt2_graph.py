"""A GPT-2 as a graph for OpenVINO (Apache-2.0), from the GGUF that llama.cpp runs.

The weights keep their 4, 8 or 16 bits and are widened while they are multiplied. The keys and values of all places
live in the graph as states; a call says which rows of them it goes on with. Shapes: B rows, T tokens of a call, P
places, the T among them, W numbers of an embedding, V tokens of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from promptlet.errors import StudentError, one_line
from promptlet.extras import without

# Its tools for conversion tell Intel of every import, over the network (openvino_telemetry); nothing here needs them.
with without("openvino.tools.ovc"):
    import openvino
    from openvino import opset13 as ops

_EMBEDDED, _MASK, _ROWS = "embedded", "mask", "rows"
"""A call's inputs: [B, T, W] embeddings, [B, 1, T, P] zeros and minus infinities, [B] rows of the call before."""
_ARCHITECTURE = "gpt2"
Ints = NDArray[np.int64]
_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    # Weights of few bits are multiplied with activations of 8, each 32 with a scale of their own, as llama.cpp does it.
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 32,
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    # Shapes whose kernels are kept. They change with every token, and 5,000 of them (the default) take a gigabyte.
    "CPU_RUNTIME_CACHE_CAPACITY": 64,
}


class Compiled:
    """A student that computes: tokens go in, logarithms of probabilities of what comes next come out.

    It keeps the keys and values of what it read. In `seen_BTP` a token sees those places that are true.
    """

    def __init__(self, request: Any, embeddings: _Embeddings) -> None:
        self._request, self._embeddings = request, embeddings

    def begin(self, ids_BT: Ints, places_BT: Ints, padding_B1: Ints, *, at_once: bool) -> None:
        """Read rows of tokens, that many of which are padding, in one call or one token after the other."""
        self._request.reset_state()
        count, width = ids_BT.shape
        places = np.arange(width)
        # Padding sees itself, so that it stays a number.
        seen_BTT = ((places <= places[:, None]) & (places >= padding_B1[:, None])) | np.eye(width, dtype=bool)
        size = width if at_once else 1
        for first in range(0, width, size):
            part, end = slice(first, first + size), first + size
            self.go_on(ids_BT[:, part], places_BT[:, part], seen_BTT[:, part, :end], range(count))

    def go_on(
        self, ids_BT: Ints, places_BT: Ints, seen_BTP: NDArray[np.bool_], before: Iterable[int]
    ) -> NDArray[np.float32]:
        """Read more tokens, a row of them behind the row `before` of the call before.

        Returns: [B, V] logarithms of probabilities behind the last token, until the next call.
        """
        mask_B1TP = np.where(seen_BTP, np.float32(0), np.float32(-np.inf))[:, None]
        embedded_BTW = self._embeddings(ids_BT, places_BT)
        self._request.infer({_EMBEDDED: embedded_BTW, _MASK: mask_B1TP, _ROWS: np.array(list(before), dtype=np.int32)})
        found: NDArray[np.float32] = self._request.get_output_tensor(0).data
        return found


class _Embeddings:
    """The rows of tokens and of places, as they are stored."""

    def __init__(self, tokens: Any, places: NDArray[np.float32]) -> None:
        self._tokens, self._places = tokens, places

    def __call__(self, ids_BT: Ints, places_BT: Ints) -> NDArray[np.float32]:
        """Return [B, T, W] embeddings of tokens at places."""
        stored = np.array(self._tokens.data[ids_BT.ravel()])
        rows = gguf.quants.dequantize(stored, self._tokens.tensor_type).astype(np.float32)
        embedded_BTW: NDArray[np.float32] = rows.reshape(*ids_BT.shape, -1) + self._places[places_BT]
        return embedded_BTW


class _Reader(gguf.GGUFReader):  # type: ignore[misc] # has no types
    """Passes over lists: it would take a second for the names of the tokens, which are not needed here."""

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        if raw_type != gguf.GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        kind, count = int(self._get(orig_offs, np.uint32)[0]), int(self._get(orig_offs + 4, np.uint64)[0])
        end, stored = orig_offs + 12, memoryview(self.data)
        if kind == gguf.GGUFValueType.STRING:
            for _ in range(count):
                end += 8 + int.from_bytes(stored[end : end + 8], "little")
        else:
            end += count * np.dtype(self.gguf_scalar_to_np[gguf.GGUFValueType(kind)]).itemsize
        return end - orig_offs, [], [], [gguf.GGUFValueType.ARRAY]


def compile_student(weights: Path, threads: int, layers: int | None = None) -> Compiled:
    """Return the student of the GGUF file `weights`, ready to compute with so many threads.

    Args:
        weights: the file.
        threads: how many compute.
        layers: how many of its layers it shall have; None is all.

    Raises:
        StudentError: if the file holds another kind of model, or OpenVINO can't compile it.
    """
    reader = _Reader(weights)
    kind = reader.fields["general.architecture"].contents()
    if kind != _ARCHITECTURE:
        raise StudentError(f"{weights} holds a {kind}; the engine openvino runs {_ARCHITECTURE}; use llamacpp")
    setting = {name.removeprefix("gpt2."): field.contents for name, field in reader.fields.items()}
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    heads, width = setting["attention.head_count"](), setting["embedding_length"]()
    builder = _Builder(tensors, heads, width, setting["attention.layer_norm_epsilon"]())
    settings = _SETTINGS | {"INFERENCE_NUM_THREADS": threads}
    try:
        graph = builder.build(setting["block_count"]() if layers is None else layers)
        model = openvino.Core().compile_model(graph, "CPU", settings)
    except RuntimeError as error:
        raise StudentError(f"OpenVINO can't compile {weights}: {one_line(error)}") from error
    places = np.array(tensors["position_embd.weight"].data, dtype=np.float32)
    return Compiled(model.create_infer_request(), _Embeddings(tensors["token_embd.weight"], places))


class _Builder:
    """Puts the graph together."""

    def __init__(self, tensors: Mapping[str, Any], heads: int, width: int, epsilon: float) -> None:
        self._tensors, self._heads, self._width, self._epsilon = tensors, heads, width, epsilon
        self._embedded = ops.parameter(openvino.PartialShape([-1, -1, width]), openvino.Type.f32, name=_EMBEDDED)
        self._mask = ops.parameter(openvino.PartialShape([-1, 1, -1, -1]), openvino.Type.f32, name=_MASK)
        self._rows = ops.parameter(openvino.PartialShape([-1]), openvino.Type.i32, name=_ROWS)
        self._kept: list[Any] = []
        count = ops.gather(ops.shape_of(self._embedded, "i64"), _ints(0), _ints(0))
        nowhere = ops.concat([ops.unsqueeze(count, _ints(0)), _ints([heads, 0, width // heads])], 0)
        self._nothing = ops.broadcast(ops.constant(np.float32(0)), nowhere)

    def build(self, layers: int) -> Any:
        hidden = self._embedded
        for layer in range(layers):
            name = f"blk.{layer}"
            hidden = ops.add(hidden, self._attention(self._norm(hidden, f"{name}.attn_norm"), name))
            widened = ops.gelu(self._linear(self._norm(hidden, f"{name}.ffn_norm"), f"{name}.ffn_up"), "tanh")
            hidden = ops.add(hidden, self._linear(widened, f"{name}.ffn_down"))
        last = self._norm(ops.gather(hidden, _ints(-1), _ints(1)), "output_norm")
        chances = ops.log_softmax(self._linear(last, "token_embd"), 1)  # the same matrix reads and writes
        inputs = [self._embedded, self._mask, self._rows]
        return openvino.Model([ops.result(chances)], self._kept, inputs, "student")

    def _attention(self, hidden: Any, name: str) -> Any:
        query, key, value = ops.split(self._linear(hidden, f"{name}.attn_qkv"), _ints(2), 3).outputs()
        keys, values = (self._keep(each, f"{name}.{what}") for what, each in (("keys", key), ("values", value)))
        found = ops.scaled_dot_product_attention(self._by_head(query), keys, values, self._mask)
        joined = ops.reshape(ops.transpose(found, _ints([0, 2, 1, 3])), _ints([0, 0, self._width]), True)
        return self._linear(joined, f"{name}.attn_output")

    def _keep(self, new: Any, name: str) -> Any:
        """Put new keys or values behind those of the rows that go on; return all."""
        shape = openvino.PartialShape([-1, self._heads, -1, self._width // self._heads])
        before = ops.read_value(self._nothing, name, openvino.Type.f32, shape)
        all_places = ops.concat([ops.gather(before, self._rows, _ints(0)), self._by_head(new)], 2)
        self._kept.append(ops.assign(all_places, name))
        return all_places

    def _by_head(self, hidden: Any) -> Any:
        split = ops.reshape(hidden, _ints([0, 0, self._heads, self._width // self._heads]), True)
        return ops.transpose(split, _ints([0, 2, 1, 3]))

    def _norm(self, hidden: Any, name: str) -> Any:
        scaled = ops.multiply(
            ops.mvn(hidden, _ints([-1]), True, self._epsilon, "inside_sqrt"), self._floats(f"{name}.weight")
        )
        return ops.add(scaled, self._floats(f"{name}.bias"))

    def _linear(self, hidden: Any, name: str) -> Any:
        product = ops.matmul(hidden, _widened(self._tensors[f"{name}.weight"]), False, True)
        return ops.add(product, self._floats(f"{name}.bias")) if f"{name}.bias" in self._tensors else product

    def _floats(self, name: str) -> Any:
        return ops.constant(np.array(self._tensors[name].data, dtype=np.float32))


def _widened(tensor: Any) -> Any:
    """Return a matrix as a constant of its own precision and what widens it: OpenVINO makes one product of them."""
    rows, precision = tensor.data.shape[0], tensor.tensor_type
    if precision == gguf.GGMLQuantizationType.F16:
        return ops.convert(ops.constant(np.array(tensor.data)), "f32")
    block, size = gguf.GGML_QUANT_SIZES[precision]
    stored = np.array(tensor.data).reshape(rows, -1, size)
    scales, numbers = stored[..., :2].copy().view(np.float16), stored[..., 2:].copy()
    if precision == gguf.GGMLQuantizationType.Q8_0:
        signed = ops.convert(ops.constant(numbers.view(np.int8)), "f16")
    else:
        assert precision == gguf.GGMLQuantizationType.Q4_0, precision
        signed = ops.subtract(ops.convert(_four_bits(numbers), "f16"), ops.convert(ops.constant(np.uint8(8)), "f16"))
    matrix = ops.reshape(ops.multiply(signed, ops.constant(scales)), _ints([rows, stored.shape[1] * block]), False)
    return ops.convert(matrix, "f32")


def _four_bits(stored: NDArray[np.uint8]) -> Any:
    """Return numbers of four bits, two a byte, as OpenVINO has them: neighbours share a byte.

    A block of GGUF holds its first half in the lower bits and its second in the upper ones.
    """
    rows, groups, size = stored.shape
    even, odd = stored[..., ::2], stored[..., 1::2]
    tensor = openvino.Tensor(openvino.Type.u4, openvino.Shape([rows, groups, 2 * size]))
    halves = tensor.data.reshape(rows, groups, 2, size // 2)
    halves[..., 0, :] = (even & 15) | (odd << 4)
    halves[..., 1, :] = (even >> 4) | (odd & 240)
    return ops.constant(tensor)


def _ints(values: int | list[int]) -> Any:
    return ops.constant(np.array(values, dtype=np.int64))
