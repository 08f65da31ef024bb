"""Receipts: what was erased, when, by whom, where it was found, what became of it. Not a word of what it said.

.kitae/erasures/ERASURE/found.json     written before anything is removed, so that a cut-off attempt forgets nothing
.kitae/erasures/ERASURE/receipt.json   written when all is done; its digest stands in the audit trail
.kitae/erasures/ERASURE/receipt.txt    the same for people
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kitae.core.files import file_digest, read_json, write_json, write_text
from kitae.core.papers import papers_of
from kitae.core.workspace import Workspace
from kitae.registry.erasure.findings import RECEIPTS, Findings

FOUND, RECEIPT, TEXT = "found.json", "receipt.json", "receipt.txt"
ROWS_SHOWN = 50
KNOWN_BY_EN = {"parent": "{n:,} made from others", "same": "{n:,} saying the same under another name"}
KNOWN_BY_JA = {"parent": "ほかから作られたもの {n:,}", "same": "別の名義で同じ内容のもの {n:,}"}


@dataclass(frozen=True)
class Receipt:
    """A receipt: its values, and the folder where it lies (None for what was only looked at)."""

    values: Mapping[str, Any]
    folder: Path | None = None

    @property
    def erasure(self) -> str:
        """The name of the erasure."""
        return str(self.values["erasure"])

    @property
    def text(self) -> str:
        """The receipt for people, in English and Japanese."""
        return "\n".join([*_english(self.values), "", *_japanese(self.values)]) + "\n"


def receipt_folder(out: Workspace, erasure: str) -> Path:
    """Where the receipt of an erasure lies."""
    return out.home / RECEIPTS / erasure


def read_receipt(out: Workspace, erasure: str) -> Receipt | None:
    """The receipt of an erasure, or None while it has none here."""
    folder = receipt_folder(out, erasure)
    path = folder / RECEIPT
    return Receipt(read_json(path), folder) if path.exists() else None


def receipts(out: Workspace) -> Iterator[Receipt]:
    """Every receipt of a workspace."""
    for path in sorted((out.home / RECEIPTS).glob(f"*/{RECEIPT}")):
        yield Receipt(read_json(path), path.parent)


def remember(out: Workspace, erasure: str, found: Findings) -> Findings:
    """Write down what was found, with what an attempt that was cut off had found."""
    path = receipt_folder(out, erasure) / FOUND
    if path.exists():
        found.merge(Findings(**read_json(path)))
    write_json(path, found.as_dict())
    return found


def write_receipt(out: Workspace, request: Mapping[str, Any], found: Findings, versions: Sequence[str]) -> Receipt:
    """Write the receipt of an erasure that is done; `request` says who asked for what, when and why."""
    folder = receipt_folder(out, str(request["erasure"]))
    receipt = Receipt({**request, **summary(found, versions), "artifacts": _artifacts(out, found)}, folder)
    write_text(folder / TEXT, receipt.text)
    write_json(folder / RECEIPT, dict(receipt.values))
    return receipt


def receipt_digest(receipt: Receipt) -> str:
    """The digest that the audit trail holds."""
    assert receipt.folder is not None
    return file_digest(receipt.folder / RECEIPT)


def summary(found: Findings, versions: Sequence[str]) -> dict[str, Any]:
    """The findings as a receipt tells them."""
    return {
        "records": len(found.records),
        "known_by": dict(sorted(Counter(found.records.values()).items())),
        "marks": sorted(found.records),
        "raw_rows": [found.rows[place] for place in sorted(found.rows)],
        "artifacts": [{"digest": digest, **entry} for digest, entry in sorted(found.artifacts.items())],
        "adapters": found.adapters,
        "verdicts": found.verdicts,
        "versions": list(versions),
        "log_lines": found.logs,
        "files_removed": found.files,
        "drafts_removed": found.drafts,
        "nearly_the_same": found.nearly,
    }


def _artifacts(out: Workspace, found: Findings) -> list[dict[str, Any]]:
    """Each artifact with its digest before, and that of its papers after."""
    rows = []
    for digest, entry in sorted(found.artifacts.items()):
        papers = papers_of(out.home, digest)
        rows.append({"digest": digest, **entry, "papers": None if papers is None else papers.state()})
    return rows


def _asked(values: Mapping[str, Any]) -> tuple[str, str]:
    """What was asked for, in both languages."""
    asked = values["asked"]
    if "rights_holder" in asked:
        name = asked["rights_holder"]
        return f"every record of the rights holder {name}", f"権利者「{name}」のすべてのレコード"
    return f"the record with the mark {asked['record'][:16]}", f"印 {asked['record'][:16]} のレコード"


def _english(values: Mapping[str, Any]) -> list[str]:
    asked, _ = _asked(values)
    lines = [
        f"Erasure {values['erasure']}",
        f"Asked for: {asked}, by {values['requested_by']} at {values['requested_at']}",
        f"Reason: {values['reason'] or 'none given'}",
        f"Carried out: {values.get('carried_out_at', 'not yet')}",
        f"Records erased: {values['records']:,}{_known_by(values, KNOWN_BY_EN)}",
        f"Artifacts replaced by their papers: {_digests(values['artifacts'])}",
        f"Adapters that learnt from them: {_counts(values['adapters'])}",
        f"Verdicts that were measured on them: {_counts(values['verdicts'])}",
        f"Versions to be retrained: {', '.join(values['versions']) or 'none'}",
        f"Lines struck from logs: {sum(values['log_lines'].values()):,}; "
        f"other files removed: {len(values['files_removed']):,}; "
        f"unfinished work removed: {len(values['drafts_removed']):,}",
        *_nearly(values, "Nearly the same, and left for you to decide (erase them by their places): {places}", ", "),
        "Raw files are not kitae's to change. To be deleted there by their owner:",
    ]
    return [*lines, *_rows(values["raw_rows"], "… and {more:,} more rows, all of them in receipt.json")]


def _japanese(values: Mapping[str, Any]) -> list[str]:
    _, asked = _asked(values)
    lines = [
        f"消去 {values['erasure']}",
        f"依頼：{asked}（{values['requested_by']}、{values['requested_at']}）",
        f"理由：{values['reason'] or '記載なし'}",
        f"実施：{values.get('carried_out_at', 'まだ')}",
        f"消去したレコード：{values['records']:,} 件{_known_by(values, KNOWN_BY_JA)}",
        f"控えに置き換えた成果物：{_digests(values['artifacts'], 'なし')}",
        f"学習に使ったアダプター：{_counts(values['adapters'], 'なし')}",
        f"測定に使った評価：{_counts(values['verdicts'], 'なし')}",
        f"再学習が要るバージョン：{'、'.join(values['versions']) or 'なし'}",
        f"ログから消した行：{sum(values['log_lines'].values()):,}、"
        f"削除したその他のファイル：{len(values['files_removed']):,}、"
        f"削除した作りかけ：{len(values['drafts_removed']):,}",
        *_nearly(values, "ほぼ同じ内容で、残したもの（場所を指定して消去できます）：{places}", "、"),
        "元のファイルは kitae が書き換えてよいものではありません。次の行は持ち主が削除してください：",
    ]
    return [*lines, *_rows(values["raw_rows"], "… ほか {more:,} 行（すべて receipt.json にあります）")]


def _known_by(values: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """How many of the records were not asked for themselves."""
    known_by = Counter(values["known_by"])
    # Of a rights holder, what does not name that holder says what one of the records says.
    others = known_by["record"] + known_by["content"] + known_by["place"] if "rights_holder" in values["asked"] else 0
    told = [words[name].format(n=n) for name, n in (("parent", known_by["parent"]), ("same", others)) if n]
    return f" ({', '.join(told)})" if told else ""


def _nearly(values: Mapping[str, Any], line: str, comma: str) -> list[str]:
    """A line about the records that say nearly the same, if there are any."""
    places = values.get("nearly_the_same", [])
    more = [f"… +{len(places) - ROWS_SHOWN:,}"] if len(places) > ROWS_SHOWN else []
    return [line.format(places=comma.join([*places[:ROWS_SHOWN], *more]))] if places else []


def _rows(rows: Sequence[Mapping[str, Any]], rest: str) -> list[str]:
    lines = [
        f"  {row['file']}{'[' + row['sheet'] + ']' if row['sheet'] else ''}:{row['row']}" for row in rows[:ROWS_SHOWN]
    ]
    more = len(rows) - ROWS_SHOWN
    return [*lines, f"  {rest.format(more=more)}"] if more > 0 else lines


def _digests(artifacts: Sequence[Mapping[str, Any]], none: str = "none") -> str:
    return ", ".join(f"{one['kind']} {one['digest'][:12]} ({one['records']:,})" for one in artifacts) or none


def _counts(counts: Mapping[str, int], none: str = "none") -> str:
    return ", ".join(f"{digest[:12]} ({count:,})" for digest, count in sorted(counts.items())) or none
