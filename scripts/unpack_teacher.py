"""Turn the packaged GGUF teacher (SmolLM2-135M-Instruct) into a Hugging Face folder, which vLLM and others load."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptlet.io.atomic import replacing_folder
from promptlet.teachers.embedded import packaged_model


def main() -> None:
    """Write the folder unless it is there: weights in bfloat16, tokenizer with its chat template, configuration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder to write")
    folder, source = parser.parse_args().folder, packaged_model()

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    if folder.exists():
        print(f"{folder} is there already")
        return
    logging.disable_progress_bar()
    # A model that was read from GGUF refuses to be saved, so its weights move into a fresh one.
    read = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    settings = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    config = type(read.config)(**settings)
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(read.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    with replacing_folder(folder) as temporary:
        fresh.to(torch.bfloat16).save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
