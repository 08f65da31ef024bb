"""Pre-train kitae-nano, the base model that ships with kitae.

    python tools/pretrain_nano.py --out src/kitae/models/nano

Public data are read from ``KITAE_SHARED_DATA`` (default: ``../shared/data`` beside the
checkout). The checkpoint in ``--work`` lets an interrupted run go on where it was; the
result depends on the seed and the token budget only.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

# glibc gives big blocks back to the system at every free, and the page faults of
# asking again take half of a step on some machines. It reads these once, at start.
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**35),
    "MALLOC_TOP_PAD_": str(2**28),
}


def main() -> None:
    """Read, tokenize, train, measure, write."""
    arguments = _arguments()
    import torch
    from nano import export, fast, sources, train
    from nano.corpus import CONTEXT, Corpus

    torch.set_num_threads(arguments.threads)
    settings = train.Settings(tokens=arguments.tokens, seed=arguments.seed)
    kept, held = sources.read(sources.data_root())
    corpus = Corpus(kept, settings.seed, arguments.work)
    bpe = corpus.tokenizer

    model = train.new_model(bpe.get_vocab_size(), CONTEXT, settings.seed)
    fast.agree(model, next(corpus.batches(settings.batch_tokens))[:2])
    train.Trainer(model, settings, arguments.work).run(corpus.batches(settings.batch_tokens))

    groups = export.held_out_texts(held)
    model.to(torch.bfloat16)  # as shipped
    figures = export.bits_per_byte(model, bpe, groups, CONTEXT)
    print(export.table(figures), flush=True)
    facts = {
        "parameters": f"{model.num_parameters() / 1e6:.1f} million",
        "context": str(CONTEXT),
        "vocabulary": f"{bpe.get_vocab_size():,}",
        "figures": export.table(figures),
        "settings": export.settings_text(settings),
        "layers": str(model.config.num_hidden_layers),
        "feed": str(model.config.intermediate_size),
        "tokens": f"{settings.tokens / 1e6:.1f}",
    }
    export.write(model, bpe, arguments.out, facts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the finished model")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "kitae-nano", help="checkpoints")
    parser.add_argument("--tokens", type=int, default=13_000_000, help="budget, with padding")
    parser.add_argument("--seed", type=int, default=20_240)
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="more only on cores that nobody else uses: each product waits for the slowest thread",
    )
    return parser.parse_args()


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR})
    main()
