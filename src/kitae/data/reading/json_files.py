"""JSON files that are one value: a list of objects, or an object that holds one, read piece by piece.

No more than a row is ever in memory, however long the list is. A wrong item costs itself: reading goes on where the
next one seems to begin. A list that breaks off gives the objects before the break and one bad row.
"""

from collections.abc import Iterator

from kitae.data.reading.json_values import DECODER, as_row, read_jsonl
from kitae.data.reading.lines import LongLine, bounded_lines
from kitae.data.reading.rows import QUOTED_HEAD, BadRow, Raw, Row
from kitae.data.reading.window import Window, WrongJson


def read_json(raw: Raw) -> Iterator[Row | BadRow]:
    """Rows of a JSON file: a list of objects, or an object that holds one; JSON lines are understood too."""
    if _is_lines(raw):
        yield from read_jsonl(raw)
        return
    with raw.text(newline="") as file:
        window = Window(file, raw.longest_row)
        mark = window.peek()
        if mark == "[":
            yield from _lists(window)
            return
    key = _key_of_rows(raw) if mark == "{" else None
    if key is None:
        yield from read_jsonl(raw)
        return
    with raw.text(newline="") as file:
        window = Window(file, raw.longest_row)
        if key:
            _go_to(window, key)
        yield from _items(window, closed_by="]" if key else "")


def _is_lines(raw: Raw) -> bool:
    """Whether the first line is a JSON value by itself and more follows; a list of rows is none."""
    with raw.text(newline="\n") as file:
        lines = (line for line in bounded_lines(file, raw.longest_row) if isinstance(line, LongLine) or line.strip())
        first = next(lines, "")
        if isinstance(first, LongLine):
            return False
        try:
            value = DECODER.decode(first.strip().lstrip("\ufeff"))
        except (ValueError, RecursionError):
            return False
        rows = isinstance(value, list) and "row" in map(_kind, value)
        return not rows and next(lines, None) is not None


def _lists(window: Window) -> Iterator[Row | BadRow]:
    """The items of a list, and of further lists behind it, as programs leave them that append to a file."""
    last = 0
    while window.peek() == "[":
        window.skip()
        for row in _items(window, closed_by="]", after=last):
            last = row.row
            yield row
    if window.peek():
        yield BadRow(
            "text after the end of the list", window.text[window.at :][:QUOTED_HEAD], last + 1, "", window.line
        )


def _items(window: Window, *, closed_by: str, after: int = 0) -> Iterator[Row | BadRow]:
    """The items of a list whose bracket was passed, numbered from `after` + 1; with `closed_by` "", all to the end."""
    number = after
    while (mark := window.peek()) != closed_by:
        if mark == ",":
            window.skip()
            continue
        number += 1
        line = window.line
        if not mark:
            yield BadRow("the list breaks off: its closing bracket is missing", "", number, "", line)
            return
        try:
            value, written = window.value()
        except WrongJson as error:
            head = window.text[window.at :][:QUOTED_HEAD]
            more = window.next_item(error.at)
            what = "the JSON is wrong here" if more else "the JSON breaks off or is wrong from here on"
            yield BadRow(f"{what}: {error}", head, number, "", line)
            if not more:
                return
        else:
            yield as_row(value, number, line, written=written)
    window.skip()


def _key_of_rows(raw: Raw) -> str | None:
    """Which value of an object holds the rows: its one list of objects; "" when it is a row itself; None if broken."""
    kinds: dict[str, set[str]] = {}
    with raw.text(newline="") as file:
        window = Window(file, raw.longest_row)
        try:
            for key in _keys(window):
                kinds[key] = set()
                for value in _values(window):
                    kinds[key].add(_kind(value))
            whole = True
            more = bool(window.peek())
        except WrongJson:
            whole = more = False
    lists = [key for key, found in kinds.items() if found and found <= {"row", "turn"} and found != {"turn"}]
    if len(lists) == 1 and not more:
        return lists[0]
    return "" if whole else None


def _kind(value: object) -> str:
    if not isinstance(value, dict):
        return "other"
    return "turn" if {"role", "from"} & value.keys() else "row"


def _go_to(window: Window, wanted: str) -> None:
    """Go behind the bracket of the list with this key."""
    for key in _keys(window):
        if key == wanted and window.peek() == "[":
            window.skip()
            return
        for _ in _values(window):
            pass


def _keys(window: Window) -> Iterator[str]:
    """The keys of an object; whoever asks for the next has passed over the value of the last. Raises `WrongJson`."""
    window.peek()
    window.skip()
    while (mark := window.peek()) != "}":
        if mark == ",":
            window.skip()
            continue
        key, _ = window.value()
        if not isinstance(key, str) or window.peek() != ":":
            raise WrongJson("a key and a colon are wanted", window.at)
        window.skip()
        window.peek()
        yield key
    window.skip()


def _values(window: Window) -> Iterator[object]:
    """The items of the list that begins here; of any other value nothing, and it is passed over. Raises `WrongJson`."""
    if window.peek() != "[":
        window.value()
        return
    window.skip()
    while (mark := window.peek()) != "]":
        if mark == ",":
            window.skip()
            continue
        yield window.value()[0]
    window.skip()
