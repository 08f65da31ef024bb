"""Shapes: how a row of named values becomes a conversation. Recognised row by row, or named in the recipe.

SHAPES is a table: each shape says whether a row has it and how its messages are built. `columns` of the recipe
(canonical name to column or dotted path) goes before the headings that are known by themselves.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kitae.core.records import Message, Role

CANONICAL = (
    "question", "answer", "text", "label", "system", "licence", "consent", "rights_holder", "language", "group", "use",
)  # fmt: skip
"""Names that `columns` may map to a column."""

HEADINGS: dict[str, tuple[str, ...]] = {
    "question": (
        "question", "questions", "query", "q", "user", "inquiry", "enquiry", "customermessage", "usermessage",
        "質問", "ご質問", "質問文", "質問内容", "問い合わせ", "お問い合わせ", "問い合わせ内容", "お問い合わせ内容",
        "問合せ", "問合せ内容", "ユーザー", "ユーザー発話", "お客様の質問",
    ),
    "answer": (
        "answer", "answers", "a", "reply", "response", "assistant", "agentmessage", "agentreply",
        "回答", "ご回答", "回答文", "回答内容", "返信", "返信内容", "返答", "応答", "対応内容", "アシスタント",
    ),
    "prompt": ("prompt", "プロンプト"),
    "completion": ("completion", "response", "chosenresponse", "出力"),
    "instruction": ("instruction", "指示"),
    "input": ("input", "入力"),
    "output": ("output", "response", "出力"),
    "text": ("text", "utterance", "sentence", "message", "content", "本文", "テキスト", "発話", "文", "文章"),
    "label": (
        "label", "category", "class", "intent", "topic", "target",
        "ラベル", "分類", "カテゴリ", "カテゴリー", "種別", "意図", "トピック",
    ),
    "system": ("system", "systemprompt", "システム"),
    "licence": ("licence", "license", "利用許諾", "ライセンス", "使用許諾", "許諾"),
    "consent": ("consent", "consentbasis", "同意", "同意区分", "利用根拠"),
    "rights_holder": ("rightsholder", "owner", "権利者", "著作権者"),
    "language": ("language", "lang", "locale", "言語"),
}  # fmt: skip
"""Headings that name themselves, as `heading_key` writes them."""

ROLES_AS_WRITTEN: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "customer": "user", "client": "user",
    "guest": "user", "お客様": "user", "ユーザー": "user", "assistant": "assistant", "gpt": "assistant",
    "bot": "assistant", "chatgpt": "assistant", "model": "assistant", "agent": "assistant", "staff": "assistant",
    "スタッフ": "assistant", "オペレーター": "assistant", "tool": "tool", "function": "tool", "observation": "tool",
}  # fmt: skip

_SEPARATORS = re.compile(r"[\s_\-・:：]+")
_MISSING = object()


class UnreadableRow(Exception):
    """A row that has no known shape, or breaks the rules of its own; the text is the reason it is quarantined."""


@dataclass(frozen=True)
class Shaped:
    """What a row says: its conversation, its label ("" for none) and the values `columns` or headings named."""

    shape: str
    messages: tuple[Message, ...]
    label: str
    named: Mapping[str, str]
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """A row as the shapes see it: values by canonical name, whatever the columns are called."""

    values: Mapping[str, Any]
    columns: Mapping[str, str]
    by_key: Mapping[str, str]

    @staticmethod
    def of(values: Mapping[str, Any], columns: Mapping[str, str]) -> "View":
        """A view of a row with the recipe's `columns`."""
        return View(values, columns, {heading_key(name): name for name in reversed(list(values))})

    def column(self, name: str) -> str | None:
        """The column or dotted path that holds a canonical value, or None."""
        if name in self.columns:
            return self.columns[name] if at_path(self.values, self.columns[name]) is not _MISSING else None
        return next((self.by_key[key] for key in HEADINGS.get(name, ()) if key in self.by_key), None)

    def has(self, *names: str) -> bool:
        """Whether the row has all these values."""
        return all(self.column(name) is not None for name in names)

    def text(self, name: str) -> str:
        """A value as text, "" when the row has none."""
        column = self.column(name)
        return "" if column is None else as_text(at_path(self.values, column))


@dataclass(frozen=True)
class Shape:
    """One shape: whether a row has it, its conversation, and the columns it uses up."""

    matches: Callable[[View], bool]
    build: Callable[[View], list[Message]]
    uses: tuple[str, ...]
    wants: str


def read_shape(values: Mapping[str, Any], *, shape: str = "auto", columns: Mapping[str, str] | None = None) -> Shaped:
    """The conversation in a row. `shape` is a name of `SHAPES` or "auto". Raises `UnreadableRow`."""
    view = View.of(values, columns or {})
    name = _recognise(view) if shape == "auto" else shape
    wanted = SHAPES[name]
    if not wanted.matches(view):
        raise UnreadableRow(f"no {name} row: wants {wanted.wants}; has {_keys(values)}")
    messages = tuple(wanted.build(view))
    system = view.text("system")
    if system and messages and messages[0].role != "system":
        messages = (Message("system", system), *messages)
    named = {key: view.text(key) for key in CANONICAL if view.text(key)}
    return Shaped(name, messages, named.get("label", ""), named, _meta(view, wanted))


def heading_key(heading: str) -> str:
    """A heading as `HEADINGS` writes it: NFKC, lower case, no spaces, hyphens or underscores."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", heading).casefold())


def at_path(values: Mapping[str, Any], path: str) -> Any:
    """The value at a column name or dotted path (`utterances.0.text`), or a marker when there is none."""
    if path in values:
        return values[path]
    node = values
    for part in path.split(".") if "." in path else ():
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return _MISSING
    return node if node is not values else _MISSING


def as_text(value: Any) -> str:
    """A JSON value as text: the text parts of a list of content parts, "" for null."""
    if value is None or value is _MISSING:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        return "".join(as_text(part.get("text")) for part in value if part.get("type", "text") == "text")
    raise UnreadableRow(f"a {type(value).__name__} where text is wanted")


def _turns(values: Mapping[str, Any], key: str, role_key: str, content_key: str) -> list[Message]:
    turns = values[key]
    if not turns:
        raise UnreadableRow(f"'{key}' is empty")
    messages = []
    for number, turn in enumerate(turns, start=1):
        if not isinstance(turn, Mapping) or role_key not in turn:
            raise UnreadableRow(f"turn {number} of '{key}' has no '{role_key}'")
        written = str(turn[role_key]).strip()
        role = ROLES_AS_WRITTEN.get(written.casefold())
        if role is None:
            raise UnreadableRow(f"turn {number} of '{key}' has the unknown role '{written[:40]}'")
        messages.append(Message(role, as_text(turn.get(content_key))))
    return messages


def _has_turns(view: View, keys: tuple[str, ...], role_key: str) -> str | None:
    for key in keys:
        turns = view.values.get(key)
        if isinstance(turns, list) and (not turns or (isinstance(turns[0], Mapping) and role_key in turns[0])):
            return key
    return None


MESSAGE_KEYS = ("messages", "conversation", "conversations", "dialog", "dialogue", "turns")


def _messages(view: View) -> list[Message]:
    return _turns(view.values, _has_turns(view, MESSAGE_KEYS, "role") or "messages", "role", "content")


def _sharegpt(view: View) -> list[Message]:
    return _turns(view.values, _has_turns(view, MESSAGE_KEYS, "from") or "conversations", "from", "value")


def _alpaca(view: View) -> list[Message]:
    question = "\n".join(part for part in (view.text("instruction"), view.text("input")) if part.strip())
    return [Message("user", question), Message("assistant", view.text("output"))]


def _pair(question: str, answer: str) -> Callable[[View], list[Message]]:
    def build(view: View) -> list[Message]:
        return [Message("user", view.text(question)), Message("assistant", view.text(answer))]

    return build


SHAPES: dict[str, Shape] = {
    "messages": Shape(
        lambda view: _has_turns(view, MESSAGE_KEYS, "role") is not None,
        _messages,
        (),
        "a list of turns with role and content",
    ),
    "sharegpt": Shape(
        lambda view: _has_turns(view, MESSAGE_KEYS, "from") is not None,
        _sharegpt,
        (),
        "a list of turns with from and value",
    ),
    "question_answer": Shape(
        lambda view: view.has("question", "answer"),
        _pair("question", "answer"),
        ("question", "answer"),
        "a question and an answer column",
    ),
    "alpaca": Shape(
        lambda view: view.has("instruction", "output"),
        _alpaca,
        ("instruction", "input", "output"),
        "instruction and output (and input)",
    ),
    "prompt_completion": Shape(
        lambda view: view.has("prompt", "completion"),
        _pair("prompt", "completion"),
        ("prompt", "completion"),
        "prompt and completion",
    ),
    "text_label": Shape(
        lambda view: view.has("text", "label"),
        _pair("text", "label"),
        ("text", "label"),
        "a text and a label column",
    ),
}
"""In the order in which `auto` tries them."""


def _recognise(view: View) -> str:
    if {"text", "label"} <= view.columns.keys():
        return "text_label"
    if {"question", "answer"} & view.columns.keys():
        return "question_answer"
    for name, shape in SHAPES.items():
        if shape.matches(view):
            return name
    raise UnreadableRow(f"no known shape; has {_keys(view.values)}; name the columns in the recipe (columns: …)")


def _meta(view: View, shape: Shape) -> dict[str, Any]:
    """The columns that were not used up, and the group. Of a list whose part was used nothing stays."""
    used = {view.column(name) for name in (*shape.uses, "system", "licence", "consent", "rights_holder", "use")}
    paths = [path for path in used if path is not None and path not in view.values]
    used |= {key for key in MESSAGE_KEYS if isinstance(view.values.get(key), list)}
    used |= {root for root, _, _ in (path.partition(".") for path in paths) if isinstance(view.values[root], list)}
    meta = {key: value for key, value in view.values.items() if key not in used}
    for path in paths:
        root, _, leaf = path.partition(".")
        if isinstance(meta.get(root), dict):
            meta[root] = {key: value for key, value in meta[root].items() if key != leaf}
            if not meta[root]:
                del meta[root]
    if view.has("group"):
        meta["group"] = view.text("group")
    return meta


def _keys(values: Mapping[str, Any]) -> str:
    return ", ".join(list(values)[:12]) or "nothing"
