"""Who answers: a model behind three verbs. The rest of this room never sees a tensor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kitae import models
from kitae.core.artifacts import Adapter
from kitae.core.chat import encode, end_token_ids, prompt_ids
from kitae.core.records import Message
from kitae.core.resolved import Resolved
from kitae.errors import BaseError

if TYPE_CHECKING:
    from kitae.models.loading import Loaded

Conversation = Sequence[Message]
UNREADABLE = -1
"""Chosen for a question that is longer than the model can read, or that its chat template refuses."""


class Answerer(Protocol):
    """A model that answers conversations.

    Both ways of answering call `on_done(index, result)` as soon as a row is finished, and take in `known` the results
    of an earlier call with the same conversations; those are given back as they are.
    """

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        known: Mapping[int, Sequence[int]],
        on_done: Callable[[int, list[int]], None],
    ) -> None:
        """Answer freely and greedily; a result is the tokens of an answer, none for a question that cannot be read."""

    def choose(
        self,
        conversations: Sequence[Conversation],
        choices: Sequence[str],
        *,
        known: Mapping[int, int],
        on_done: Callable[[int, int], None],
    ) -> None:
        """Pick the likeliest of the choices; a result is its index, `UNREADABLE` for a question that cannot be read."""

    def text(self, tokens: Sequence[int]) -> str:
        """The text of an answer's tokens."""


@dataclass(frozen=True)
class ModelAnswerer:
    """A loaded model as an `Answerer`."""

    loaded: "Loaded"
    max_new_tokens: int
    batch_rows: int

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        known: Mapping[int, Sequence[int]],
        on_done: Callable[[int, list[int]], None],
    ) -> None:
        """See `Answerer.answer`."""
        readable, prompts = self._prompts(conversations, room=1)
        _report_unreadable(readable, len(conversations), known, lambda index: on_done(index, []))
        models.generate(
            self.loaded,
            prompts,
            max_new_tokens=self.max_new_tokens,
            batch_rows=self.batch_rows,
            stop_ids=end_token_ids(self.loaded.tokenizer),
            on_done=lambda place, tokens: on_done(readable[place], tokens),
            known={place: known[index] for place, index in enumerate(readable) if index in known},
        )

    def choose(
        self,
        conversations: Sequence[Conversation],
        choices: Sequence[str],
        *,
        known: Mapping[int, int],
        on_done: Callable[[int, int], None],
    ) -> None:
        """See `Answerer.choose`. Each choice ends as a trained answer ends."""
        rows = encode(self.loaded.tokenizer, [(Message("user", "?"), Message("assistant", text)) for text in choices])
        ids = [[token for token, trained in zip(row.ids, row.trained, strict=True) if trained] for (row,) in rows]
        readable, prompts = self._prompts(conversations, room=max(map(len, ids)))
        _report_unreadable(readable, len(conversations), known, lambda index: on_done(index, UNREADABLE))
        models.choose(
            self.loaded,
            prompts,
            ids,
            batch_rows=self.batch_rows,
            on_done=lambda place, choice: on_done(readable[place], choice),
            known={place: known[index] for place, index in enumerate(readable) if index in known},
        )

    def text(self, tokens: Sequence[int]) -> str:
        """See `Answerer.text`."""
        decoded: str = self.loaded.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return decoded.strip()

    def _prompts(self, conversations: Sequence[Conversation], *, room: int) -> tuple[list[int], list[list[int]]]:
        """Indices and prompts of the conversations that the template takes and that leave room for so many tokens."""
        prompts = [self._prompt(conversation) for conversation in conversations]
        most = self.loaded.facts.max_positions - room
        readable = [index for index, prompt in enumerate(prompts) if 0 < len(prompt) <= most]
        return readable, [prompts[index] for index in readable]

    def _prompt(self, conversation: Conversation) -> list[int]:
        """The prompt's tokens; none when the template refuses the conversation, which serving would not answer."""
        try:
            return prompt_ids(self.loaded.tokenizer, conversation)
        except BaseError:
            return []


def open_model(settings: Resolved, adapter: Adapter | None) -> ModelAnswerer:
    """The base of a recipe, or with an adapter the tuned model, exactly as they are served.

    Raises `BaseError`, also when the base is no longer the one that was planned with.
    """
    folder = None if adapter is None else adapter.folder / "adapter"
    loaded = models.ready(settings.base, folder, digest=settings.base_digest)
    return ModelAnswerer(loaded, settings.evaluate.max_new_tokens, settings.evaluate.batch_rows)


def _report_unreadable(
    readable: Sequence[int], total: int, known: Mapping[int, object], report: Callable[[int], None]
) -> None:
    for index in sorted(set(range(total)) - set(readable) - set(known)):
        report(index)
