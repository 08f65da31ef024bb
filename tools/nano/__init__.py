"""Parts of ``tools/pretrain_nano.py``: sources, tasks, tokenizer, training, export."""
