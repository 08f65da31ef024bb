"""Turn what was read into documents: chats, plain text and tasks made from them.

Nothing here uses a label. The tasks that need pairs of like sentences take them from
the corpora's own paraphrases (SCUD, translations) or from ``likeness``.

``PORTIONS`` is the mixture: how often one pass visits each kind of document. A pass
is repeated with other noise, other instructions and another order until the token
budget is spent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nano import likeness, phrases
from nano.noise import Keywords, is_japanese, spoil
from nano.sources import Turn

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from nano.likeness import Likeness
    from nano.sources import Doc, Sources


@dataclass(frozen=True)
class Material:
    """What the tasks draw from."""

    sources: Sources
    like: list[Likeness]
    """English questions, then Japanese utterances."""
    keywords: Keywords
    short: list[str]
    """Every sentence that a person might type, in both languages."""


def gather(sources: Sources, seed: int) -> Material:
    """Neighbours and keyword counts of the training sentences."""
    like = [
        likeness.find(sources.questions_en, groups=160, seed=seed),
        likeness.find(sources.utterances_ja, groups=120, seed=seed),
    ]
    said = [e.source for e in sources.scud]
    said += [text for talk in sources.dialogues for who, text in talk if who == "user"]
    titles = [s for pair in sources.pairs for s in pair if 12 < len(s) < 90]
    short = [*sources.questions_en, *sources.utterances_ja, *said]
    return Material(sources, like, Keywords([*short, *titles]), short)


def build(material: Material, rng: random.Random) -> list[Doc]:
    """The documents of one pass, shuffled."""
    docs: list[Doc] = []
    for maker, portion in PORTIONS:
        made = list(maker(material, rng))
        whole = int(portion)
        docs += made * whole
        docs += rng.sample(made, int(len(made) * (portion - whole)))
    rng.shuffle(docs)
    return docs


def ask(task: str, text: str, rng: random.Random, learn: bool = True) -> list[Turn]:
    """An instruction from ``phrases`` with its text: in one message, or apart in system."""
    japanese = is_japanese(text)
    instruction = rng.choice(phrases.ASK[task]["ja" if japanese else "en"])
    if rng.random() < 0.4:
        return [Turn("system", instruction), Turn("user", text, learn)]
    joiner = rng.choice(["\n", "\n", "\n\n", " " if not japanese else "\n"])
    whole = f"{instruction}{joiner}{text}"
    return [Turn("user", whole, learn)]


def chats(material: Material, _rng: random.Random) -> Iterator[Doc]:
    """Conversations as they were collected."""
    yield from material.sources.chats


def maths(material: Material, _rng: random.Random) -> Iterator[Doc]:
    """Worked answers."""
    for question, answer in material.sources.maths:
        yield [Turn("user", question), Turn("assistant", answer)]


def novels(material: Material, _rng: random.Random) -> Iterator[Doc]:
    """Plain text."""
    for text in [*material.sources.novel_ja, *material.sources.novel_en]:
        yield [Turn("text", text)]


def plain(material: Material, rng: random.Random) -> Iterator[Doc]:
    """Sentences as they are, some as a message that waits for its answer."""
    for text in material.short:
        yield [Turn("user" if rng.random() < 0.5 else "text", text)]


def translations(material: Material, rng: random.Random) -> Iterator[Doc]:
    """Both directions by turns; now and then one side alone."""
    for en, ja in material.sources.pairs:
        kind = rng.random()
        if kind < 0.45:
            yield [*ask("to_japanese", en, rng), Turn("assistant", ja)]
        elif kind < 0.9:
            yield [*ask("to_english", ja, rng), Turn("assistant", en)]
        else:
            yield [Turn("text", rng.choice([en, ja]))]


def statements(material: Material, rng: random.Random) -> Iterator[Doc]:
    """SCUD: what an utterance says on its own, with and without its context, and back."""
    for example in material.sources.scud:
        said = "\n".join(example.targets)
        kind = rng.random()
        if kind < 0.5 and example.context:
            lines = [f"{phrases.SPEAKER[who]}: {text}" for who, text in example.context[-3:]]
            talk = "\n".join([*lines, f"{phrases.SPEAKER['user']}: {example.source}"])
            yield [*ask("statement_in_context", talk, rng), Turn("assistant", said)]
        elif kind < 0.75:
            yield [*ask("statement", example.source, rng), Turn("assistant", said)]
        else:
            yield [*ask("utterance", said, rng), Turn("assistant", example.source)]


def talks(material: Material, rng: random.Random) -> Iterator[Doc]:
    """Hotel dialogues; the model speaks for the desk, or for the guest."""
    for talk in material.sources.dialogues:
        speaker = "agent" if rng.random() < 0.65 else "user"
        for part in _windows(talk, 12):
            system = rng.choice(phrases.DESK if speaker == "agent" else phrases.GUEST)
            turns = [Turn("assistant" if who == speaker else "user", t) for who, t in part]
            yield [Turn("system", system), *turns] if rng.random() < 0.7 else turns


def _windows(talk: list[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(talk) - 2, size - 2):
        yield talk[start : start + size]


def conditions(material: Material, rng: random.Random) -> Iterator[Doc]:
    """What the guest wants, as a list."""
    for talk, wanted in material.sources.conditions:
        text = "\n".join(t for who, t in talk if who == "user")[:500]
        yield [*ask("conditions", text, rng), Turn("assistant", "\n".join(wanted))]


def repairs(material: Material, rng: random.Random) -> Iterator[Doc]:
    """A spoiled sentence made good again; the spoiled one is read, not learned."""
    for text in material.short:
        yield [*ask("repair", spoil(text, rng), rng, learn=False), Turn("assistant", text)]


def keywords(material: Material, rng: random.Random) -> Iterator[Doc]:
    """From sentence to its rarest words and back."""
    for text in material.short:
        found = material.keywords(text)
        if not found:
            continue
        listed = ("、" if is_japanese(text) else ", ").join(found)
        if rng.random() < 0.75:
            given = spoil(text, rng) if rng.random() < 0.4 else text
            yield [*ask("keywords", given, rng, learn=given is text), Turn("assistant", listed)]
        else:
            yield [*ask("sentence", listed, rng), Turn("assistant", text)]


def rewordings(material: Material, rng: random.Random) -> Iterator[Doc]:
    """A sentence, then one of its neighbours."""
    for like in material.like:
        for index, text in enumerate(like.texts):
            other = like.texts[rng.choice(like.neighbours[index][:4])]
            yield [*ask("reword", text, rng), Turn("assistant", other)]


def subjects(material: Material, rng: random.Random) -> Iterator[Doc]:
    """The name of the group that a sentence was found in, or the group's central sentence."""
    for like in material.like:
        for index, text in enumerate(like.texts):
            number = like.group[index]
            given = spoil(text, rng) if rng.random() < 0.3 else text
            if rng.random() < 0.5:
                question, answer = "subject", like.names[number]
            else:
                question, answer = "central", like.texts[like.centres[number][0]]
            if answer:
                yield [*ask(question, given, rng, learn=False), Turn("assistant", answer)]


def choices(material: Material, rng: random.Random) -> Iterator[Doc]:
    """Which of a few sentences means the same? The answer is the sentence itself."""
    scud = [(e.source, e.targets[0]) for e in material.sources.scud]
    small = [p for p in material.sources.pairs if 15 < len(p[0]) < 110]
    pools = [scud, [(said, source) for source, said in scud], small, [(ja, en) for en, ja in small]]
    for like in material.like:
        near = enumerate(like.neighbours)
        pools.append([(like.texts[i], like.texts[rng.choice(n[:3])]) for i, n in near])
    for pool in pools:
        # Wrong answers come from the same pool: the domain alone must not give it away.
        rng.shuffle(pool)
        for index, (text, answer) in enumerate(pool[:-3]):
            wrong = [other for _, other in pool[index + 1 : index + 1 + rng.randint(1, 3)]]
            options = [answer, *wrong]
            rng.shuffle(options)
            given = spoil(text, rng) if rng.random() < 0.25 else text
            listed = "\n".join(f"- {option}" for option in options)
            question = ask("choose", f"{given}\n{listed}", rng, learn=given is text)
            yield [*question, Turn("assistant", answer)]


def orders(material: Material, rng: random.Random) -> Iterator[Doc]:
    """Sentences of a passage put back in order."""
    passages = [text for pair in material.sources.pairs for text in pair]
    passages += [question for question, _ in material.sources.maths]
    for text in passages:
        parts = re.findall(r"[^.。?!]+[.。?!]+\s*", text)
        if 3 <= len(parts) <= 6 and len(text) < 500:
            mixed = [part.strip() for part in parts]
            rng.shuffle(mixed)
            yield [*ask("order", "\n".join(mixed), rng, learn=False), Turn("assistant", text)]


PORTIONS: list[tuple[Callable[[Material, random.Random], Iterator[Doc]], float]] = [
    (chats, 0.8),
    (maths, 0.4),
    (novels, 0.7),
    (plain, 0.7),
    (translations, 0.6),
    (statements, 1.5),
    (talks, 1.5),
    (conditions, 1.5),
    (repairs, 0.7),
    (keywords, 0.7),
    (rewordings, 1.0),
    (subjects, 1.8),
    (choices, 0.2),
    (orders, 0.05),
]
