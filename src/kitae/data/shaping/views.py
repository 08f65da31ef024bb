"""A row as the shapes see it: values by what they mean, whatever the columns are called."""

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from kitae.core.columns import MISSING, at_path

HEADINGS: dict[str, tuple[str, ...]] = {
    "question": (
        "question", "questions", "query", "q", "user", "inquiry", "enquiry", "customermessage", "usermessage",
        "質問", "ご質問", "質問文", "質問内容", "問い合わせ", "お問い合わせ", "問い合わせ内容", "お問い合わせ内容",
        "問合せ", "問合せ内容", "ユーザー", "ユーザー発話", "お客様の質問",
        "frage", "fragen", "fragetext", "anfrage", "kundenfrage", "kundenanfrage",
    ),
    "answer": (
        "answer", "answers", "a", "reply", "response", "assistant", "agentmessage", "agentreply",
        "回答", "ご回答", "回答文", "回答内容", "返信", "返信内容", "返答", "応答", "対応内容", "アシスタント",
        "antwort", "antworten", "antworttext",
    ),
    "prompt": ("prompt", "プロンプト"),
    "completion": ("completion", "response", "chosenresponse", "出力"),
    "instruction": ("instruction", "指示", "anweisung"),
    "input": ("input", "入力", "eingabe"),
    "output": ("output", "response", "出力", "ausgabe"),
    "history": ("history", "履歴", "verlauf"),
    "chosen": ("chosen", "chosenresponse", "preferredoutput", "好ましい回答"),
    "rejected": ("rejected", "rejectedresponse", "nonpreferredoutput", "好ましくない回答"),
    "desirable": ("ktotag", "desirable"),
    "messages": ("messages", "conversation", "conversations", "dialog", "dialogue", "turns", "utterances"),
    "tools": ("tools", "functions"),
    "text": (
        "text", "utterance", "sentence", "message", "content", "本文", "テキスト", "発話", "文", "文章", "nachricht",
    ),
    "label": (
        "label", "labels", "category", "class", "intent", "topic", "target",
        "ラベル", "分類", "カテゴリ", "カテゴリー", "種別", "意図", "トピック", "kategorie", "klasse", "thema",
    ),
    "system": ("system", "systemprompt", "システム"),
    "licence": ("licence", "license", "利用許諾", "ライセンス", "使用許諾", "許諾", "lizenz"),
    "consent": ("consent", "consentbasis", "同意", "同意区分", "利用根拠", "einwilligung"),
    "rights_holder": ("rightsholder", "owner", "権利者", "著作権者", "rechteinhaber"),
    "language": ("language", "lang", "locale", "言語", "sprache"),
}  # fmt: skip
"""Headings that name themselves, as `heading_key` writes them."""

INSIDE = {"input": "instances.0.input", "output": "instances.0.output"}
"""Where self-instruct (Wang et al. 2022, arXiv:2212.10560) keeps what has no column of its own."""

CANONICAL = (*HEADINGS, "group", "use")
"""Names that `columns` may map to a column."""

_SEPARATORS = re.compile(r"[\s_\-・:：]+")


class UnreadableRow(Exception):
    """A row that has no known shape, or breaks the rules of its own; the text is the reason it is quarantined."""


class View:
    """The values of a row by canonical name; what was taken from it does not stay in the row's other columns."""

    def __init__(self, values: Mapping[str, Any], columns: Mapping[str, str]) -> None:
        self.values = values
        self.columns = columns
        self._by_name = _columns(tuple(values))
        self._found: dict[str, str | None] = {}
        self._taken: set[str] = set()
        self._parsed: dict[str, Any] = {}

    def column(self, name: str) -> str | None:
        """The column or dotted path that holds a canonical value, or None."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> str | None:
        path = self.columns.get(name)
        columns = self._by_name.get(name, ())
        if path is None and not columns:
            path = INSIDE.get(name)
        if path is not None:
            return path if at_path(self.values, path) is not MISSING else None
        # Files that hold rows of several kinds fill what only some have with nulls.
        return next((column for column in columns if self.values[column] is not None), columns[0] if columns else None)

    def has(self, *names: str) -> bool:
        """Whether the row has all these values."""
        return all(self.column(name) is not None for name in names)

    def look(self, name: str) -> Any:
        """A value as it stands, None when the row has none; JSON text of a list or an object is read."""
        column = self.column(name)
        if column is None:
            return None
        if column not in self._parsed:
            self._parsed[column] = _parsed(at_path(self.values, column))
        return self._parsed[column]

    def take(self, name: str) -> Any:
        """As `look`, and the value is used up."""
        self.use_up(name)
        return self.look(name)

    def text(self, name: str) -> str:
        """A value as text, "" when the row has none; it is used up. Raises `UnreadableRow`."""
        self.use_up(name)
        column = self.column(name)
        return "" if column is None else as_text(at_path(self.values, column))

    def use_up(self, *names: str) -> None:
        """Leave these values out of the other columns."""
        self._taken |= {column for name in names if (column := self.column(name)) is not None}

    def plain(self, name: str) -> str:
        """A value that is a text, a number or a list of them, as text; "" for anything else."""
        value = self.look(name)
        if isinstance(value, list):
            return ", ".join(labels) if (labels := label_list(value)) else ""
        return as_text(value) if isinstance(value, (str, int, float)) else ""

    def rest(self) -> dict[str, Any]:
        """The columns that were not used up. Of a list whose part was used nothing stays."""
        rest = {key: value for key, value in self.values.items() if key not in self._taken}
        for path in self._taken - self.values.keys():
            _take_out(rest, path.split("."))
        return rest


def _take_out(values: dict[str, Any], parts: list[str]) -> None:
    """Leave out of fresh `values` what is at a dotted path, and what is empty without it."""
    root = parts[0]
    inner = values.get(root)
    if len(parts) > 1 and isinstance(inner, dict):
        values[root] = dict(inner)
        _take_out(values[root], parts[1:])
        if values[root]:
            return
    values.pop(root, None)


@lru_cache(maxsize=512)
def _columns(names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """The columns that may hold each canonical value by their headings, the likeliest first."""
    by_key = {heading_key(name): name for name in reversed(names)}
    found = {
        canonical: tuple(by_key[key] for key in headings if key in by_key) for canonical, headings in HEADINGS.items()
    }
    return {canonical: columns for canonical, columns in found.items() if columns}


def heading_key(heading: str) -> str:
    """A heading as `HEADINGS` writes it: NFKC, lower case, no spaces, hyphens or underscores."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", heading).casefold())


def as_text(value: Any) -> str:
    """A JSON value as text: the text parts of a list of content parts, "" for null. Raises `UnreadableRow`."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        return "".join(map(_part, value))
    raise UnreadableRow(f"a {type(value).__name__} where text is wanted")


def _part(part: Mapping[str, Any]) -> str:
    kind = part.get("type", "text")
    if kind not in {"text", "input_text", "output_text", "refusal"}:
        raise UnreadableRow(f"a content part of the type '{str(kind)[:40]}': only text can be read")
    return as_text(part.get("refusal" if kind == "refusal" else "text"))


def label_list(value: list[Any]) -> list[str]:
    """Labels in a list of plain values; none when it holds anything else."""
    plain = all(isinstance(item, (str, int, float)) for item in value)
    return [as_text(item).strip() for item in value if as_text(item).strip()] if plain else []


def _parsed(value: Any) -> Any:
    """Lists and objects that stand in a text cell, as they do in CSV; anything else as it is."""
    if value is MISSING:
        return None
    if not isinstance(value, str) or value[:1] not in {"[", "{"}:
        return value
    try:
        return json.loads(value, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return value
