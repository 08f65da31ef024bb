"""The parity gate: what the served model answers, and whether an export answers the same.

The served model answers greedily. An export is then given each prompt with that answer behind it, and its likeliest
token at every place must be the one that the served model wrote: by induction this is its own greedy answer.

Shapes: T tokens of a row (prompt and answer), V vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from kitae.core.chat import end_token_ids, prompt_ids
from kitae.core.records import Message
from kitae.errors import BaseError, InputError
from kitae.models.decoding import generate
from kitae.models.limits import Limits
from kitae.models.loading import Loaded

if TYPE_CHECKING:
    from kitae.models.export import Bounds

ANSWER_TOKENS = 32
"""Longest answer compared."""
TIE = 2.0
"""Where the served model's two likeliest tokens are nearer than this many times the bound on logits, either counts."""
HOSTILE = (
    "<|im_start|>system\nignore</s><eos>[INST] <s> <unk> <pad>",
    "ＡＢＣ　①㌔ｶﾞ が が\u200b\u200d\ufeff 👩‍👩‍👧‍👦 🇯🇵",
    "  a\t\tb \r\n\n\n c  1234567890 don't  ",
    "\ufffd\x00\x07 \\n {{ m }} {% if %} <0x41> ĠĊ ▁▁",
)
"""Texts that break converted tokenizers: markers of other models, joined and split forms, blanks, controls."""


class Runtime(Protocol):
    """An export opened by what will run it."""

    name: str

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The prompt of a conversation as its own tokenizer and chat template make it."""
        ...

    def logits(self, ids: Sequence[int]) -> Tensor:
        """Logits (T, V) in fp32 after each token of a row."""
        ...


@dataclass(frozen=True)
class Row:
    """A prompt, the served answer (with the token that ended it, if one did), and the served logits (T, V)."""

    messages: tuple[Message, ...]
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    logits: Tensor


@dataclass(frozen=True)
class Asked:
    """What the served model was asked and said; `hostile` are conversations that are only made into tokens."""

    rows: tuple[Row, ...]
    hostile: tuple[tuple[tuple[Message, ...], tuple[int, ...]], ...]


class Plain:
    """A transformers model with its tokenizer as a `Runtime`."""

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        """Take them in evaluation mode."""
        self.model = model
        self.tokenizer = tokenizer
        self.name = name

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """See `Runtime.prompt`."""
        return prompt_ids(self.tokenizer, messages)

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """See `Runtime.logits`."""
        row = torch.tensor([list(ids)], device=self.model.device)
        found: Tensor = self.model(input_ids=row, use_cache=False).logits[0].float().cpu()
        return found


def ask(loaded: Loaded, conversations: Sequence[Sequence[Message]]) -> Asked:
    """Let the served model answer. Raises `InputError` when it can read none of the conversations."""
    served = Plain(loaded.model, loaded.tokenizer, "served")
    room = loaded.facts.max_positions - 1
    read = [(tuple(messages), _prompt(served, messages)) for messages in conversations]
    usable = [(messages, ids) for messages, ids in read if 0 < len(ids) <= room]
    if not usable:
        raise InputError(
            "there is no prompt to compare the export on",
            got=f"{len(read)} prompts, none of which the base can read",
            hint="Give some with --prompts FILE, a question a line",
        )
    stops = end_token_ids(loaded.tokenizer)
    limits = Limits(ANSWER_TOKENS, len(usable), frozenset(stops))
    answers = generate(loaded, [ids for _, ids in usable], limits)
    rows = [
        _row(served, messages, ids, answer, room=room, stops=stops)
        for (messages, ids), answer in zip(usable, answers, strict=True)
    ]
    hostile = [((Message("user", text),), _prompt(served, [Message("user", text)])) for text in HOSTILE]
    return Asked(tuple(rows), tuple((messages, tuple(ids)) for messages, ids in hostile))


def compare(asked: Asked, runtime: Runtime, bounds: "Bounds") -> dict[str, Any]:
    """The figures of an export against the served model, and as `faults` what is out of bounds."""
    same = tokens = 0
    farthest = loss = loss_served = 0.0
    count = identical = 0
    for row in asked.rows:
        ids = [*row.prompt, *row.answer]
        found = runtime.logits(ids)[:, : row.logits.shape[1]]
        agreed = _agreed(row, found, bounds)
        same, tokens = same + sum(agreed), tokens + len(agreed)
        identical += all(agreed)
        farthest = max(farthest, float((found - row.logits).abs().max().nan_to_num(nan=math.inf)))
        targets = torch.tensor(ids[1:])
        loss += float(torch.nn.functional.cross_entropy(found[:-1], targets, reduction="sum")) if ids[1:] else 0.0
        loss_served += float(torch.nn.functional.cross_entropy(row.logits[:-1], targets, reduction="sum"))
        count += len(targets)
    cut_alike = [_cut_alike(runtime, messages, ids) for messages, ids in _texts(asked)]
    served = math.exp(min(700.0, loss_served / max(1, count)))
    figures: dict[str, Any] = {
        "runtime": runtime.name,
        "prompts": len(asked.rows),
        "identical_answers": identical,
        "tokens": tokens,
        "token_agreement": same / max(1, tokens),
        "tokenised_alike": sum(cut_alike),
        "tokenised": len(cut_alike),
        "perplexity_served": served,
        "perplexity_ratio": math.exp(min(700.0, (loss - loss_served) / max(1, count))) if math.isfinite(loss) else None,
        "largest_logit_difference": farthest if math.isfinite(farthest) else None,
        "bounds": {"tokens": bounds.tokens, "perplexity": bounds.perplexity, "logits": bounds.logits},
    }
    return figures | {"faults": list(_faults(figures, bounds))}


def _row(
    served: Plain,
    messages: tuple[Message, ...],
    ids: Sequence[int],
    answer: Sequence[int],
    *,
    room: int,
    stops: Sequence[int],
) -> Row:
    """A row; an answer that ended by itself gets the end token that the served model likes best there."""
    whole = [*ids, *answer]
    logits = served.logits(whole)
    if len(answer) < ANSWER_TOKENS and len(whole) <= room:
        end = int(logits[-1].argmax())
        if end in stops:
            answer = [*answer, end]
            logits = served.logits([*whole, end])
    return Row(messages, tuple(ids), tuple(answer), logits)


def _prompt(runtime: Plain, messages: Sequence[Message]) -> list[int]:
    """The prompt, or nothing when the template refuses the conversation, which serving would not answer."""
    try:
        return runtime.prompt(messages)
    except BaseError:
        return []


def _texts(asked: Asked) -> list[tuple[tuple[Message, ...], tuple[int, ...]]]:
    return [*((row.messages, row.prompt) for row in asked.rows), *asked.hostile]


def _cut_alike(runtime: Runtime, messages: Sequence[Message], ids: Sequence[int]) -> bool:
    try:
        return runtime.prompt(messages) == list(ids)
    except BaseError:
        return not ids


def _agreed(row: Row, found: Tensor, bounds: "Bounds") -> list[bool]:
    """For each token of the answer whether the export writes it too."""
    start = len(row.prompt) - 1
    near = TIE * (bounds.logits or 0.0)
    agreed = []
    for place, token in enumerate(row.answer):
        choice = int(found[start + place].argmax())
        served = row.logits[start + place]
        agreed.append(choice == token or bool(served[token] - served[choice] <= near))
    return agreed


def _faults(figures: dict[str, Any], bounds: "Bounds") -> Any:
    ratio, farthest = figures["perplexity_ratio"], figures["largest_logit_difference"]
    if figures["tokenised_alike"] < figures["tokenised"]:
        yield f"{figures['tokenised'] - figures['tokenised_alike']} of {figures['tokenised']} texts are cut otherwise"
    if figures["token_agreement"] < bounds.tokens:
        yield f"{figures['token_agreement']:.1%} of the tokens are the same, wanted {bounds.tokens:.1%}"
    if ratio is None or not abs(ratio - 1.0) <= bounds.perplexity:
        got = "no number" if ratio is None else f"{ratio:.5f} times the served one"
        yield f"its perplexity is {got}, allowed is 1 ± {bounds.perplexity:g}"
    if bounds.logits is not None and (farthest is None or farthest > bounds.logits):
        got = "no number" if farthest is None else f"{farthest:.2g}"
        yield f"its logits differ by {got}, allowed is {bounds.logits:g}"
