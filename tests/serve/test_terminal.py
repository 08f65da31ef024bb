"""Talking in the terminal, with lines given and output caught."""

from collections.abc import Iterator

from kitae.errors import BaseError
from kitae.serve import FakeEngine, chat
from kitae.serve.terminal import PROMPT


def talk(lines, engine=None, **settings):
    """What the terminal shows for these lines; an exception among them is raised at the prompt."""
    given: Iterator = iter(lines)
    shown = []

    def read(prompt):
        assert prompt == PROMPT
        line = next(given)
        if isinstance(line, type):
            raise line
        return line

    chat(engine or FakeEngine({"hi": "こんにちは"}), read=read, write=shown.append, **settings)
    assert next(given, None) is None, "it ended early"
    return shown


class Recording(FakeEngine):
    """Keeps what it was asked."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.asked = []

    def answer(self, request):
        self.asked.append([(message.role, message.content) for message in request.messages])
        return super().answer(request)


def test_the_answer_appears_piece_by_piece():
    shown = talk(["hi", "/exit"])
    assert "".join(shown).endswith("こんにちは\n")
    assert "こ" in shown


def test_it_ends_with_exit_end_of_input_and_interrupt():
    for end in ("/exit", EOFError, KeyboardInterrupt):
        engine = Recording()
        talk(["", "   ", end], engine)
        assert engine.asked == []


def test_the_conversation_is_remembered_until_reset():
    engine = Recording()
    talk(["one", "two", "/reset", "three", "/exit"], engine, system="be kind")
    system = ("system", "be kind")
    assert engine.asked == [
        [system, ("user", "one")],
        [system, ("user", "one"), ("assistant", "one"), ("user", "two")],
        [system, ("user", "three")],
    ]


def test_oldest_turns_go_when_it_gets_long():
    engine = Recording(context_tokens=64)
    shown = "".join(talk(["a" * 15, "b" * 15, "c" * 15, "/exit"], engine, max_tokens=20))
    assert "oldest turns are left out" in shown
    assert [role for role, _ in engine.asked[-1]][-1] == "user"
    assert all(messages[0][0] == "user" for messages in engine.asked)
    assert ("user", "c" * 15) in engine.asked[-1]
    assert ("user", "a" * 15) not in engine.asked[-1]


def test_a_question_too_long_is_said_and_forgotten():
    engine = Recording(context_tokens=32)
    shown = "".join(talk(["x" * 50, "ok", "/exit"], engine))
    assert "no room" in shown
    assert engine.asked[-1] == [("user", "ok")]


def test_an_interrupted_answer_is_forgotten():
    class Interrupted(Recording):
        def answer(self, request):
            pieces = super().answer(request)
            yield next(pieces)
            if len(self.asked) == 1:
                raise KeyboardInterrupt
            yield from pieces

    engine = Interrupted()
    shown = "".join(talk(["hello", "again", "/exit"], engine))
    assert "(stopped)" in shown
    assert engine.asked[-1] == [("user", "again")]


def test_unknown_commands_show_help():
    assert sum("/reset" in text for text in talk(["/help", "/nonsense", "/exit"])) == 3


def test_bytes_that_are_no_text_are_not_sent():
    engine = Recording()
    shown = "".join(talk(["\udcff\udcfe bad", "hi", "/exit"], engine))
    assert "not UTF-8" in shown
    assert len(engine.asked) == 1


def test_a_template_that_takes_no_second_turn_does_not_end_the_chat():
    class OneTurn(Recording):
        def count_prompt(self, messages):
            if sum(message.role != "system" for message in messages) > 1:
                raise BaseError("the chat template of this base refuses a conversation")
            return super().count_prompt(messages)

    engine = OneTurn()
    shown = "".join(talk(["one", "two", "three", "/exit"], engine, system="be kind"))
    assert shown.count("refuses a conversation") == 2
    assert engine.asked == [[("system", "be kind"), ("user", said)] for said in ("one", "two", "three")]


def test_a_template_that_takes_nothing_is_said_each_time():
    class Never(FakeEngine):
        def count_prompt(self, messages):  # noqa: ARG002
            raise BaseError("the chat template of this base refuses a conversation")

    shown = "".join(talk(["one", "two", "/exit"], Never()))
    assert shown.count("refuses a conversation") == 2
