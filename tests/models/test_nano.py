"""kitae-nano as it ships: small enough, plain to load, honest about what it is."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kitae.core.chat import encode
from kitae.core.records import Message
from kitae.models import facts, load_tokenizer

TOOLS = Path(__file__).parents[2] / "tools"
MOST_BYTES = 20_000_000
TALK = (
    Message("user", "朝食は？"),
    Message("assistant", "七時です。"),
    Message("user", "Bath?"),
    Message("assistant", "Six."),
)


def test_it_is_a_plain_small_bilingual_base() -> None:
    known = facts("kitae-nano")
    assert (known.architecture, known.dtype, known.tied) == ("LlamaForCausalLM", "bf16", True)
    assert sum(file.stat().st_size for file in known.path.iterdir()) <= MOST_BYTES
    assert {file.suffix for file in known.path.iterdir()} <= {".safetensors", ".json", ".jinja", ".md"}
    tokenizer = load_tokenizer("kitae-nano")
    for text in ("温泉まんじゅう 3箱、¥1,200 です。", "Wi-Fi isn't working!\n\t🙂"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_its_generation_markers_mark_what_is_trained() -> None:
    tokenizer = load_tokenizer("kitae-nano")
    ((row,),) = encode(tokenizer, [TALK])
    marked = tokenizer.apply_chat_template(
        [message.as_dict() for message in TALK], return_dict=True, return_assistant_tokens_mask=True
    )
    assert list(row.ids) == marked["input_ids"]
    assert list(row.trained) == [bool(mark) for mark in marked["assistant_masks"]]


def test_its_card_says_what_it_was_made_from_and_how_good_it_is() -> None:
    known = facts("kitae-nano")
    card = (known.path / "README.md").read_text("utf-8")
    assert known.licence.casefold() == "apache-2.0"
    assert f"{known.parameters / 1e6:.1f} million parameters" in card
    for part in ("| all |", "bits per byte", "not for work", "CC BY 4.0", "never read", "pretrain_nano.py"):
        assert part in card
    settings = json.loads(card.rpartition("```json")[2].partition("```")[0])
    assert (settings["seed"], settings["tokens"]) == (20_240, 13_000_000)


@pytest.mark.slow
def test_a_run_of_its_tool_can_be_repeated_to_the_byte(tmp_path: Path, shared_data: Path) -> None:
    """A trial in small, three times. What another seed left in the work folder is not taken up."""

    def made(name: str, *, seed: int, work: str, hashes: str) -> tuple[dict[str, bytes], str]:
        out = tmp_path / name
        trial = ["--out", str(out), "--work", str(tmp_path / work), "--seed", str(seed)]
        trial += ("--tokens", "1024", "--batch-tokens", "512", "--layers", "1", "--documents", "60", "--eager")
        done = subprocess.run(
            [sys.executable, str(TOOLS / "pretrain_nano.py"), *trial],
            env={**os.environ, "KITAE_SHARED_DATA": str(shared_data), "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return {file: (out / file).read_bytes() for file in ("model.safetensors", "tokenizer.json")}, done.stdout

    with ThreadPoolExecutor(2) as both:  # each in a process of one thread
        begun = both.submit(made, "first", seed=1, work="one", hashes="1")
        again, _ = both.submit(made, "again", seed=1, work="other", hashes="2").result()
        first, _ = begun.result()
    assert again == first
    other, said = made("other", seed=2, work="one", hashes="1")
    assert "resumed" not in said
    assert all(other[file] != first[file] for file in first)
    card = (tmp_path / "other" / "README.md").read_text("utf-8")
    assert '"threads": 1' in card
    assert "--tokens 1024 --seed 2 --threads 1" in card
    kept = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} == {".json", ".npz", ".pt"}


def test_what_is_kept_of_its_batches_comes_back_and_is_never_run(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(TOOLS)!r})\n"
        "import pathlib, pickle, random\n"
        "import numpy as np\n"
        "from nano import rows\n"
        "documents = [([number] * (5 + number), [True] * (5 + number)) for number in range(1, 90)]\n"
        "made = rows.batches(documents, (32, 64, 128), 256, random.Random(1))\n"
        "assert len({len(batch[0].ids) for batch in made}) > 1\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "rows.save(made, path.open('wb'))\n"
        "kept = list(rows.load(path))\n"
        "for one, two in zip(made, kept, strict=True):\n"
        "    for before, after in zip(one, two, strict=True):\n"
        "        for name in rows.ARRAYS:\n"
        "            assert getattr(before, name).dtype == getattr(after, name).dtype\n"
        "            assert (getattr(before, name) == getattr(after, name)).all()\n"
        "path.write_bytes(pickle.dumps(made))\n"
        "try: list(rows.load(path))\n"
        "except ValueError: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.npz")], check=False, capture_output=True, text=True
    )
    assert done.stdout == "refused\n", done.stderr


def test_no_label_of_the_two_tasks_reaches_pre_training(shared_data: Path) -> None:
    """The readers give texts only; no document of the mixture is a category or a topic."""
    code = (
        f"import sys; sys.path.insert(0, {str(TOOLS)!r})\n"
        "import json, pathlib\n"
        "from nano import sources\n"
        f"kept, held = sources.read(pathlib.Path({str(shared_data)!r}))\n"
        "print(json.dumps([kept.questions_en + held.questions_en, kept.utterances_ja + held.utterances_ja]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    english, japanese = json.loads(done.stdout)
    categories = json.loads((shared_data / "banking77" / "categories.json").read_text("utf-8"))
    assert not set(english) & set(categories)
    test_rows = (shared_data / "banking77" / "test.csv").read_text("utf-8")
    assert sum(f"{text}," in test_rows for text in english) < len(english) / 100
    rows = (shared_data / "asdc_ja" / "vanilla__topic.L1.1turn.VanillaUtterances.jsonl").read_text("utf-8").splitlines()
    official = [json.loads(row) for row in rows]
    unseen = {row["utterances"][0]["text"] for row in official if row["purpose"] != "train"}
    assert not unseen & set(japanese)
    assert not {row["meta"]["topic"] for row in official} & set(japanese)
