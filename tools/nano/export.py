"""Measure bits per byte on held-out documents and write the finished folder."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from transformers import GenerationConfig

from nano import tokenizer as tk
from nano.noise import is_japanese

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

    from nano.sources import Sources

MOST_BYTES = 20_000_000
CARD = Path(__file__).with_name("card.md")


def held_out_texts(held: Sources) -> dict[str, list[str]]:
    """Plain held-out text by source and language; nothing here was in any task."""
    talks = ["\n".join(text for _, text in talk) for talk in held.dialogues]
    chats = ["\n".join(turn.text for turn in doc) for doc in held.chats]
    return {
        "pydocs_enja (en)": [en for en, _ in held.pairs],
        "pydocs_enja (ja)": [ja for _, ja in held.pairs],
        "banking77 (en)": held.questions_en,
        "gsm8k (en)": [f"{q}\n{a}" for q, a in held.maths],
        "instructions and chats (en)": [t for t in chats if not is_japanese(t)],
        "asdc_ja utterances (ja)": held.utterances_ja,
        "asdc_ja dialogues (ja)": talks,
        "wagahai (ja)": held.novel_ja,
        "wagahai (en)": held.novel_en,
    }


@torch.no_grad()
def bits_per_byte(
    model: LlamaForCausalLM, tokenizer: Tokenizer, groups: dict[str, list[str]], context: int
) -> dict[str, float]:
    """Bits per UTF-8 byte of each group and of each language; the end token is not counted."""
    model.eval()
    end = tokenizer.token_to_id(tk.END)
    totals: dict[str, list[float]] = {}
    for name, texts in groups.items():
        language = "ja" if name.endswith("(ja)") else "en"
        for text in texts:
            ids = [end, *tokenizer.encode(text, add_special_tokens=False).ids][:context]
            size = len(tokenizer.decode(ids[1:], skip_special_tokens=False).encode())
            row = torch.tensor([ids])
            logits = model(input_ids=row).logits[0, :-1].float()
            nats = float(F.cross_entropy(logits, row[0, 1:], reduction="sum"))
            for key in (name, language, "all"):
                total = totals.setdefault(key, [0.0, 0.0])
                total[0] += nats / math.log(2)
                total[1] += size
    ordered = sorted(totals, key=lambda key: key not in ("ja", "en", "all"))  # languages first
    return {key: totals[key][0] / totals[key][1] for key in ordered}


def write(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path, facts: dict[str, str]) -> None:
    """The whole folder aside, checked for size, then renamed into place."""
    context = model.config.max_position_embeddings
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0, max_new_tokens=64)
    model.to(torch.bfloat16).save_pretrained(aside)
    tk.save(tokenizer, context, aside)
    card = CARD.read_text(encoding="utf-8")
    for name, fact in facts.items():
        card = card.replace("{" + name + "}", fact)
    (aside / "README.md").write_text(card, encoding="utf-8")
    for path in aside.iterdir():
        path.chmod(0o644)  # weights are saved for their owner only
    size = sum(path.stat().st_size for path in aside.iterdir())
    if size > MOST_BYTES:
        raise ValueError(f"{folder.name} takes {size} bytes, more than {MOST_BYTES}")
    before = folder.with_name(folder.name + ".old")
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.replace(before)
    aside.replace(folder)
    shutil.rmtree(before, ignore_errors=True)


def table(figures: dict[str, float]) -> str:
    """Markdown rows, in the order measured."""
    return "\n".join(f"| {name} | {value:.3f} |" for name, value in figures.items())


def settings_text(settings: object) -> str:
    """The run's settings as they stand in the model card."""
    return json.dumps(vars(settings), indent=2)
