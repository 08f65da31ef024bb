"""Metrics against public oracles: sacrebleu, rouge-score, scikit-learn."""

import random

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from kitae.errors import InputError, UnknownName
from kitae.evaluate import metrics
from kitae.evaluate.metrics import Metric, Questions, bleu_value, metrics_for
from kitae.evaluate.rouge import english_words, exact_form, rouge_l, rouge_l_words

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


def test_word_rouge_is_given_for_english_rows_only() -> None:
    found = metrics_for(["rouge_l"], Questions(("朝食は七時です", "at seven"), ("ja", "en")))
    assert [(metric.name, metric.rows) for metric in found] == [("rouge_l", (0, 1)), ("rouge_l_words", (1,))]


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


# --- all -----------------------------------------------------------------------------------------


def test_an_unknown_metric_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'rouge_l'"):
        metrics_for(["rouge-l"], Questions(("a",), ("en",)))


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_right_answers_score_one_and_empty_ones_nothing(name: str) -> None:
    references = [f"{text} {text.lower()}" for text in REFERENCES]
    metric = one(name, references)
    assert metric.over(references) == pytest.approx(1.0)
    assert metric.over([""] * 3) == 0.0
    assert metric.signature.startswith(f"{name}|")


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_sums_of_statistics_do_not_depend_on_the_order_of_rows(name: str) -> None:
    chance = random.Random(3)
    rows = [("".join(chance.choices("ab c", k=9)), "".join(chance.choices("ab c", k=9))) for _ in range(60)]
    values = set()
    for _ in range(5):
        chance.shuffle(rows)
        values.add(one(name, [row[0] for row in rows]).over([row[1] for row in rows]))
    assert len(values) == 1
