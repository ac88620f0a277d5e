"""A small review, and the page of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from promptlet.review.app import make_app
from promptlet.review.creating import ReviewSettings, create_review
from promptlet.review.store import Store

Write = Callable[..., Path]


@dataclass
class Review:
    """A review with the access codes of its reviewers."""

    store: Store
    codes: dict[str, str]

    def header(self, name: str) -> dict[str, str]:
        """Return what a request of the reviewer carries."""
        return {"Authorization": f"Bearer {self.codes[name]}"}


@pytest.fixture
def write_prompts(tmp_path: Path) -> Write:
    """Write prompts as `promptlet generate --output` does, each of a wish of its own."""

    def write(system: str, count: int = 4) -> Path:
        path = tmp_path / f"{system}.jsonl"
        rows = [
            {
                "line": line,
                "prompts": [
                    {
                        "prompt": f"{system} draws a kite over hill {line}",
                        "task": "t2i",
                        "intents": [f"Topic: kite {line}", "Mood: calm"],
                        "relevance": line / 10,
                    }
                ],
            }
            for line in range(1, count + 1)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def review(tmp_path: Path, write_prompts: Write) -> Review:
    """Two systems with four prompts each, two checks, two reviewers who both rate everything."""
    systems = {name: write_prompts(name) for name in ("north", "south")}
    return Review(*create_review(tmp_path / "review.db", ReviewSettings(systems, per_item=2, checks=2), ["Ann", "Bob"]))


@pytest.fixture
def address(review: Review) -> Iterator[str]:
    """Where the page of `review` is served; an access code goes behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(make_app(review.store), log_level="warning"))
        thread = Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/#"
        server.should_exit = True
        thread.join()
