"""The files under deploy/: the commands that they run do start a server, and it is as healthy as they ask."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.serve.conftest import until

DEPLOY = Path(__file__).parents[2] / "deploy"
KEY = "a key of 16 or more".replace(" ", "-")
PORT = "8700"


def instruction(name: str) -> list[str]:
    """Return the last instruction of the image with this name, in its JSON form."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return list(json.loads(re.findall(rf"^{name}.*?(\[.*\])", text, re.MULTILINE)[-1]))


def manifests() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


def container() -> dict[str, Any]:
    (only,) = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(only)


def unit() -> list[str]:
    line = re.search(r"^ExecStart=(.*)$", (DEPLOY / "promptlet.service").read_text(), re.MULTILINE)
    assert line
    return shlex.split(line[1])


def service() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["promptlet"])


COMMANDS = {
    "image": lambda: instruction("ENTRYPOINT") + instruction("CMD"),
    "compose": lambda: instruction("ENTRYPOINT") + service()["command"],
    "kubernetes": lambda: instruction("ENTRYPOINT") + container()["args"],
    "systemd": unit,
}


@contextmanager
def started(command: list[str], keys: Path) -> Iterator[str]:
    """Run a command of deploy/ with other keys and a free port; yield that port."""
    program, *options = command
    assert Path(program).name == "promptlet"
    options[options.index("--keys") + 1] = str(keys)
    options[options.index("--port") + 1] = "0"
    running = [sys.executable, "-m", "promptlet", *options]
    with subprocess.Popen(running, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        printed = re.search(r":(\d+)/", server.stdout.readline())
        assert printed, "the server does not print its URL"
        yield printed[1]
        server.terminate()
        assert server.wait(30) == 0


def status(port: str, path: str, key: str = "") -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("where", COMMANDS)
def test_the_command_starts_a_server_that_wants_a_key(where: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# ours\n{KEY}\n")
    with started(COMMANDS[where](), keys) as port:
        probes = [
            container()[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        ]
        until(lambda: status(port, "/readyz") == 200)
        assert [status(port, path) for path in probes] == [200] * 3
        assert (status(port, "/v1/tasks"), status(port, "/v1/tasks", KEY)) == (401, 200)
        check = [part.replace(PORT, port) for part in instruction("HEALTHCHECK")]
        assert subprocess.run([sys.executable, *check[1:]], check=False).returncode == 0
    assert subprocess.run([sys.executable, *check[1:]], check=False, stderr=subprocess.DEVNULL).returncode != 0


def test_all_name_the_same_port() -> None:
    assert service()["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert container()["ports"] == [{"name": "http", "containerPort": int(PORT)}]
    for command in (instruction("ENTRYPOINT"), unit()):
        assert command[command.index("--port") + 1] == PORT
    assert any(f"127.0.0.1:{PORT}/healthz" in part for part in instruction("HEALTHCHECK"))


def test_whoever_stops_it_waits_longer_than_it_takes() -> None:
    own = 25
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    pause = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    waits = re.search(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "promptlet.service").read_text(), re.MULTILINE)
    assert waits
    assert min(int(waits[1]), int(service()["stop_grace_period"].rstrip("s"))) > own
    assert pod["terminationGracePeriodSeconds"] > own + pause


def test_there_are_as_many_threads_as_cpus_where_these_are_limited() -> None:
    for limit, command in (
        (service()["cpus"], service()["command"]),
        (container()["resources"]["limits"]["cpu"], container()["args"]),
    ):
        assert command[command.index("--threads") + 1] == str(limit)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = shutil.which("hadolint", path=sysconfig.get_path("scripts")) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("there is no hadolint for this platform")
    linted = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd")
    there = tmp_path / "promptlet.service"
    # The program need not be installed here.
    there.write_text((DEPLOY / "promptlet.service").read_text().replace("/opt/promptlet/bin/promptlet", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", there], capture_output=True, text=True, check=False)
    assert "promptlet.service" not in verified.stderr, verified.stderr
    assert verified.returncode == 0
