"""Stage 9, export: the student's folder - Hugging Face model, GGUF, tokenizer, description, model card."""

from __future__ import annotations

import json
import shutil
from typing import Any

from pydantic import field_validator

from promptlet.extras import needing, require
from promptlet.io.atomic import replacing_folder
from promptlet.io.manifest import Manifest
from promptlet.registry import unknown
from promptlet.stages.base import CommonConfig, Context, Stage, StageConfig
from promptlet.stages.tokenize import CONTROLS
from promptlet.student.format import (
    GGUF,
    POLICY,
    QUANTIZATIONS,
    TOKENIZER,
    WEIGHTS,
    WORDS_FILE,
    Description,
    write_description,
    write_tokenizer_config,
)
from promptlet.student.names import MODEL
from promptlet.vocabulary import load_policy

STUDENT = "student"


class ExportConfig(StageConfig):
    """What the student is called and how its weights are stored for CPUs."""

    name: str = "student"
    """What the student is called, in its folder and by the server."""
    quantization: str = "Q8_0"
    """Of the GGUF: F16, Q8_0 or Q4_0."""

    @field_validator("quantization")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in QUANTIZATIONS:
            raise ValueError(unknown("quantization", name, QUANTIZATIONS))
        return name


class ExportStage(Stage):
    """Writes a folder that transformers, llama.cpp and promptlet load as it is."""

    name = "export"
    inputs = ("improve", "train", "tokenize")
    uses = ("policy",)
    Config = ExportConfig

    def require(self, config: ExportConfig, common: CommonConfig) -> None:  # noqa: ARG002
        require("export", "train", "gguf", "safetensors")

    def run(self, config: ExportConfig, context: Context) -> dict[str, Any]:
        with needing("export", "train"):
            from promptlet.student.gguf import write_gguf
        model, source = context.inputs["improve"] / MODEL, context.inputs["tokenize"]
        controls = json.loads((source / CONTROLS).read_text(encoding="utf-8"))
        trained = Manifest.read(context.inputs["train"])
        assert trained is not None, model
        most = trained.counts["context"]
        with replacing_folder(context.folder / STUDENT) as folder:
            shutil.copytree(model, folder, dirs_exist_ok=True)
            for name in (TOKENIZER, WORDS_FILE):
                shutil.copy(source / name, folder / name)
            write_tokenizer_config(folder, most)
            write_gguf(model, folder / TOKENIZER, folder / GGUF, config.quantization)
            files = [GGUF, TOKENIZER, WORDS_FILE, "config.json", WEIGHTS]
            if context.common.policy is not None:
                load_policy(context.common.policy).write(folder / POLICY)
                files.append(POLICY)
            precision = config.quantization
            description = Description(name=config.name, context=most, quantization=precision, digests={}, **controls)
            write_description(folder, description, files)
            return {f"{path.name} bytes": path.stat().st_size for path in (folder / GGUF, folder / WEIGHTS)}


STAGE = ExportStage
