"""Shapes: how a row of named values becomes a conversation. Recognised row by row, or named in the recipe.

SHAPES is a table: each shape says whether a row has it and how it is built. `columns` of the recipe (canonical name to
column or dotted path) goes before the headings that are known by themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.records import Message
from kitae.data.shaping.answers import alpaca, prompt_completion, question_answer, text_label
from kitae.data.shaping.preferences import is_judged, judged, pair, turns
from kitae.data.shaping.turns import FORMS, ROLES_AS_WRITTEN, tools_of, turns_in
from kitae.data.shaping.views import CANONICAL, UnreadableRow, View, as_text, heading_key, label_list

NAMED = ("label", "licence", "consent", "rights_holder", "language", "group", "use")
"""What a row may say about itself beside its conversation."""


@dataclass(frozen=True)
class Built:
    """What a shape made of a row."""

    messages: Sequence[Message]
    rejected: Sequence[Message] = ()
    desirable: bool | None = None


@dataclass(frozen=True)
class Shaped:
    """What a row says: its conversation, its label ("" for none) and the values `columns` or headings named.

    `rejected`, `desirable` and `tools` are as in `Record`.
    """

    shape: str
    messages: tuple[Message, ...]
    label: str
    named: Mapping[str, str]
    meta: Mapping[str, Any]
    rejected: tuple[Message, ...] = ()
    desirable: bool | None = None
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Shape:
    """One shape: whether a row has it, how it is built, and what it wants, in words."""

    matches: Callable[[View], bool]
    build: Callable[[View], Built]
    wants: str
    tools: bool = False
    """Whether a column of that name offers functions."""


def read_shape(
    values: Mapping[str, Any], *, shape: str = "auto", columns: Mapping[str, str] | None = None, task: str = "chat"
) -> Shaped:
    """The conversation in a row. `shape` is a name of `SHAPES` or "auto". Raises `UnreadableRow`."""
    view = View(values, columns or {})
    name = _recognise(view, task) if shape == "auto" else shape
    if not SHAPES[name].matches(view):
        raise UnreadableRow(f"no {name} row: wants {SHAPES[name].wants}; has {_keys(values)}")
    built = SHAPES[name].build(view)
    messages = tuple(built.messages)
    tools = tools_of(view) if SHAPES[name].tools and view.has("tools") else ()
    if view.has("system") and messages[0].role not in {"system", "document"} and (system := view.text("system")):
        messages = (Message("system", system), *messages)
    view.use_up("licence", "consent", "rights_holder", "use")
    named = {key: text for key in NAMED if (text := view.plain(key))}
    label = "" if built.desirable is not None else named.get("label", "")
    meta = view.rest() | ({"group": named["group"]} if "group" in named else {})
    if isinstance(labels := view.look("label"), list) and label:
        meta["labels"] = label_list(labels)
    return Shaped(name, messages, label, named, meta, tuple(built.rejected), built.desirable, tools)


def _turns_of(form: tuple[str, str] | None) -> Callable[[View], bool]:
    """Whether a row has turns of a form, or, for None, of any but the second, which is ShareGPT's."""

    def matches(view: View) -> bool:
        found = turns_in(view)
        return found is not None and (found[1].speaker == FORMS[1][0]) == (form is not None)

    return matches


def _talk(build: Callable[[View], list[Message]]) -> Callable[[View], Built]:
    return lambda view: Built(build(view))


def _has(*names: str) -> Callable[[View], bool]:
    return lambda view: view.has(*names) and any(view.look(name) is not None for name in names)


def _is_pair(view: View) -> bool:
    return view.look("chosen") is not None and view.look("rejected") is not None


def _pair(view: View) -> Built:
    messages, rejected = pair(view)
    return Built(messages, rejected=rejected)


def _judged(view: View) -> Built:
    messages, desirable = judged(view)
    return Built(messages, desirable=desirable)


def _document(view: View) -> Built:
    return Built([Message("document", view.text("text"))])


SHAPES: dict[str, Shape] = {
    "dpo": Shape(_is_pair, _pair, "a chosen and a rejected answer (and a prompt)", tools=True),
    "kto": Shape(is_judged, _judged, "an answer and whether it is desirable", tools=True),
    "messages": Shape(_turns_of(None), _talk(turns), "a list of turns with role and content", tools=True),
    "sharegpt": Shape(_turns_of(FORMS[1]), _talk(turns), "a list of turns with from and value", tools=True),
    "question_answer": Shape(_has("question", "answer"), _talk(question_answer), "a question and an answer column"),
    "alpaca": Shape(_has("instruction", "output"), _talk(alpaca), "instruction and output (and input)"),
    "prompt_completion": Shape(_has("prompt", "completion"), _talk(prompt_completion), "prompt and completion"),
    "text_label": Shape(_has("text", "label"), _talk(text_label), "a text and a label column"),
    "document": Shape(_has("text"), _document, "a text"),
}
"""In the order in which `auto` tries them."""
NAMED_BY_COLUMNS = (
    ({"chosen", "rejected"}, "dpo"),
    ({"desirable"}, "kto"),
    ({"text", "label"}, "text_label"),
    ({"question"}, "question_answer"),
    ({"answer"}, "question_answer"),
    ({"output"}, "alpaca"),
    ({"completion"}, "prompt_completion"),
)
"""Which shape the recipe means when it names these columns."""
COLUMNS_OF_SHAPES = (
    ("messages",), ("question", "answer"), ("instruction", "output"), ("prompt", "completion"), ("chosen", "rejected"),
    ("text",),
)  # fmt: skip
"""Columns of which a row may have all, and no value in any."""


def _recognise(view: View, task: str) -> str:
    for columns, name in NAMED_BY_COLUMNS:
        if columns <= view.columns.keys():
            return name
    if task == "pretrain" and SHAPES["document"].matches(view):
        return "document"
    for name, shape in SHAPES.items():
        if shape.matches(view):
            return name
    for needed in COLUMNS_OF_SHAPES:
        if view.has(*needed) and all(view.look(name) is None for name in needed):
            raise UnreadableRow(f"nothing stands in {' and '.join(needed)}")
    raise UnreadableRow(f"no known shape; has {_keys(view.values)}; name the columns in the recipe (columns: …)")


def _keys(values: Mapping[str, Any]) -> str:
    return ", ".join(list(values)[:12]) or "nothing"


__all__ = [
    "CANONICAL", "ROLES_AS_WRITTEN", "SHAPES", "Shape", "Shaped", "UnreadableRow", "View", "as_text",
    "heading_key", "read_shape",
]  # fmt: skip
