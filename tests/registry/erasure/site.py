"""A workspace with a dataset, its split, an adapter that learnt from it, a verdict, a version, logs and scraps."""

import json
from pathlib import Path
from typing import Any

from data.desk import Desk, kept, side, talk
from registry.conftest import figures, recipe_with

from kitae import data, registry
from kitae.core.artifacts import Adapter, Dataset, Source, Split, Verdict, Version
from kitae.core.data_settings import DataSettings
from kitae.core.files import write_json, write_jsonl, write_text
from kitae.core.records import Record, content_digest
from kitae.core.workspace import Draft, Workspace

TOPICS = ["駐車場", "朝食", "大浴場", "送迎", "支払い", "予約", "荷物", "子ども", "禁煙", "門限"]
PLACES = ["本館", "別館", "売店", "食堂", "庭園", "玄関"]
DOGS = "体重三十キロの大型犬を二匹連れて宿泊したいのですが可能ですか"
DOGS_ANSWER = "申し訳ございませんが、小型犬を一匹までとお伝えしております。"
CATS = "Could my two elderly Siamese cats sleep on the veranda with us?"
CATS_ANSWER = "We are sorry, the veranda is closed to animals of every kind."
HOLDER = "山田商店"
SECRETS = (DOGS, DOGS_ANSWER, CATS, CATS_ANSWER)


class Site:
    """A project whose raw file can be read, taught and erased from."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.out: Workspace = self.desk.workspace
        others = [
            {
                **talk(f"{place}の{topic}について教えてください", f"{topic}は{place}でご案内しております。"),
                "rights_holder": "ACME",
            }
            for topic in TOPICS
            for place in PLACES
        ]
        self.rows: list[dict[str, Any]] = [
            *others,
            {**talk(DOGS, DOGS_ANSWER), "rights_holder": HOLDER, "memo": "担当が折り返し電話をすること"},
            {**talk(CATS, CATS_ANSWER), "rights_holder": HOLDER},
        ]
        self.write()

    def write(self, name: str = "faq.jsonl") -> None:
        """Write the raw file."""
        self.desk.sources.clear()
        self.desk.rows(name, self.rows, columns={"rights_holder": "rights_holder"}, consent="contract")

    def prepare(self) -> tuple[Dataset, Split]:
        """The data stage as `flow` walks it."""
        erased = registry.erased(self.out)
        settings = DataSettings.model_validate({"sources": self.desk.sources, "duplicates": {"near": None}})
        source = data.find(settings.sources, folder=self.desk.folder, out=self.out)
        dataset = data.prepare(
            source, settings=settings, task="chat", out=self.out, folder=self.desk.folder, erased=erased
        )
        return dataset, self.desk.split(dataset)

    def teach(self, name: str = "faq") -> Version:
        """A version as a run registers it, with everything that quotes on the way."""
        dataset, split = self.prepare()
        adapter = _adapter(self.out, split)
        verdict = _verdict(self.out, split, adapter)
        with self.out.run("faq") as folder:
            shown = [record.question for record in kept(dataset) if record.terms.rights_holder == HOLDER]
            for text in shown:
                self.out.events.say("adapter", "warning", text=f"left out, the first: {text[:25]}")
            self.out.events.say("adapter", "note", text="本館の駐車場について教えてください")
            write_text(folder / "notes.html", "<p>nothing</p>")
        (self.out.home / "cache").mkdir(exist_ok=True)
        write_jsonl(self.out.home / "cache" / "answers.jsonl", ({"q": text} for text in [*shown, "朝食"]))
        lineage = {"source": dict(dataset.parents)["source"], "dataset": dataset.digest, "split": split.digest}
        return registry.submit(adapter, verdict, recipe=recipe_with(name), lineage=lineage, out=self.out)

    def record(self, question: str) -> Record:
        """A record of the newest dataset."""
        dataset = max(self.artifacts(Dataset), key=lambda one: one.folder.stat().st_mtime)
        return next(record for record in kept(Dataset.load(dataset.folder)) if record.question == question)

    def artifacts(self, kind: type) -> list[Any]:
        return [artifact for artifact in self.out.artifacts() if isinstance(artifact, kind)]

    def unfinished(self) -> None:
        """A data stage that was killed, with text in its scratch."""
        write_text(self.out.home / "partial" / "dataset-0123" / "scratch" / "taken" / "0.arrow", f"\0ARROW {DOGS}\0")

    def spread(self, *texts: str) -> list[str]:
        """Every file of the workspace in which one of the texts stands, in whatever way they are written."""
        found = []
        for path in sorted(self.out.home.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            for text in texts:
                ways = (text.encode(), json.dumps(text)[1:-1].encode(), text.encode("utf-16-le"), text[4:20].encode())
                if any(way in content for way in ways):
                    found.append(path.relative_to(self.out.home).as_posix())
        return sorted(set(found))


def _adapter(out: Workspace, split: Split) -> Adapter:
    def build(draft: Draft) -> None:
        write_text(draft.file("adapter/adapter_model.safetensors"), "w")

    parents = {name: content_digest(split.file(f"{name}.jsonl")) for name in ("train", "validation")}
    return out.make(Adapter, parents={**parents, "base": "e" * 64}, settings={}, build=build)


def _verdict(out: Workspace, split: Split, adapter: Adapter) -> Verdict:
    summary = figures()

    def build(draft: Draft) -> None:
        rows = [
            {"id": r.id, "question": r.question, "reference": r.answer, "answers": {"tuned": r.answer}}
            for r in side(split, "test")
        ]
        write_jsonl(draft.file("predictions-test.jsonl"), rows)
        write_json(draft.file("verdict.json"), {**summary, "failures": rows[:2]})
        write_text(draft.file("report.html"), "<html>")
        draft.summary(summary)

    used = {name: content_digest(split.file(f"{name}.jsonl")) for name in ("train", "validation", "test")}
    return out.make(Verdict, parents={"adapter": adapter.digest, **used}, settings={}, build=build)


__all__ = ["CATS", "CATS_ANSWER", "DOGS", "DOGS_ANSWER", "HOLDER", "SECRETS", "Site", "Source"]
