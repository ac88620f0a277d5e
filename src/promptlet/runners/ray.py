"""The runner for a cluster: Ray Data spreads tables and requests over its workers, with back-pressure.

The cluster is the one that RAY_ADDRESS names, else a Ray of this machine. Workers read the shards themselves: the run's
folder must be on storage that all of them see, and Promptlet installed where they run. The vLLM teacher goes through
Ray Data LLM, which owns the GPUs; a teacher over HTTP gets a client on every worker.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from promptlet.errors import PromptletError, RunError, TeacherError, UsageError, one_line
from promptlet.extras import needing
from promptlet.io.records import shards
from promptlet.runners.base import ROWS_PER_TABLE, Function, Reply, Result, Run, Runner
from promptlet.runners.local import Local
from promptlet.teachers.base import Answer, Teacher, TeacherConfig, TeacherRequest
from promptlet.teachers.vllm import VLLM, sampling

_TABLE_BYTES = 8 << 20
"""Size of the tables that workers hand over; Ray's default of 128 MiB keeps the driver waiting."""
_PORTION = 200_000
"""Requests that lie in Ray's object store at a time, some 300 MB."""
_RUNS_PER_THREAD = 8
"""Runs in a worker's task for each of its threads: while the last of them end, other threads have nothing to do."""
_REPLY_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("error", pa.string()),
        ("text", pa.string()),
        ("finished", pa.bool_()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
    ]
)


class Ray(Runner):
    """Workers of a Ray cluster."""

    name = "ray"

    def __init__(self) -> None:
        self._ray = _connect()

    def map(self, function: Function, folder: Path, stem: str = "data") -> Iterator[pa.Table]:
        groups = [
            {"path": str(path.resolve()), "group": group}
            for path in shards(folder, stem)
            for group in range(pq.read_metadata(path).num_row_groups)
        ]
        with self._settings(_TABLE_BYTES, in_order=True), _one_line():
            # Read here instead of by ray.data.read_parquet, whose threads trip over each other's imports (Ray 2.60).
            tables = self._ray.data.from_items(groups, override_num_blocks=max(1, len(groups))).map_batches(
                _Reading(function), batch_size=None, batch_format="pyarrow"
            )
            yield from tables.iter_batches(batch_size=None, batch_format="pyarrow")

    def ask(self, teacher: Teacher, runs: Iterable[Run], keep: Callable[[str, Reply], Result]) -> Generator[Result]:
        """Yield what is kept of each reply; replies that are under way when the caller stops to listen are lost."""
        if teacher.in_process:
            raise UsageError(
                f"the teacher '{type(teacher).__module__.rpartition('.')[2]}' computes in the process that asks it; "
                "synthesize with --runner local, or with the teacher vllm or openai_compatible"
            )
        todo = iter(runs)
        # A table as small as a reply is handed over as soon as it is there, so a killed driver loses next to none.
        with self._settings(1, in_order=False), _one_line():
            while portion := list(islice(todo, max(1, _PORTION // teacher.batch))):
                replies = self._vllm(teacher, portion) if isinstance(teacher, VLLM) else self._clients(teacher, portion)
                for table in replies.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                    for row in table.to_pylist():
                        yield keep(row["id"], _reply(row))

    def _clients(self, teacher: Teacher, runs: list[Run]) -> Any:
        """Return a dataset of replies: each worker opens the teacher anew and asks it from several threads."""
        cores = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        size = min(_RUNS_PER_THREAD * teacher.concurrency, -(-len(runs) // cores))
        texts = [json.dumps([[identity, asdict(request)] for identity, request in run]) for run in runs]
        tasks = [pa.table({"run": texts[start : start + size]}) for start in range(0, len(texts), size)]
        return self._ray.data.from_arrow(tasks).map_batches(
            _Client,
            fn_constructor_args=(type(teacher), teacher.config),
            batch_size=None,
            batch_format="pyarrow",
            compute=self._ray.data.ActorPoolStrategy(size=min(cores, len(tasks))),
            num_cpus=1,
        )

    def _vllm(self, teacher: VLLM, runs: list[Run]) -> Any:
        """Return a dataset of replies of vLLM engines that Ray places on GPUs. Not yet tried on a GPU."""
        with needing("the vLLM teacher on Ray", "vllm"):
            from ray.data.llm import build_processor, vLLMEngineProcessorConfig
        config = teacher.config
        settings = vLLMEngineProcessorConfig(
            model_source=config.model,
            engine_kwargs=config.engine_arguments(),
            concurrency=config.engines,
            batch_size=config.batch,
            should_continue_on_error=True,
        )
        rows = [{"id": identity, "request": json.dumps(asdict(request))} for run in runs for identity, request in run]
        processor = build_processor(settings, preprocess=_to_vllm, postprocess=_from_vllm)
        return processor(self._ray.data.from_items(rows, override_num_blocks=-(-len(rows) // config.batch)))

    @contextmanager
    def _settings(self, table_bytes: int, in_order: bool) -> Iterator[None]:
        """Set what datasets made in this block go by; Ray copies it into each of them."""
        context = self._ray.data.DataContext.get_current()
        before = context.target_max_block_size, context.execution_options.preserve_order, context.enable_progress_bars
        context.target_max_block_size, context.execution_options.preserve_order = table_bytes, in_order
        context.enable_progress_bars = False
        try:
            yield
        finally:
            context.target_max_block_size, context.execution_options.preserve_order = before[:2]
            context.enable_progress_bars = before[2]


@dataclass(frozen=True)
class _Reading:
    """A function applied to the row groups that a table names."""

    function: Function

    def __call__(self, groups: pa.Table) -> Iterator[pa.Table]:
        for group in groups.to_pylist():
            with pq.ParquetFile(group["path"]) as file:
                for batch in file.iter_batches(ROWS_PER_TABLE, row_groups=[group["group"]]):
                    yield self.function(pa.Table.from_batches([batch]))


class _Client:
    """A worker's own teacher."""

    def __init__(self, kind: type[Teacher], config: TeacherConfig) -> None:
        self._teacher = kind.open(config)

    def __call__(self, table: pa.Table) -> Iterator[pa.Table]:
        runs = [
            [(identity, _request(fields)) for identity, fields in json.loads(run)] for run in table["run"].to_pylist()
        ]
        yield from Local().ask(self._teacher, runs, _to_table)


def _connect() -> Any:
    """Return the module ray, connected to a cluster; without usage statistics or a dashboard."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with needing("the ray runner", "ray"):
        import ray
        import ray.data
    if not ray.is_initialized():
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = os.environ.get("RAY_ADDRESS", "this machine")
            raise RunError(f"no Ray on {where}: {one_line(error)}") from error
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    return ray


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn what a worker raised, and Ray wrapped, into one error of ours."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        # A wrapper of Ray's is also of the class that it wraps, and Ray adds lines to the text of what it wraps.
        cause: BaseException | None = error
        while cause is not None and (isinstance(cause, RayError) or not isinstance(cause, PromptletError)):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            cause.args = (str(cause).partition("\n")[0],)
            raise cause from None
        raise RunError(f"a Ray worker failed: {str(error).strip().splitlines()[-1][:300]}") from error


def _request(fields: dict[str, Any]) -> TeacherRequest:
    return TeacherRequest(**fields | {"messages": tuple(fields["messages"])})


def _to_table(identity: str, reply: Reply) -> pa.Table:
    fields = {"error": str(reply)} if isinstance(reply, TeacherError) else asdict(reply)
    return pa.Table.from_pylist([{"id": identity} | fields], _REPLY_SCHEMA)


def _reply(row: dict[str, Any]) -> Reply:
    error = row.get("error") or row.get("__inference_error__")
    if error:
        return TeacherError(error)
    return Answer(row["text"], row["finished"], row["prompt_tokens"], row["completion_tokens"])


def _to_vllm(row: dict[str, Any]) -> dict[str, Any]:
    request = _request(json.loads(row["request"]))
    return {"messages": list(request.messages), "sampling_params": sampling(request), "limit": request.max_tokens}


def _from_vllm(row: dict[str, Any]) -> dict[str, Any]:
    # Ray hands over no reason why an answer ended; one that is as long as allowed counts as cut off.
    written = row["num_generated_tokens"]
    answer = Answer(row["generated_text"], written < row["limit"], row["num_input_tokens"], written)
    return {"id": row["id"]} | asdict(answer)


RUNNER = Ray
