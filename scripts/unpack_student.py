"""Turn a student that has only a GGUF, as the shipped one, into a folder that transformers and vLLM load too.

Its weights are those of the GGUF, widened to bfloat16: what quantization took is not given back.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import AutoConfig

from promptlet.errors import StudentError
from promptlet.io.atomic import replacing_folder
from promptlet.pretrained import load_pretrained, read_gguf
from promptlet.student.format import (
    CONFIG,
    GGUF,
    WEIGHTS,
    copy_parts,
    default_student,
    load_student,
    write_description,
    write_tokenizer_config,
)


def main() -> None:
    """Write the folder unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("student", type=Path, nargs="?", default=default_student(), help="the student's folder")
    arguments = parser.parse_args()
    folder, source = arguments.folder, arguments.student
    if folder.exists():
        print(f"{folder} is there already")
        return
    student = load_student(source)
    # What transformers reads of a GGUF leaves out how many positions there are.
    config = load_pretrained(AutoConfig, source, StudentError)
    model = read_gguf(student.file(GGUF), StudentError, config=config)
    with replacing_folder(folder) as temporary:
        model.to(torch.bfloat16).save_pretrained(temporary)
        files = copy_parts(student, temporary)
        write_tokenizer_config(temporary, student.description.context)
        write_description(temporary, student.description, (*files, CONFIG, WEIGHTS))
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
