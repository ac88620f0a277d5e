"""What evaluations share: what the local judge's language model said of a text, which is the same in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from promptlet.judges.fluent import Reader


@pytest.fixture(scope="session", autouse=True)
def remembered() -> Iterator[None]:
    """Let the model read each text once, for evaluations of the same wishes judge the same anchors and prompts."""
    read, known = Reader.likelihoods, dict[str, float]()

    def likelihoods(reader: Reader, texts: Sequence[str]) -> list[float]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, read(reader, new), strict=True))
        return [known[text] for text in texts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "likelihoods", likelihoods)
        yield
