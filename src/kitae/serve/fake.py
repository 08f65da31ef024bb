"""An engine without a model, for trying the gateway and for tests: it gives written answers, one character a token."""

from collections.abc import Iterator, Mapping, Sequence

from kitae.core.records import Message
from kitae.errors import InputError
from kitae.serve.engine import Piece, Request, StopTexts


class FakeEngine:
    """Answers from a table of questions; a question that is not in it is repeated."""

    def __init__(self, answers: Mapping[str, str] | None = None, *, context_tokens: int = 512) -> None:
        """Take the table and the size of the context in characters."""
        self.answers = dict(answers or {})
        self.context = context_tokens

    def context_tokens(self) -> int:
        """Characters that prompt and answer may have together."""
        return self.context

    def count_prompt(self, messages: Sequence[Message]) -> int:
        """Characters of the messages, and one for each role."""
        return sum(len(message.content) + 1 for message in messages)

    def answer(self, request: Request) -> Iterator[Piece]:
        """The written answer, character by character."""
        room = self.context - self.count_prompt(request.messages)
        if room < 1:
            raise InputError("the prompt leaves no room for an answer", got=f"{self.context - room} tokens")
        question = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
        whole = self.answers.get(question, question)
        limit = min(request.max_tokens, room)
        held = StopTexts(request.stop)
        count = 0
        for character in whole[:limit]:
            count += 1
            piece = held.push(character)
            if held.stopped:
                yield Piece(piece, count, "stop")
                return
            if piece:
                yield Piece(piece, count)
        yield Piece(held.flush(), count, "stop" if len(whole) < limit else "length")

    def close(self) -> None:
        """Nothing is held."""
