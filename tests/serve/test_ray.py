"""The Ray Serve application, on this machine's cores."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest

from promptlet.errors import UsageError
from promptlet.generation import Generator
from promptlet.serve.ray_app import Arguments, build

KEY = "a-key-of-enough-length"


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import ray
    from ray import serve

    monkeypatch.setenv("PROMPTLET_API_KEYS", KEY)
    ray.shutdown()  # the runner's tests may have left theirs in this process
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": 8799})
    serve.run(build(Arguments(replicas=2)), route_prefix="/")
    yield "http://127.0.0.1:8799"
    serve.shutdown()
    ray.shutdown()


@pytest.mark.long
def test_replicas_give_what_the_generator_gives(address: str, shipped: Generator) -> None:
    order = {"intents": "a calm lake", "words": 9, "seed": 3, "n": 2}
    expected = [each.prompt for each in shipped.generate("a calm lake", words=9, seed=3, n=2)]
    with httpx.Client(base_url=address, timeout=180) as client:
        assert client.post("/v1/prompts", json=order).status_code == 401
        client.headers["Authorization"] = f"Bearer {KEY}"
        for _ in range(6):
            prompts = client.post("/v1/prompts", json=order).json()["prompts"]
            assert [each["prompt"] for each in prompts] == expected
        assert "event: done" in client.post("/v1/prompts", json=order | {"stream": True}).text
        assert client.get("/").status_code == 200
        assert client.get("/readyz").status_code == 200


def test_without_keys_it_must_be_said_that_none_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMPTLET_API_KEYS", raising=False)
    with pytest.raises(UsageError, match="API keys are needed"):
        build(Arguments())


def test_a_replica_has_the_defaults_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTLET_API_KEYS", KEY)
    deployment = build(Arguments(threads=3))._bound_deployment
    # Four requests per thread, those that may wait, and room for those that are refused.
    assert deployment.max_ongoing_requests == 4 * 3 + 64 + 64
    with pytest.raises(UsageError, match="rate is '0/minute'"):
        build(Arguments(rate="0/minute"))
