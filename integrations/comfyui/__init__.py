"""Promptlet in ComfyUI: a folder of `custom_nodes` (docs/comfyui.md)."""

from .nodes import PromptletPrompt

NODE_CLASS_MAPPINGS = {"PromptletPrompt": PromptletPrompt}
NODE_DISPLAY_NAME_MAPPINGS = {"PromptletPrompt": "Promptlet prompt"}
