"""Turn what was read into documents: chats, plain text and tasks made from them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from nano.sources import Turn

if TYPE_CHECKING:
    from nano.sources import Doc, Sources


def build(sources: Sources, rng: random.Random) -> list[Doc]:
    docs: list[Doc] = list(sources.chats)
    for en, ja in sources.pairs:
        docs.append([Turn("user", "日本語に訳してください。\n" + en), Turn("assistant", ja)])
    for q, a in sources.maths:
        docs.append([Turn("user", q), Turn("assistant", a)])
    for text in [*sources.questions_en, *sources.utterances_ja, *sources.novel_ja, *sources.novel_en]:
        docs.append([Turn("text", text)])
    for e in sources.scud:
        docs.append([Turn("user", e.source), Turn("assistant", "\n".join(e.targets))])
    rng.shuffle(docs)
    return docs
