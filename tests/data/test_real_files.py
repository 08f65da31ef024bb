"""Files as people have them: every one is read, every row is taken or has a reason, and the counts are known."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kitae.core.data_settings import SourceSettings
from kitae.core.records import Record
from kitae.core.workspace import Workspace
from kitae.data.finding import find, found_files
from kitae.data.intake import FileCount, file_encoding, record_of, take_in
from kitae.data.readers import read_rows

Settings = dict[str, Any]
Known = tuple[str, str, Settings, dict[str, int]]
TALK = {"columns": {"question": "sources.0", "answer": "targets.0", "use": "purpose"}}
TRUTH = {"columns": {"answer": "ground_truth"}}
ALIKE = {"columns": {"question": "sentence1", "answer": "sentence2"}}
FILES: list[Known] = [
    ("llamafactory_demo/alpaca_en_demo.json", "chat", {}, {"alpaca": 999}),
    ("llamafactory_demo/dpo_en_demo.json", "preference", {}, {"dpo": 300}),
    ("llamafactory_demo/kto_en_demo.json", "preference", {}, {"kto": 300}),
    ("llamafactory_demo/glaive_toolcall_en_demo.json", "chat", {}, {"sharegpt": 300}),
    ("hh_rlhf/test.jsonl.gz", "preference", {}, {"dpo": 2_312}),
    ("ojousama/ojousamatalkscript200.csv", "chat", {}, {"prompt_completion": 202}),
    ("ojousama/ojousamatalkscript200.jsonl", "chat", {}, {"prompt_completion": 202}),
    ("ojousama/ojousamatalkscript200_gpt-3.5-1106ver.jsonl", "chat", {}, {"messages": 202}),
    ("self_instruct/seed_tasks.jsonl", "chat", {}, {"alpaca": 175}),
    ("self_instruct/user_oriented_instructions.jsonl", "chat", {}, {"alpaca": 252}),
    ("asdc_ja/main_dialogs.jsonl", "chat", {}, {"messages": 210}),
    ("asdc_ja/supplemental__utterances__talk.jsonl", "chat", {}, {"messages": 184}),
    ("asdc_ja/supplemental__scud__4turn.Example.jsonl", "chat", TALK, {"question_answer": 4_185, "quarantined": 266}),
    ("gsm8k/test.jsonl", "chat", {}, {"question_answer": 1_319}),
    ("gsm8k/example_model_solutions.jsonl", "chat", TRUTH, {"question_answer": 1_319}),
    ("wagahai/wagahaiwa_nekodearu.txt", "pretrain", {}, {"document": 1}),
    ("wagahai/wagahaiwa_nekodearu.txt", "pretrain", {"read": {"unit": "line"}}, {"document": 2_344}),
    ("wagahai/botchan.txt", "pretrain", {"read": {"unit": "line"}}, {"document": 4_288}),
    ("banking77/test.csv", "classify", {}, {"text_label": 3_080}),
    ("jglue/jsts-train.json", "chat", ALIKE, {"question_answer": 12_451}),
    ("crows_pairs/crows_pairs_anonymized.csv", "pretrain", {"columns": {"text": "sent_more"}}, {"document": 1_508}),
    ("presidio_pii/synth_dataset_v2.json", "pretrain", {"columns": {"text": "full_text"}}, {"document": 1_500}),
    ("pydocs_enja/pairs-1.jsonl", "chat", {"columns": {"question": "en", "answer": "ja"}}, {"question_answer": 230}),
]
"""Name, task, settings, and how many rows have which shape; in one file some turns stand for no statement at all."""


def taken(path: Path, task: str, settings: Settings, workspace: Workspace) -> tuple[FileCount, list[Record]]:
    source = SourceSettings(path=str(path), **settings)
    [file] = found_files(find([source], folder=path.parent, out=workspace), path.parent)
    count = FileCount(file.name, file_encoding(file))
    return count, [item for item in take_in(file, task, count) if isinstance(item, Record)]


@pytest.mark.parametrize("known", FILES, ids=[f"{file[0]}-{number}" for number, file in enumerate(FILES)])
def test_every_row_of_a_file_is_taken(shared_data: Path, workspace: Workspace, known: Known) -> None:
    name, task, settings, counts = known
    count, records = taken(shared_data / name, task, settings, workspace)
    quarantined = {"quarantined": count.quarantined} if count.quarantined else {}
    assert dict(count.shapes) | quarantined == counts
    assert count.read - count.quarantined == len(records) == len({record.id for record in records})


def test_what_is_in_pairs_judgements_and_calls(shared_data: Path, workspace: Workspace) -> None:
    demo = shared_data / "llamafactory_demo"
    pairs = taken(shared_data / "hh_rlhf/test.jsonl.gz", "preference", {}, workspace)[1]
    pairs += taken(demo / "dpo_en_demo.json", "preference", {}, workspace)[1]
    assert all(record.messages[-1].role == record.rejected[0].role == "assistant" for record in pairs)
    assert sum(record.messages[-1] != record.rejected[-1] for record in pairs) == len(pairs)
    judged = taken(demo / "kto_en_demo.json", "preference", {}, workspace)[1]
    assert Counter(record.desirable for record in judged) == {True: 150, False: 150}
    calling = taken(demo / "glaive_toolcall_en_demo.json", "chat", {}, workspace)[1]
    assert sum(len(message.tool_calls) for record in calling for message in record.messages) == 211
    assert sum(bool(record.tools) for record in calling) == 191
    answers = [message for record in calling for message in record.messages if message.role == "tool"]
    assert len(answers) == 211
    assert all(message.tool_call_id for message in answers)


@pytest.mark.parametrize(
    "folder", ["asdc_ja", "gsm8k", "hh_rlhf", "llamafactory_demo", "ojousama", "self_instruct", "wagahai"]
)
def test_a_whole_folder_adds_up(shared_data: Path, workspace: Workspace, folder: str) -> None:
    source = find([SourceSettings(path=folder)], folder=shared_data, out=workspace)
    read = 0
    fates: Counter[str] = Counter()
    for file in found_files(source, shared_data):
        for raw in read_rows(file.path, file_encoding(file), file.source.read):
            read += 1
            fates[type(record_of(raw, file, "chat")).__name__] += 1
    assert read == fates["tuple"] + fates["Quarantined"]
    assert fates["tuple"] > 0 or folder == "wagahai"
    assert fates["Quarantined"] >= 1  # the notes beside the data are no conversations
