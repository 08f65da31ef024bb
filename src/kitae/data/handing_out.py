"""Clean records as other tools take them: one JSON object a line, in the form that their task has there."""

from pathlib import Path
from typing import Any

from kitae.core.artifacts import Dataset
from kitae.core.files import write_jsonl
from kitae.core.records import Message, Record, read_records


def hand_out(dataset: Dataset, path: Path) -> int:
    """Write the kept records of a dataset as JSON lines; returns how many. Raises `DiskFull`."""
    task = dataset.json("report.json")["task"]
    return write_jsonl(path, (row_of(record, task) for record in read_records(dataset.file("records.jsonl"))))


def row_of(record: Record, task: str) -> dict[str, Any]:
    """A record as a row: its content by the task, then id, place and terms, as far as they are known.

    A label has `text` and `label`, a raw text `text`; a pair `prompt`, `chosen`, `rejected`; a judgement `prompt`,
    `completion`, `label` (true or false); all others `messages`. Tools stand under `tools`, as the OpenAI API has them.
    """
    papers = {"licence": record.terms.licence, "consent": record.terms.consent,
              "rights_holder": record.terms.rights_holder, "language": record.language, "use": record.use}  # fmt: skip
    tools = {"tools": [dict(tool) for tool in record.tools]} if record.tools else {}
    known = {name: value for name, value in papers.items() if value}
    return {**_content(record, task), **tools, "id": record.id, "origin": str(record.origin), **known}


def _content(record: Record, task: str) -> dict[str, Any]:
    if record.messages[-1].role == "document":
        return {"text": record.messages[-1].content}
    if task == "classify":
        return {"text": record.question, "label": record.label}
    prompt, answer = _turns(record.prompt), _turns(record.messages[len(record.prompt) :])
    if record.rejected:
        return {"prompt": prompt, "chosen": answer, "rejected": _turns(record.rejected)}
    if record.desirable is not None:
        return {"prompt": prompt, "completion": answer, "label": record.desirable}
    return {"messages": _turns(record.messages)}


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    return [message.as_dict() for message in messages]
