"""How a row that could not be used is quoted: shortly, as it stands or with its private data masked.

Such a row may be broken, so what is private by its column is looked up in what was written: the value after a private
key of JSON, whole or not, and the cells that may stand under a private heading of a table.
"""

import json
import re
from typing import Any

from kitae.data.privacy.redaction import masked, private_column
from kitae.data.reading.rows import BadRow, Cells, Row

QUOTED_CHARACTERS = 200
LOOKED_AT_CHARACTERS = 4_000
"""What stands further on is not quoted: private data must be found whole before a quote is cut to its length."""

_KEY = re.compile(r'"((?:[^"\\]|\\.){1,99})"\s*:\s*')
_VALUE = re.compile(
    # A quote that no comma or bracket follows does not end a text: somebody forgot to escape it.
    r'(?!null\b|""\s*[,}\]])(?:"(?:[^"\\]|\\.|"(?!\s*[,}\]]|\s*\Z))*"?|\[[^\]]*\]?|\{[^}]*\}?|[^\s,}\]]+)'
)
_ESCAPED = re.compile(r"\\u(?!00[0-7])([0-9A-Fa-f]{4})")


def quoted(raw: Row | BadRow) -> str:
    """How a row begins, as it stands."""
    content = raw.values if isinstance(raw, Row) else raw.content
    return _readable(" | ".join(content.values) if isinstance(content, Cells) else _text(content))[:QUOTED_CHARACTERS]


def quoted_masked(raw: Row | BadRow) -> str:
    """How a row begins, with private columns and private data in the text masked."""
    content = raw.values if isinstance(raw, Row) else raw.content
    text = " | ".join(_masked_cells(content)) if isinstance(content, Cells) else _masked_pairs(_text(content))
    return masked(_readable(text))[:QUOTED_CHARACTERS]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _readable(text: str) -> str:
    """The beginning of a text as it can be written in UTF-8, undecodable parts as a question mark."""
    return text[:LOOKED_AT_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")


def _masked_cells(row: Cells) -> list[str]:
    """Cells without those that may be private: with some too many or too few, each may stand under several headings."""
    out = []
    for place, cell in enumerate(row.values):
        places = sorted((place, place + len(row.heading) - len(row.values)))
        above = row.heading[max(0, places[0]) : max(0, places[1] + 1)]
        kind = next((kind for kind in map(private_column, above) if kind), None)
        out.append(f"[{kind}]" if kind and cell.strip() else cell)
    return out


def _masked_pairs(text: str) -> str:
    """JSON text, whole or not, without the values of private keys; escaped letters are written out to be recognised."""
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text[:LOOKED_AT_CHARACTERS])
    pieces, at = [], 0
    for key in _KEY.finditer(text):
        kind = private_column(key[1])
        value = _VALUE.match(text, key.end()) if kind and key.start() >= at else None
        if value:
            pieces += [text[at : key.end()], f'"[{kind}]"']
            at = value.end()
    return "".join([*pieces, text[at:]])
