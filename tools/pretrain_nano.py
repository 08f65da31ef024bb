"""Pre-train kitae-nano, the base model that ships with kitae.

    python tools/pretrain_nano.py --out src/kitae/models/nano

Public data are read from ``KITAE_SHARED_DATA`` (default: ``../shared/data`` beside the
checkout). An interrupted run goes on where it was: what is kept under ``--work`` lies
in folders that are named by the data, the settings and the code they were made from, so
that no other run takes it up. The result depends on those, on the number of threads, on
the processor and on the versions of torch and tokenizers.

A trial: ``--tokens 1024 --batch-tokens 512 --layers 1 --documents 60 --eager``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

WORK = Path(__file__).resolve().parents[1] / ".work" / "nano"
TRAINED_BY = ("fast", "optimizer", "train")
"""Modules whose change makes a checkpoint stale, beside those that made the batches."""

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
    from nano.corpus import CONTEXT, Corpus, digest

    torch.set_num_threads(arguments.threads)
    settings = train.Settings(
        tokens=arguments.tokens,
        batch_tokens=arguments.batch_tokens,
        layers=arguments.layers,
        seed=arguments.seed,
        threads=arguments.threads,
        documents=arguments.documents,
        compile=not arguments.eager,
    )
    kept, held = sources.read(sources.data_root(), settings.documents)
    corpus = Corpus(kept, settings.seed, arguments.work)
    run = arguments.work / f"run-{digest(TRAINED_BY, corpus.key, settings)}"
    bpe = corpus.tokenizer

    model = train.new_model(bpe.get_vocab_size(), CONTEXT, settings)
    fast.agree(model, next(corpus.batches(settings.batch_tokens))[:2])
    train.Trainer(model, settings, run).run(corpus.batches(settings.batch_tokens))

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
        "options": f"--tokens {settings.tokens} --seed {settings.seed} --threads {settings.threads}",
    }
    export.write(model, bpe, arguments.out, facts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the finished model")
    parser.add_argument("--work", type=Path, default=WORK, help="what an interrupted run goes on from")
    parser.add_argument("--tokens", type=int, default=13_000_000, help="budget, with padding")
    parser.add_argument("--seed", type=int, default=20_240)
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="more only on cores that nobody else uses: each product waits for the slowest thread",
    )
    parser.add_argument("--batch-tokens", type=int, default=4_096, help="tokens between two updates, with padding")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--documents", type=int, help="only so many documents of each source, for a trial")
    parser.add_argument("--eager", action="store_true", help="do not compile: sooner done on a small budget")
    return parser.parse_args()


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR})
    main()
