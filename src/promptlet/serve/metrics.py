"""Metrics for Prometheus, at /metrics. Labels are routes, methods and statuses, never what a client wrote."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from promptlet.generation import Prompt
from promptlet.serve.request_queue import RequestQueue

_SECOND_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TOKEN_SECOND_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self, queue: RequestQueue) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "promptlet_requests", "Requests that were answered.", ["route", "method", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "promptlet_request_seconds",
            "From a request's beginning until its answer was sent to the end, or its client had gone.",
            ["route"],
            buckets=_SECOND_BUCKETS,
            registry=self.registry,
        )
        self.time_to_first_prompt = Histogram(
            "promptlet_time_to_first_token_seconds",
            "From a request's beginning, its wait included, until its first prompt was chosen; in a batch, until its "
            "first request that does not fail was done.",
            buckets=_SECOND_BUCKETS,
            registry=self.registry,
        )
        self.time_per_token = Histogram(
            "promptlet_time_per_token_seconds",
            "Of each round of texts that the engine drew together, its time per token.",
            buckets=_TOKEN_SECOND_BUCKETS,
            registry=self.registry,
        )
        self.tokens = Counter(
            "promptlet_tokens",
            "Tokens of all texts that were drawn to their end, also for requests that failed or were given up.",
            registry=self.registry,
        )
        self.prompts = Counter("promptlet_prompts", "Prompts that were given out.", ["task"], registry=self.registry)
        self.adherence = Histogram(
            "promptlet_adherence",
            "By how much prompts that were given out miss what was asked of a command.",
            ["command"],
            buckets=(0, 1, 2, 3, 5, 10),
            registry=self.registry,
        )
        running = Gauge("promptlet_running", "Requests that are worked on.", registry=self.registry)
        running.set_function(lambda: queue.running)
        waiting = Gauge("promptlet_waiting", "Requests that wait for their turn.", registry=self.registry)
        waiting.set_function(lambda: queue.waiting)

    def count_prompt(self, prompt: Prompt) -> None:
        """Count a prompt that is given out."""
        self.prompts.labels(prompt.task).inc()
        for command, missed in prompt.adherence.items():
            self.adherence.labels(command).observe(abs(missed))

    def count_tokens(self, tokens: int, seconds: float) -> None:
        """Count the tokens of texts that the engine drew together, and their time."""
        self.tokens.inc(tokens)
        self.time_per_token.observe(seconds / max(1, tokens))

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
