"""A sliding view of a long JSON text: values are decoded one by one, and what has been read is let go."""

import io
import json
import re
from typing import Any

from kitae.data.reading.json_values import DECODER, complaint
from kitae.data.reading.lines import too_long

BLOCK = 1 << 20
LOOK_BACK = 256
"""So many characters before the place are kept: how an item is indented is seen there."""
CUT = 16
"""An error so near to the end of what was read may be due to the cut."""
_BLANK = re.compile(r"[ \t\r\n\ufeff]*")
_ENDS_ITSELF = frozenset('}]"')
_INDENTED = re.compile(r"(?:\n|\A)([ \t]*)\Z")
_COMPACT = re.compile(r",\s*(?=\{)")


class WrongJson(Exception):
    """What stands here is no JSON value; the text is the reason, `at` where in the window the trouble begins."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.at = at


class Window:
    """The part of a text from just before a place, which moves forward only."""

    def __init__(self, file: io.TextIOBase, longest: int) -> None:
        self.text = ""
        self.at = 0
        self._file = file
        self._longest = longest
        self._ended = False
        self._lines = 1
        self._counted = 0

    @property
    def line(self) -> int:
        """The 1-based line of the place."""
        self._lines += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._lines

    def peek(self) -> str:
        """Go to the next character that is not blank, and give it; "" at the end."""
        while True:
            blank = _BLANK.match(self.text, self.at)
            self.at = blank.end() if blank else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Pass over one character."""
        self.at += 1

    def value(self) -> tuple[Any, str]:
        """The JSON value that begins here, and how it is written. Raises `WrongJson` without moving."""
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - CUT
                if cut and self._more_of_value():
                    continue
                raise WrongJson(complaint(error), error.pos) from error
            except (ValueError, RecursionError) as error:
                raise WrongJson(str(error), self.at) from error
            if end == len(self.text) and self.text[end - 1] not in _ENDS_ITSELF and self._more():
                continue
            if end - self.at > self._longest:
                raise WrongJson(too_long(end - self.at), end - 1)
            written = self.text[self.at : end]
            self.at = end
            return value, written

    def next_item(self, start: int) -> bool:
        """Go to where the next item seems to begin, at or after `start`; False, at the end, when there is none.

        It begins as the item at the place does: on a line of its own with the same indentation, or after a comma.
        """
        indented = _INDENTED.search(self.text[max(0, self.at - LOOK_BACK) : self.at])
        pattern = re.compile(rf"\n{indented[1]}(?=[{{\[])") if indented else _COMPACT
        start = max(start, self.at + 1)
        while (match := pattern.search(self.text, start)) is None:
            self.at = max(start, len(self.text) - LOOK_BACK)
            if not self._more():
                self.at = len(self.text)
                return False
            start = self.at
        self.at = match.end()
        return True

    def _more_of_value(self) -> bool:
        """Read on for a value that is not whole yet. Raises `WrongJson` when it is longer than is read."""
        held = len(self.text) - self.at
        if held > self._longest:
            raise WrongJson(too_long(held), len(self.text))
        return self._more(held)

    def _more(self, least: int = 0) -> bool:
        """Let go of what was read and read on; False at the end of the file."""
        if self._ended:
            return False
        self._lines = self.line
        keep = max(0, self.at - LOOK_BACK)
        piece = self._file.read(max(BLOCK, least))
        self._ended = not piece
        self.text = self.text[keep:] + piece
        self.at -= keep
        self._counted = self.at
        return bool(piece)
