"""Who answers: a model behind four verbs. The rest of this room never sees a tensor."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
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


class Answerer(Protocol):
    """A model that answers conversations.

    Each verb calls `on_done(index, result)` as soon as a row is finished, and takes in `known` the rows that an earlier
    call with the same conversations has finished; of those nothing is told again. A conversation that the model cannot
    read (too long, or refused by its chat template) has a result that says so.
    """

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        known: Mapping[int, Sequence[int]],
        on_done: Callable[[int, list[int]], None],
    ) -> None:
        """Answer; a result is the tokens of an answer, none for a question that cannot be read.

        `known` holds the answers themselves.
        """

    def weigh(
        self,
        conversations: Sequence[Conversation],
        choices: Sequence[str],
        *,
        known: Collection[int],
        on_done: Callable[[int, list[float]], None],
    ) -> None:
        """The log-probability of each choice (nats, end of turn included); no scores for what cannot be read."""

    def likelihood(
        self,
        conversations: Sequence[Conversation],
        answers: Sequence[str],
        *,
        known: Collection[int],
        on_done: Callable[[int, float | None, int], None],
    ) -> None:
        """The log-probability of the one right answer to each, and its tokens, end of turn included; None as above."""

    def text(self, tokens: Sequence[int]) -> str:
        """The text of an answer's tokens, up to a stop text."""


@dataclass(frozen=True)
class ModelAnswerer:
    """A loaded model as an `Answerer`."""

    loaded: "Loaded"
    limits: models.Limits

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        known: Mapping[int, Sequence[int]],
        on_done: Callable[[int, list[int]], None],
    ) -> None:
        """See `Answerer.answer`."""
        readable, prompts = self._prompts(conversations, rooms=[1] * len(conversations))
        for index in _unreadable(readable, len(conversations), known):
            on_done(index, [])
        models.generate(
            self.loaded,
            prompts,
            self.limits,
            on_done=lambda place, tokens: on_done(readable[place], tokens),
            known={place: known[index] for place, index in enumerate(readable) if index in known},
        )

    def weigh(
        self,
        conversations: Sequence[Conversation],
        choices: Sequence[str],
        *,
        known: Collection[int],
        on_done: Callable[[int, list[float]], None],
    ) -> None:
        """See `Answerer.weigh`. Each choice ends as a trained answer ends."""
        ids = self._answers(choices)
        readable, prompts = self._prompts(conversations, rooms=[max(map(len, ids))] * len(conversations))
        for index in _unreadable(readable, len(conversations), known):
            on_done(index, [])
        models.weigh(
            self.loaded,
            prompts,
            ids,
            batch_rows=self.limits.batch_rows,
            on_done=lambda place, scores: on_done(readable[place], scores),
            known={place for place, index in enumerate(readable) if index in known},
        )

    def likelihood(
        self,
        conversations: Sequence[Conversation],
        answers: Sequence[str],
        *,
        known: Collection[int],
        on_done: Callable[[int, float | None, int], None],
    ) -> None:
        """See `Answerer.likelihood`."""
        ids = self._answers(answers)
        readable, prompts = self._prompts(conversations, rooms=list(map(len, ids)))
        for index in _unreadable(readable, len(conversations), known):
            on_done(index, None, len(ids[index]))
        models.likelihood(
            self.loaded,
            prompts,
            [ids[index] for index in readable],
            batch_rows=self.limits.batch_rows,
            on_done=lambda place, score: on_done(readable[place], score, len(ids[readable[place]])),
            known={place for place, index in enumerate(readable) if index in known},
        )

    def text(self, tokens: Sequence[int]) -> str:
        """See `Answerer.text`."""
        decoded: str = self.loaded.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return models.before_stop(decoded, self.limits.stop_texts).strip()

    def _answers(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts as trained answers, with their end."""
        rows = encode(self.loaded.tokenizer, [(Message("user", "?"), Message("assistant", text)) for text in texts])
        return [[token for token, trained in zip(row.ids, row.trained, strict=True) if trained] for (row,) in rows]

    def _prompts(
        self, conversations: Sequence[Conversation], *, rooms: Sequence[int]
    ) -> tuple[list[int], list[list[int]]]:
        """Indices and prompts of the conversations that the template takes and that leave room for so many tokens."""
        prompts = [self._prompt(conversation) for conversation in conversations]
        most = self.loaded.facts.max_positions
        readable = [
            index
            for index, (prompt, room) in enumerate(zip(prompts, rooms, strict=True))
            if 0 < len(prompt) <= most - room
        ]
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
    return open_base(settings.base, settings.base_digest, adapter, settings)


def open_base(base: str, digest: str, adapter: Adapter | None, settings: Resolved) -> ModelAnswerer:
    """Any base, or with an adapter its tuned model, that answers as the settings say. Raises `BaseError`."""
    folder = None if adapter is None else adapter.folder / "adapter"
    loaded = models.ready(base, folder, digest=digest)
    how = settings.evaluate
    limits = models.Limits(
        how.max_new_tokens,
        how.batch_rows,
        frozenset(end_token_ids(loaded.tokenizer)),
        tuple(how.stop),
        how.temperature,
        how.top_p,
        settings.seed,
    )
    return ModelAnswerer(loaded, limits)


def _unreadable(readable: Sequence[int], total: int, known: Container[int]) -> list[int]:
    """Rows that cannot be read and were not told before."""
    return [index for index in sorted(set(range(total)) - set(readable)) if index not in known]
