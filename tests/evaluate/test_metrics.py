"""Metrics against public oracles: sacrebleu, rouge-score, scikit-learn."""

import random
import re
import sys
from itertools import pairwise

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.tokenizers.tokenizer_ja_mecab import TokenizerJaMecab
from scipy.stats import spearmanr
from sklearn.metrics import (
    f1_score,
    matthews_corrcoef,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    root_mean_squared_error,
)

from kitae.core.metric_names import METRIC_NAMES
from kitae.errors import InputError, UnknownName
from kitae.evaluate import metrics, rouge
from kitae.evaluate.metrics import Given, Metric, Questions, metrics_for, words
from kitae.evaluate.metrics.numeric import number_in, rank_correlation
from kitae.evaluate.metrics.translation import bleu_value
from kitae.evaluate.rouge import english_words, exact_form, rouge_l

EN = "en"


def one(name: str, references: list[str], language: str = EN) -> Metric:
    return metrics_for([name], Questions(tuple(references), (language,) * len(references)))[0]


# --- exact match ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "answer", "same"),
    [
        ("駐車場は１０台です", "駐車場は10台です", True),
        ("ｶﾞﾚｰｼﾞ", "ガレージ", True),
        ("Parking is free.", "  Parking \n is\tfree. ", True),
        ("Parking　is free.", "Parking is free.", True),
        ("Parking is free.", "parking is free.", False),
        ("Parking is free.", "Parking is free", False),
        ("ガレージ", "がれーじ", False),
    ],
)
def test_exact_match_ignores_width_and_spaces_only(reference: str, answer: str, same: bool) -> None:
    assert one("exact_match", [reference]).over([answer]) == float(same)


def test_accuracy_is_the_share_of_right_labels() -> None:
    assert one("accuracy", ["a", "b", "c", "d"]).over(["a", "b", "x", ""]) == 0.5


# --- macro-F1 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_equals_scikit_learn_over_the_labels_of_the_references(seed: int) -> None:
    chance = random.Random(seed)
    wanted = [chance.choice("abcdef") for _ in range(80)]
    given_ = [label if chance.random() < 0.6 else chance.choice([*"abcdef", "garbage", ""]) for label in wanted]
    expected = f1_score(wanted, given_, labels=sorted(set(wanted)), average="macro", zero_division=0)
    assert one("macro_f1", wanted).over(given_) == pytest.approx(expected, abs=1e-12)


def test_macro_f1_is_no_accuracy() -> None:
    wanted = ["common"] * 9 + ["rare"]
    assert one("macro_f1", wanted).over(["common"] * 10) == pytest.approx((18 / 19 + 0) / 2)


@pytest.mark.parametrize("seed", range(4))
def test_metrics_of_labels_equal_scikit_learn(seed: int) -> None:
    chance = random.Random(seed)
    wanted = [chance.choice("abcd") for _ in range(90)]
    said = [label if chance.random() < 0.5 else chance.choice([*"abcd", "none of them", ""]) for label in wanted]
    forms = [label if label in set(wanted) else "" for label in said]
    labels = sorted(set(wanted))
    expected = {
        "balanced_accuracy": recall_score(wanted, forms, labels=labels, average="macro", zero_division=0),
        "macro_precision": precision_score(wanted, forms, labels=labels, average="macro", zero_division=0),
        "macro_recall": recall_score(wanted, forms, labels=labels, average="macro", zero_division=0),
        "micro_precision": precision_score(wanted, forms, labels=labels, average="micro"),
        "micro_recall": recall_score(wanted, forms, labels=labels, average="micro"),
        "micro_f1": f1_score(wanted, forms, labels=labels, average="micro"),
        "mcc": matthews_corrcoef(wanted, forms),
    }
    assert {name: one(name, wanted).over(said) for name in expected} == pytest.approx(expected, abs=1e-12)


def test_one_answer_to_everything_correlates_with_nothing() -> None:
    assert one("mcc", ["a", "b", "a"]).over(["a", "a", "a"]) == 0.0


def sure(top: list[float], right: list[float]) -> Given:
    """Measures of two labels, of which the likelier has `top`."""
    hit, probability = np.array(right), np.array(top)
    return Given(
        ["a"] * len(top),
        {
            "top": probability,
            "top_right": hit,
            "right": np.where(hit > 0, probability, 1 - probability),
            "squares": probability**2 + (1 - probability) ** 2,
        },
    )


def test_calibration_error_is_the_formula_of_torchmetrics() -> None:
    chance = np.random.default_rng(3)
    top = chance.uniform(0.5, 1.0, 400)
    right = (chance.random(400) < top**2).astype(float)
    # torchmetrics, binary_calibration_error with norm l1: bins (i/n, (i+1)/n], |accuracy - confidence| by share.
    edges = np.linspace(0, 1, 16)
    expected = 0.0
    for low, high in pairwise(edges):
        inside = (top > low) & (top <= high)
        if inside.any():
            expected += abs(right[inside].mean() - top[inside].mean()) * inside.mean()
    metric = one("ece", ["a"] * 400)
    assert metric.of(metric.statistics(sure(list(top), list(right)))) == pytest.approx(expected, abs=1e-7)


def test_brier_score_by_hand() -> None:
    metric = one("brier", ["a"] * 3)
    # 0.1² + 0.1², 0.8² + 0.8², 0 + 0
    assert metric.of(metric.statistics(sure([0.9, 0.8, 1.0], [1, 0, 1]))) == pytest.approx((0.02 + 1.28) / 3)


# --- F1 of characters and words -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "language", "reference", "answer", "expected"),
    [
        ("token_f1", "en", "the cat sat", "a cat sat down", 2 * 2 / (2 + 3)),
        ("token_f1", "en", "Cat.", "the cat!", 1.0),
        ("token_f1", "ja", "朝食は七時です", "夕食は七時です", 8 / 10),
        ("char_f1", "ja", "東京 都", "東京都庁", 6 / 7),
        ("char_f1", "en", "abc", "ABC", 0.0),
    ],
)
def test_f1_counts_what_both_have(name: str, language: str, reference: str, answer: str, expected: float) -> None:
    assert one(name, [reference], language).over([answer]) == pytest.approx(expected, abs=1e-8)


# --- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,250 yen", 1250), ("約１２．５度", 12.5), ("−3", -3), ("1,2", 1), ("1e3", 1000), (".5", 0.5), ("none", None)],
)
def test_the_first_number_of_an_answer_is_read(text: str, number: float | None) -> None:
    assert number_in(text) == number


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=30))
def test_metrics_of_numbers_equal_scikit_learn_and_scipy(pairs: list[tuple[int, int]]) -> None:
    wanted, said = ([pair[side] for pair in pairs] for side in (0, 1))
    found = {name: one(name, [str(n) for n in wanted]).over([f"it is {n}" for n in said]) for name in NUMBERS}
    assert found["mae"] == pytest.approx(mean_absolute_error(wanted, said))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(wanted, said))
    assert found["r2"] == pytest.approx(r2_score(wanted, said), abs=1e-6)
    if len(set(wanted)) > 1 and len(set(said)) > 1:
        assert found["spearman"] == pytest.approx(spearmanr(wanted, said).statistic, abs=1e-9)


NUMBERS = ("mae", "rmse", "r2", "spearman")


def test_an_answer_without_a_number_counts_as_the_farthest_reference() -> None:
    assert one("mae", ["0", "4", "10"]).over(["0", "no idea", "10"]) == pytest.approx(6 / 3)
    assert one("readable_numbers", ["0", "4", "10"]).over(["0", "no idea", "10"]) == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="a reference answer has no number"):
        one("mae", ["zero"])


def test_ranks_are_taken_anew_in_every_draw() -> None:
    pairs = np.random.default_rng(4).integers(0, 6, (40, 2)).astype(float)
    counts = np.random.default_rng(5).multinomial(40, [1 / 40] * 40, size=6).astype(float)
    for row, value in zip(counts, rank_correlation(counts, pairs), strict=True):
        drawn = np.repeat(pairs, row.astype(int), axis=0)
        assert value == pytest.approx(spearmanr(drawn[:, 0], drawn[:, 1]).statistic, abs=1e-9)


# --- form ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "valid", "fits"),
    [
        ('{"topic": "parking"}', 1.0, 1.0),
        (' {"topic": 3} ', 1.0, 0.0),
        ('{"topic": "parking"', 0.0, 0.0),
        ("NaN", 0.0, 0.0),
        ("[" * 100_000, 0.0, 0.0),
        ('Sure! {"topic": "parking"}', 0.0, 0.0),
    ],
)
def test_json_is_the_whole_answer_and_fits_the_schema(text: str, valid: float, fits: float) -> None:
    schema = {"type": "object", "required": ["topic"], "properties": {"topic": {"type": "string"}}}
    assert one("json_valid", ["x"]).over([text]) == valid
    assert metrics_for(["json_schema"], Questions(("x",), (EN,), schema))[0].over([text]) == fits


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"evaluate\.json_schema is no JSON Schema"):
        metrics_for(["json_schema"], Questions(("x",), (EN,), {"type": "objekt"}))


@pytest.mark.parametrize("answer", ['{"PER": ["山田", "佐藤"], "LOC": "東京"}', "PER: 山田\nPER：佐藤\nLOC\t東京"])
def test_spans_are_read_from_json_and_from_lines(answer: str) -> None:
    reference = '[{"type": "PER", "text": "山田"}, ["PER", "佐藤"], ["ORG", "東京"]]'
    assert one("span_f1", [reference], "ja").over([answer]) == pytest.approx(2 * 2 / 6)
    assert one("span_f1", [reference], "ja").over(["[1, 2]"]) == 0.0


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("As an AI, I don't have opinions.", True),
        ("申し訳ありませんが、お答えできません。", True),
        ("Sorry for the wait! Breakfast is at seven.", False),
        ("駐車場は無料です。", False),
    ],
)
def test_refusals_are_counted(text: str, refused: bool) -> None:
    assert one("refusal", ["x"]).over([text]) == float(refused)


def test_language_length_and_repetition() -> None:
    questions = Questions(("はい、あります。", "Yes.", "42"), ("ja", "en", ""))
    found = metrics_for(["language_match"], questions)[0]
    assert found.over(["いいえ", "はい", "7"]) == pytest.approx(2 / 3)
    assert one("length", ["x", "x"]).over(["四文字だ", "ab"]) == 3.0
    assert one("repetition", ["x"]).over(["abcdefgh" * 3]) == pytest.approx(9 / 17)
    assert one("repetition", ["x"]).over(["short"]) == 0.0


def test_perplexity_is_by_token_character_and_byte() -> None:
    given_ = Given(["", ""], {"nll": np.array([3.0, 5.0]), "reference_tokens": np.array([2.0, 2.0])})
    found = [
        metric.of(metric.statistics(given_))
        for metric in metrics_for(
            ["perplexity_token", "perplexity_character", "perplexity_byte"], Questions(("朝食", "abc"), ("ja", EN))
        )
    ]
    assert found == pytest.approx([np.exp(8 / 4), np.exp(8 / 5), np.exp(8 / 9)])


def rouge_l_words(reference: str, answer: str) -> float:
    """The metric over one English row."""
    found = metrics_for(["rouge_l"], Questions((reference,), (EN,)))
    return next(metric for metric in found if metric.label == "rouge_l_words").over([answer])


# --- ROUGE-L -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        # rouge-score's own tests (rouge_scorer_test.py: RougeLConsecutive, RougeLNonConsecutive, RougeEmpty).
        ("testing one two", "testing one", 4 / 5),
        ("testing one two", "testing two", 4 / 5),
        ("testing one two", "", 0.0),
        ("w1 w2 w3 w4 w5", "/", 0.0),
        # Lin 2004, section 3.1: S1 against S2 and S3 with beta = 1.
        ("police killed the gunman", "police kill the gunman", 3 / 4),
        ("police killed the gunman", "the gunman kill police", 2 / 4),
        # rouge-score joins nothing and splits at every character that is not a-z or 0-9.
        ("Don't stop", "don t STOP", 1.0),
    ],
)
def test_word_rouge_l_equals_rouge_score(reference: str, answer: str, expected: float) -> None:
    assert rouge_l_words(reference, answer) == pytest.approx(expected, abs=1e-6)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_english_words_are_runs_of_ascii_letters_and_digits(text: str) -> None:
    assert english_words(text) == [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]


def slow_lcs(first: list[str] | str, second: list[str] | str) -> int:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, left in enumerate(first):
        for j, right in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(st.text("abc de", max_size=25), st.text("abc de", max_size=25))
def test_word_rouge_l_is_the_f_measure_of_the_textbook_lcs(reference: str, answer: str) -> None:
    first, second = english_words(reference), english_words(answer)
    lcs = slow_lcs(first, second)
    precision, recall = lcs / max(1, len(second)), lcs / max(1, len(first))
    expected = 2 * precision * recall / (precision + recall) if lcs else 0.0
    assert rouge_l_words(reference, answer) == pytest.approx(expected, abs=1e-9)


@given(st.text("あいう漢字ab ", max_size=20), st.text("あいう漢字ab ", max_size=20))
def test_character_rouge_l_is_the_f_measure_of_the_textbook_lcs(reference: str, answer: str) -> None:
    first, second = exact_form(reference), exact_form(answer)
    expected = 2 * slow_lcs(first, second) / (len(first) + len(second)) if first or second else 1.0
    assert rouge_l(reference, answer) == pytest.approx(expected, abs=1e-9)
    assert rouge_l(reference, answer) == rouge_l(answer, reference)


def test_identical_japanese_texts_score_one() -> None:
    assert rouge_l("朝食は七時からです。", "朝食は七時からです。") == 1.0
    assert rouge_l("朝食は七時からです。", "") == 0.0


def test_word_rouge_is_given_for_languages_whose_words_are_known() -> None:
    found = metrics_for(["rouge_l"], Questions(("朝食は七時です", "at seven", "à sept heures"), ("ja", "en", "fr")))
    assert [(metric.label, metric.language, metric.rows) for metric in found] == [
        ("rouge_l", "", (0, 1, 2)),
        ("rouge_l_words", "en", (1,)),
        ("rouge_l_words", "ja", (0,)),
    ]
    assert "mecab-python3-" in found[2].signature
    assert "+ipadic-" in found[2].signature


# What the package rouge-score 0.1.2 gives for rouge1, rouge2, rougeL and rougeLsum (F-measure, no stemmer).
ROUGE_SCORE = [
    (
        "The quick brown fox jumps over the lazy dog.",
        "A quick brown dog jumps over the lazy fox!",
        (0.888888889, 0.5, 0.666666667, 0.666666667),
    ),
    (
        "police killed the gunman\nthe gunman was armed",
        "the gunman police killed\nhe was armed and the gunman fled",
        (0.842105263, 0.470588235, 0.421052632, 0.631578947),
    ),
    (
        "w1 w2 w3 w4 w5",
        "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5",
        (0.533333333, 0.153846154, 0.533333333, 0.533333333),
    ),
    ("to be or not to be, that is the question", "to be to be to be", (0.5, 0.285714286, 0.5, 0.5)),
    (
        "Breakfast starts at 7:30 in the main hall.\nPlease bring your key.\nParking is free.",
        "Please bring the key; breakfast starts at seven.\nParking in the hall is free.",
        (0.8, 0.357142857, 0.533333333, 0.8),
    ),
    ("one", "two", (0.0, 0.0, 0.0, 0.0)),
    ("one", "one", (1.0, 0.0, 1.0, 1.0)),
]
ROUGES = ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum")


@pytest.mark.parametrize(("reference", "answer", "expected"), ROUGE_SCORE)
def test_rouge_of_english_words_equals_rouge_score(reference: str, answer: str, expected: tuple[float, ...]) -> None:
    found = [metrics_for([name], Questions((reference,), (EN,)))[1].over([answer]) for name in ROUGES]
    assert found == pytest.approx(expected, abs=1e-6)


@given(st.text("abc \n", max_size=30), st.text("abc \n", max_size=30))
def test_the_union_walks_back_as_the_textbook_table_does(reference: str, answer: str) -> None:
    """rouge-score keeps the whole table; bits of its rows must lead the walk back to the same places."""
    table = [[slow_lcs(reference[:i], answer[:j]) for j in range(len(answer) + 1)] for i in range(len(reference) + 1)]
    i, j = len(reference), len(answer)
    expected = []
    while i and j:
        if reference[i - 1] == answer[j - 1]:
            i, j = i - 1, j - 1
            expected.append(i)
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    assert rouge._subsequence(reference, answer) == expected


@pytest.mark.parametrize("name", ROUGES)
@pytest.mark.parametrize("text", ["朝食は七時からです。", "茶", "無料\n無料"])
def test_identical_japanese_texts_are_identical_to_every_rouge(name: str, text: str) -> None:
    assert metrics_for([name], Questions((text,), ("ja",)))[0].over([text]) == 1.0


def test_japanese_words_are_those_of_mecab() -> None:
    metric = metrics_for(["rouge_1"], Questions(("朝食は七時からです",), ("ja",)))[1]
    # 朝食 | は | 七 | 時 | から | です against 夕食 | は | 七 | 時 | です: four words of eleven in both.
    assert metric.over(["夕食は七時です"]) == pytest.approx(8 / 11, abs=1e-6)


# --- BLEU ----------------------------------------------------------------------------------------

REFERENCES = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
ANSWERS = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]


def test_sacrebleu_gives_its_own_test_values() -> None:
    # sacrebleu, test/test_bleu.py: test_corpus_bleu_cases and test_scoring.
    two = [REFERENCES, ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."]]
    assert sacrebleu.corpus_bleu(ANSWERS, two).score == pytest.approx(48.530827, abs=1e-6)
    assert bleu_value(np.array([[11, 11, 9, 7, 5, 3, 10, 8, 6, 4.0]]))[0] == pytest.approx(0.8375922397, abs=1e-9)


@pytest.mark.parametrize("answers", [ANSWERS, REFERENCES, ["", "", ""], ["dog"] * 3, ["The dog", "x y z w", "bit him"]])
def test_bleu_equals_sacrebleu(answers: list[str]) -> None:
    expected = sacrebleu.corpus_bleu(answers, [REFERENCES], tokenize="13a").score / 100
    assert one("bleu", REFERENCES).over(answers) == pytest.approx(expected, abs=1e-12)


JA_REFERENCES = ["駐車場は無料でご利用いただけます。", "朝食は七時から十時までです。", "ネットは全室で使えます。"]


@pytest.mark.parametrize("keep", [3, 7, 11, 99])
def test_japanese_bleu_equals_sacrebleu_with_mecab_and_ipadic(keep: int) -> None:
    answers = [text[:keep] for text in JA_REFERENCES]
    expected = sacrebleu.corpus_bleu(answers, [JA_REFERENCES], tokenize="ja-mecab").score / 100
    metric = one("bleu", JA_REFERENCES, "ja")
    assert metric.over(answers) == pytest.approx(expected, abs=1e-12)
    assert "tok:ja-mecab-0.996-IPA" in metric.signature


@given(st.lists(st.text("ab c.", max_size=12), min_size=3, max_size=3))
def test_bleu_from_summed_statistics_equals_sacrebleu_on_anything(answers: list[str]) -> None:
    references = ["a b c a b c", "b a. c", "c c c b a"]
    expected = sacrebleu.corpus_bleu(answers, [references], tokenize="13a").score / 100
    assert one("bleu", references).over(answers) == pytest.approx(expected, abs=1e-9)


def test_bleu_keeps_languages_apart_and_says_nothing_without_a_tokeniser() -> None:
    questions = Questions(("朝食は七時からです。", "At seven.", "Um sieben."), ("ja", "en", "de"))
    found = metrics_for(["bleu"], questions)
    assert [(metric.language, metric.rows) for metric in found] == [("ja", (0,)), ("en", (1,))]
    assert "tok:13a" in found[1].signature
    assert "smooth:exp" in found[1].signature


def test_a_missing_tokeniser_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from sacrebleu.tokenizers import tokenizer_ja_mecab

    monkeypatch.setattr(tokenizer_ja_mecab, "MeCab", None)
    with pytest.raises(InputError, match=r"ja-mecab does not work here.*pip install mecab-python3"):
        one("bleu", JA_REFERENCES, "ja")


@given(st.lists(st.text("ab c.", max_size=12), min_size=3, max_size=3))
def test_chrf_equals_sacrebleu(answers: list[str]) -> None:
    references = ["a b c a b c", "b a. c", "c c c b a"]
    expected = sacrebleu.corpus_chrf(answers, [references]).score / 100
    assert one("chrf", references).over(answers) == pytest.approx(expected, abs=1e-9)


def test_chrf_and_ter_equal_the_test_values_of_sacrebleu() -> None:
    # sacrebleu, test/test_chrf.py (first case, precision and recall by hand) and test/test_ter.py.
    assert one("chrf", ["abcdefg"]).over(["hijklmnop"]) == 0.0
    assert one("chrf", ["a"]).over(["a"]) == 1.0
    assert one("ter", ["aaaa bbbb cccc dddd"]).over(["dddd eeee ffff"]) == 1.0
    assert one("ter", ["aaaa bbbb cccc"]).over(["aaaa"]) == pytest.approx(2 / 3)
    assert one("ter", ["a b c"] * 2).over(["a b c", "d e f"]) == 0.5


def test_japanese_ter_counts_words_of_mecab() -> None:
    answers = [text[:7] for text in JA_REFERENCES]
    cut = TokenizerJaMecab()
    expected = sacrebleu.corpus_ter([cut(text) for text in answers], [[cut(text) for text in JA_REFERENCES]]).score
    metric = one("ter", JA_REFERENCES, "ja")
    assert metric.over(answers) == pytest.approx(expected / 100, abs=1e-12)
    assert "words:ja-mecab-0.996-IPA" in metric.signature


def test_a_missing_mecab_is_an_error_for_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MeCab", None)
    words.tagger.cache_clear()
    with pytest.raises(InputError, match=r"MeCab with the dictionary ipadic does not work here.*pip install"):
        metrics_for(["rouge_1"], Questions(("朝食",), ("ja",)))


# --- all -----------------------------------------------------------------------------------------


def test_an_unknown_metric_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'rouge_l'"):
        metrics_for(["rouge-l"], Questions(("a",), ("en",)))


TEXT = [
    name
    for name, facts in METRIC_NAMES.items()
    if facts.needs in {"text", "label", "spans"} and name not in {"json_schema", "length", "refusal", "repetition"}
]
PERFECT = {name: 0.0 for name in TEXT if METRIC_NAMES[name].better == "lower"} | {
    "json_valid": 0.0,
    "span_f1": 0.0,
}
"""What right answers to these sentences score where it is not 1; they hold neither JSON nor spans."""


def test_the_tables_agree() -> None:
    assert set(metrics.METRICS) == set(METRIC_NAMES)
    assert all(facts.low < facts.high for facts in METRIC_NAMES.values())


@pytest.mark.parametrize("name", TEXT)
def test_right_answers_are_perfect_and_empty_ones_are_no_better(name: str) -> None:
    references = [f"{text} {text.lower()}" for text in REFERENCES]
    metric = one(name, references)
    perfect, empty = metric.over(references), metric.over([""] * 3)
    assert perfect == pytest.approx(PERFECT.get(name, 1.0))
    assert metric.facts.sign * (perfect - empty) >= 0
    assert metric.facts.low <= empty <= metric.facts.high
    assert metric.signature.startswith(f"{name}|")


@pytest.mark.parametrize("name", TEXT)
def test_sums_of_statistics_do_not_depend_on_the_order_of_rows(name: str) -> None:
    chance = random.Random(3)
    rows = [("".join(chance.choices("ab c", k=9)), "".join(chance.choices("ab c", k=9))) for _ in range(60)]
    values = set()
    for _ in range(5):
        chance.shuffle(rows)
        values.add(one(name, [row[0] for row in rows]).over([row[1] for row in rows]))
    assert len(values) == 1
