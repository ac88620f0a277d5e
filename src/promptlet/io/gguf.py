"""GGUF files: rewriting a model's weights in another precision (package `gguf`, MIT)."""

from __future__ import annotations

from pathlib import Path

from promptlet.extras import needing
from promptlet.io.atomic import replacing

_Q8_0_FILE_TYPE = 7  # llama.cpp's number for "mostly Q8_0"


def widen(source: Path, target: Path) -> Path:
    """Write an 8-bit (Q8_0) copy of the GGUF `source` to `target` unless it is there; return `target`.

    Every 4-bit value is one that 8 bits represent almost exactly, so the answers stay; vectors stay as they are.
    """
    if target.exists():
        return target
    with needing("the embedded teacher", "distill"):
        import gguf
    reader = gguf.GGUFReader(source)
    with replacing(target) as temporary:
        writer = gguf.GGUFWriter(temporary, reader.fields["general.architecture"].contents())
        for key, field in reader.fields.items():
            if key.startswith("GGUF.") or key == "general.architecture":
                continue
            value = _Q8_0_FILE_TYPE if key == "general.file_type" else field.contents()
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(key, value, field.types[0], sub_type=field.types[-1] if is_array else None)
        for tensor in reader.tensors:
            if len(tensor.shape) == 1:
                writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
                continue
            weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            eight = gguf.quants.quantize(weights, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(tensor.name, eight, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return target
