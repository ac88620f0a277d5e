"""Turn the packaged GGUF teacher (SmolLM2-135M-Instruct) into a Hugging Face folder, which vLLM and others load."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptlet.errors import TeacherError
from promptlet.io.atomic import replacing_folder
from promptlet.pretrained import load_pretrained, packaged_model


def main() -> None:
    """Write the folder unless it is there: weights in bfloat16, tokenizer with its chat template, configuration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder to write")
    folder, source = parser.parse_args().folder, packaged_model(TeacherError)

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if folder.exists():
        print(f"{folder} is there already")
        return
    model = load_pretrained(AutoModelForCausalLM, source, TeacherError, dtype=torch.bfloat16)
    tokenizer = load_pretrained(AutoTokenizer, source, TeacherError)
    with replacing_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
