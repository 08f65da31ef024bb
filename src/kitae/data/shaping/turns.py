"""Conversations as lists of turns: OpenAI messages, ShareGPT, and how others write the same, with tools."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.records import Message, Role
from kitae.data.shaping.views import UnreadableRow, View, as_text

ROLES_AS_WRITTEN: dict[str, Role] = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "customer": "user", "client": "user",
    "guest": "user", "お客様": "user", "ユーザー": "user", "assistant": "assistant", "gpt": "assistant",
    "bot": "assistant", "chatgpt": "assistant", "model": "assistant", "agent": "assistant", "staff": "assistant",
    "operator": "assistant", "スタッフ": "assistant", "オペレーター": "assistant", "tool": "tool", "function": "tool",
    "observation": "tool", "functionresponse": "tool", "toolresponse": "tool", "ipython": "tool",
}  # fmt: skip
CALLING = frozenset({"functioncall", "toolcall", "toolcalls"})
"""Roles of turns that are nothing but the assistant's calls, as JSON text."""
FORMS = (
    ("role", "content"), ("from", "value"), ("speaker", "text"), ("name", "text"), ("speaker", "utterance"),
    ("role", "text"), ("role", "value"), ("from", "content"),
)  # fmt: skip
"""Keys of the speaker and of what is said, in the order in which they are tried."""
_LOOSE = re.compile(r"[\s_\-]+|(?<=\D)\d+\Z")
"""What the roles in `user 1`, `operator_2` and `function_call` may be written with or without."""


@dataclass(frozen=True)
class Form:
    """The keys under which turns say who speaks and what."""

    speaker: str
    said: str


def turns_in(view: View) -> tuple[list[Any], Form] | None:
    """The list of turns of a row and its form, or None."""
    turns = view.look("messages")
    if not isinstance(turns, list):
        return None
    form = form_of(turns)
    return None if form is None else (turns, form)


def form_of(turns: Sequence[Any]) -> Form | None:
    """The form of the first turn; an empty list has the first one, and a list of something else none."""
    if not turns:
        return Form(*FORMS[0])
    keys = turns[0].keys() if isinstance(turns[0], Mapping) else ()
    found = next((form for form in FORMS if set(form) <= set(keys)), None)
    found = found or next((form for form in FORMS[:2] if form[0] in keys), None)
    return None if found is None else Form(*found)


def conversation(turns: Sequence[Any], form: Form, where: str) -> list[Message]:
    """The messages of a list of turns. Raises `UnreadableRow`."""
    if not turns:
        raise UnreadableRow(f"'{where}' is empty")
    speaking = _Speaking()
    for number, turn in enumerate(turns, start=1):
        if not isinstance(turn, Mapping) or turn.get(form.speaker) is None:
            raise UnreadableRow(f"turn {number} of '{where}' has no '{form.speaker}'")
    return [speaking.message(turn, form, f"turn {number} of '{where}'") for number, turn in enumerate(turns, start=1)]


class _Speaking:
    """Makes turns messages and knows which calls wait for a result."""

    def __init__(self) -> None:
        self._calls = 0
        self._waiting: list[tuple[str, str]] = []

    def message(self, turn: Mapping[str, Any], form: Form, where: str) -> Message:
        """A turn as a message. Raises `UnreadableRow`."""
        written = str(turn[form.speaker]).strip()
        key = _LOOSE.sub("", written.casefold())
        content = as_text(turn.get(form.said))
        if key in CALLING:
            return Message("assistant", "", self._called(content, where))
        role = ROLES_AS_WRITTEN.get(key)
        if role is None:
            raise UnreadableRow(f"{where} has the unknown role '{written[:40]}'")
        name = as_text(turn.get("name")) if form.speaker != "name" else ""
        if role == "tool":
            return Message(role, content, tool_call_id=self._answered(turn, name), name=name)
        calls = turn.get("tool_calls") or turn.get("function_call")
        return Message(role, content, self._called(calls, where) if calls and role == "assistant" else (), name=name)

    def _called(self, written: Any, where: str) -> tuple[Mapping[str, Any], ...]:
        """Calls in the form of the OpenAI API, whichever form they are written in; those without an id get one."""
        calls = read_json(written, f"the call of {where}")
        self._waiting = []
        out = []
        for call in calls if isinstance(calls, list) else [calls]:
            self._calls += 1
            function = call.get("function", call) if isinstance(call, Mapping) else None
            if not isinstance(function, Mapping) or not isinstance(name := function.get("name"), str) or not name:
                raise UnreadableRow(f"{where} calls a function without a name")
            given = function.get("arguments", function.get("parameters"))
            arguments = given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False)
            identifier = as_text(call.get("id")) or f"call_{self._calls}"
            self._waiting.append((identifier, name))
            out.append({"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}})
        return tuple(out)

    def _answered(self, turn: Mapping[str, Any], name: str) -> str:
        """The id of the call that a turn answers: as it says, else the first that waits, by its name if it has one."""
        given = as_text(turn.get("tool_call_id"))
        matches = [call for call in self._waiting if given in {"", call[0]} and (given or name in {"", call[1]})]
        if matches:
            self._waiting.remove(matches[0])
        return given or (matches[0][0] if matches else "")


def tools_of(view: View) -> tuple[Mapping[str, Any], ...]:
    """The functions that a row offers, in the form of the OpenAI API. Raises `UnreadableRow`."""
    written = view.take("tools")
    if not written or (isinstance(written, str) and not written.strip()):
        return ()
    tools = read_json(written, "'tools'")
    return tuple(map(_tool, tools if isinstance(tools, list) else [tools]))


def _tool(tool: Any) -> Mapping[str, Any]:
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise UnreadableRow("a tool without a name")
    whole = tool if "function" in tool else {"type": "function", "function": tool}
    return dict(_without_nulls(whole))


def _without_nulls(value: Any) -> Any:
    """A schema without the nulls with which columnar files fill up what only other rows have."""
    if isinstance(value, Mapping):
        kept = {"default", "const"}
        return {key: _without_nulls(item) for key, item in value.items() if item is not None or key in kept}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def read_json(written: Any, what: str) -> Any:
    """JSON text read; anything else as it is. Raises `UnreadableRow`."""
    if not isinstance(written, str):
        return written
    try:
        return json.loads(written, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise UnreadableRow(f"{what} is not valid JSON: {error}") from error
