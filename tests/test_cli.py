"""The command line as a whole: help, version, and how little it loads."""

from __future__ import annotations

import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import promptlet.cli
from promptlet.cli.main import app, main
from tests.conftest import SMOKE, Run


def test_help_names_every_verb(cli: Run) -> None:
    verbs = {module.name for module in pkgutil.iter_modules(promptlet.cli.__path__)} - {"main", "options"}
    result = cli("--help")
    assert result.returncode == 0
    assert {"generate", "improve", "plot", "serve"} <= verbs
    assert set(re.findall(r"^  ([a-z]+) ", result.stdout, re.MULTILINE)) == verbs
    runner = CliRunner()
    for verb in verbs:
        shown = runner.invoke(app, [verb, "--help"])
        assert shown.exit_code == 0
        assert f"promptlet {verb}" in shown.stdout


def test_version_is_that_of_the_package(cli: Run) -> None:
    from promptlet import __version__

    assert cli("--version").stdout.strip() == __version__


def test_what_the_package_exports_is_there() -> None:
    import promptlet

    assert {name for name in promptlet.__all__ if not hasattr(promptlet, name)} == set()
    with pytest.raises(AttributeError, match="nothing"):
        _ = promptlet.nothing


def modules_after(*arguments: object) -> set[str]:
    """Return the names of the modules loaded once the command line has done its work."""
    script = (
        "import sys\n"
        "from promptlet.cli.main import main\n"
        f"sys.argv = {['promptlet', *map(str, arguments)]!r}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\nMODULES', *sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("heavy", ["torch", "transformers", "pyarrow", "numpy", "openai"])
def test_generate_loads_nothing_of_the_extras(student_folder: Path, heavy: str) -> None:
    loaded = modules_after("generate", "a cat", "--student", student_folder)
    assert "xllamacpp" in loaded
    assert heavy not in loaded


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_is_printed_is_utf_8(student_folder: Path, encoding: str) -> None:
    command = [sys.executable, "-m", "promptlet", "generate", "a cat", "--keep", "猫の絵", "--student", student_folder]
    result = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}, check=True)
    assert "猫の絵" in result.stdout.decode("utf-8")


def test_an_argument_that_is_no_utf_8_is_named_in_a_line() -> None:
    command = [sys.executable, "-m", "promptlet", "generate", "a cat", "--task", b"caf\xe9"]
    result = subprocess.run(command, capture_output=True, check=False)
    assert result.returncode == 2
    assert result.stderr == b"promptlet: unknown task 'caf\\udce9' (known: t2i, t2t)\n"


@pytest.mark.parametrize(
    ("closed", "told"), [(">&-", "promptlet: standard output is closed; > /dev/null is how"), ("2>&-", "")]
)
def test_a_closed_stream_is_no_silent_success(closed: str, told: str) -> None:
    command = f'"$0" -m promptlet generate a\\ cat --words 0 {closed}'
    result = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, text=True, check=False)
    assert result.returncode == (1 if told else 2)
    assert result.stderr.startswith(told)
    assert not result.stdout


def test_nothing_is_needed_that_only_unix_has(student_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_text('{"intents": "a cat"}\n')
    arguments = ["generate", "--input", "requests.jsonl", "--output", "prompts.jsonl", "--student", str(student_folder)]
    script = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('fcntl', 'grp', 'pwd', 'resource', 'termios'))\n"
        "import promptlet.pipeline, promptlet.serve.serving\n"
        "from promptlet.cli.main import main\n"
        f"sys.argv = {['promptlet', *arguments]!r}\n"
        "main()\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=tmp_path, check=True)
    assert json.loads((tmp_path / "prompts.jsonl").read_text())["prompts"]


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after("--help")
    assert not loaded & {"pydantic", "tokenizers", "xllamacpp", "yaml", "torch", "pyarrow"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("intents sample -n two", "'-n': 'two'; a whole number is allowed"),
        ("intents sample -n 1e3", "'-n': '1e3'; a whole number is allowed"),
        ("intents sample -n 0", "'-n': 0; 1 or more is allowed"),
        ("intents import nowhere --threshold 1.5", "'--threshold': 1.5; 0 to 1 are allowed"),
        ("report data nowhere --seed -1", "'--seed': -1; 0 to 4294967295 are allowed"),
        ("review report nowhere --least-passed nan", "'--least-passed': 'nan'; a finite number is allowed"),
        ("review remove nowhere 0", "'ITEM': 0; 1 to 9223372036854775807 are allowed"),
        ("review serve nowhere --port 65536", "'--port': 65536; 0 to 65535 are allowed"),
        ("evaluate default --budget 0", "'--budget': 0; more than 0 is allowed"),
        ("generate cat --temperature high", "'--temperature': 'high'; a number is allowed"),
    ],
)
def test_a_number_that_is_refused_is_named_with_its_option_and_what_is_allowed(
    arguments: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["promptlet", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (2, f"promptlet: Invalid value for {told}\n")


def test_a_run_without_the_extras_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('pyarrow', 'torch', 'gguf'))\n"
        "from promptlet.cli.main import main\n"
        f"sys.argv = ['promptlet', 'run', {str(SMOKE)!r}, '--folder', {str(tmp_path / 'run')!r}]\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "promptlet: the stage intents needs the module 'pyarrow': pip install 'promptlet[train]'\n"
    assert not (tmp_path / "run").exists()
