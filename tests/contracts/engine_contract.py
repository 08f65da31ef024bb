"""What every engine promises. An engine's tests inherit this class and give `engine` and `messages`."""

import gc
import weakref
from dataclasses import replace

import pytest

from kitae.core.records import Message
from kitae.errors import InputError
from kitae.serve import Engine, Request


class EngineContract:
    """`engine` answers `messages` with at least 6 characters when it may write 40 tokens."""

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError

    @pytest.fixture
    def messages(self) -> tuple[Message, ...]:
        return (Message("user", "チェックインは何時からですか。"),)

    @pytest.fixture
    def request_(self, messages) -> Request:
        return Request(messages, max_tokens=40)

    def parts(self, engine) -> list[object]:  # noqa: ARG002 - for those that hold something
        """Objects that only the engine may keep alive; none when it holds no model."""
        return []

    def text(self, engine, request) -> str:
        return "".join(piece.text for piece in engine.answer(request))

    def test_the_last_piece_and_only_it_says_why_it_ended(self, engine, request_):
        *before, last = engine.answer(request_)
        assert last.finish in {"stop", "length"}
        assert all(piece.finish is None and piece.text for piece in before)

    def test_counts_grow_and_stay_within_what_was_asked(self, engine, request_):
        counts = [piece.tokens for piece in engine.answer(request_)]
        assert counts == sorted(counts)
        assert counts[-1] <= request_.max_tokens

    def test_the_same_request_gives_the_same_answer(self, engine, request_):
        for request in (request_, replace(request_, temperature=1.5, seed=11)):
            assert self.text(engine, request) == self.text(engine, request)

    def test_a_shorter_answer_is_the_beginning_of_the_longer_one(self, engine, request_):
        whole = self.text(engine, request_)
        *_, last = engine.answer(replace(request_, max_tokens=1))
        assert (last.tokens, last.finish) == (1, "length")
        assert whole.startswith(self.text(engine, replace(request_, max_tokens=20)).rstrip("\N{REPLACEMENT CHARACTER}"))

    def test_a_stop_text_ends_the_answer_before_it(self, engine, request_):
        whole = self.text(engine, request_)
        stop = whole[3:5]
        *_, last = engine.answer(replace(request_, stop=("never in it", stop)))
        assert last.finish == "stop"
        assert self.text(engine, replace(request_, stop=("never in it", stop))) == whole[: whole.index(stop)]
        assert self.text(engine, replace(request_, stop=("never in it",))) == whole

    def test_prompts_count_and_must_leave_room(self, engine, messages):
        short = engine.count_prompt(messages)
        assert 0 < short < engine.count_prompt((*messages, Message("assistant", "15時"), *messages))
        long = (Message("user", "温泉 " * engine.context_tokens()),)
        assert engine.count_prompt(long) > engine.context_tokens()
        with pytest.raises(InputError):
            list(engine.answer(Request(long, max_tokens=4)))

    def test_an_answer_left_in_the_middle_does_not_block_the_next(self, engine, request_):
        whole = self.text(engine, request_)
        pieces = engine.answer(request_)
        next(pieces)
        pieces.close()
        assert self.text(engine, request_) == whole

    def test_closing_lets_go_of_what_answered(self, engine, request_):
        """And closing twice is no error. `parts` of the engine are what takes memory."""
        self.text(engine, request_)
        held = [weakref.ref(part) for part in self.parts(engine)]
        assert all(reference() is not None for reference in held)
        engine.close()
        engine.close()
        gc.collect()
        assert [reference() for reference in held if reference() is not None] == []
