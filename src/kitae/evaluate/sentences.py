"""The verdict in words, in English and Japanese: what a person reads first, and must be able to trust."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kitae.evaluate.metrics import BLEU_TOKENISERS

Words = dict[str, str]

METRIC_NAMES: dict[str, tuple[str, str]] = {
    "exact_match": ("exact match", "完全一致率"),
    "accuracy": ("accuracy", "正解率"),
    "macro_f1": ("macro-F1", "マクロF1"),
    "rouge_l": ("ROUGE-L (characters)", "ROUGE-L（文字）"),
    "rouge_l_words": ("ROUGE-L (English words)", "ROUGE-L（英単語）"),
    "bleu": ("BLEU", "BLEU"),
}
SYSTEM_NAMES: dict[str, tuple[str, str]] = {
    "tuned": ("tuned", "チューニング後"),
    "base": ("base", "元のモデル"),
    "choice": ("base, choosing", "元のモデル（選択）"),
    "baseline": ("classical baseline", "古典的手法"),
}
_RIVALS: dict[str, tuple[str, str]] = {
    "base": ("the base", "元のモデル"),
    "choice": ("the base choosing among the known answers", "既知の回答から選ぶ元のモデル"),
    "baseline": ("a classical baseline ({method})", "古典的な手法（{method_ja}）"),
}
METHODS_JA = {"nearest question": "最も近い質問の回答", "TF-IDF + logistic regression": "TF-IDFとロジスティック回帰"}
NEEDLESS: tuple[str, str] = (
    "you may not need a language model for this",
    "この用途に言語モデルは要らないかもしれません",
)


def comparison(name: str, figure: Mapping[str, Any], rival: str, *, method: str, confidence: float) -> Words:
    """One sentence: the tuned model against a rival on a set."""
    found = figure["against"][rival]
    facts = _facts(figure, found, confidence)
    en, ja = (text.format(method=method, method_ja=METHODS_JA.get(method, method)) for text in _RIVALS[rival])
    points = f"{abs(100 * found['difference']):.1f}"
    english = {
        "better": f"Tuned beats {en} by {points} points on `{name}`",
        "tie": f"Tuned and {en} are tied on `{name}`",
        "worse": f"Tuned is worse than {en} by {points} points on `{name}`",
    }
    japanese = {
        "better": f"`{name}`では、チューニング後のモデルが{ja}を{points}ポイント上回りました",
        "tie": f"`{name}`では、チューニング後のモデルと{ja}の差は偶然の範囲です（引き分け）",
        "worse": f"`{name}`では、チューニング後のモデルが{ja}を{points}ポイント下回りました",
    }
    outcome = found["outcome"]
    if outcome == "tie" and (found["low"] > 0 or found["high"] < 0):
        # The interval is about this pair alone, the corrected p-value about all that were compared.
        several = len(figure["against"])
        return {
            "en": f"Tuned and {en} differ on `{name}`, but not beyond chance once {several} opponents are allowed for "
            f"({facts['en']} corrected)",
            "ja": f"`{name}`では、チューニング後のモデルと{ja}に差がありますが、{several}つの相手との比較を考慮すると"
            f"偶然の範囲です（引き分け、{facts['ja']}・補正後）",
        }
    return {"en": f"{english[outcome]} ({facts['en']})", "ja": f"{japanese[outcome]}（{facts['ja']}）"}


def warning(name: str, figure: Mapping[str, Any], *, method: str, confidence: float) -> Words:
    """The first line when the classical baseline is at or above the tuned model."""
    found = figure["against"]["baseline"]
    facts = _facts(figure, found, confidence, rival_first=True)
    better = found["outcome"] == "worse"
    english = "is better than" if better else "does at least as well as"
    japanese = "を上回ります" if better else "と同等以上です"
    method_ja = METHODS_JA.get(method, method)
    return {
        "en": f"A classical baseline ({method}) {english} this fine-tuning on `{name}`: {facts['en']}; {NEEDLESS[0]}",
        "ja": f"`{name}`では、古典的な手法（{method_ja}）がこのファインチューニング{japanese}："
        f"{facts['ja']}。{NEEDLESS[1]}",
    }


def headline(sets: Mapping[str, Mapping[str, Any]], *, method: str, confidence: float) -> tuple[str, Words]:
    """The standing (`needless`, `better`, `tie`, `worse`, `alone`, `nothing`) and the first line of the verdict.

    A classical baseline at or above the tuned model comes before everything (`needless`); then any opponent that is
    significantly better; then the comparison with the first opponent on the first set that has rows.
    """
    mains = {name: values["main"] for name, values in sets.items() if values["main"] is not None}
    beaten = [name for name, main in mains.items() if _not_above(main)]
    if beaten:
        worst = min(beaten, key=lambda name: (mains[name]["against"]["baseline"]["difference"], name))
        line = warning(worst, mains[worst], method=method, confidence=confidence)
        return "needless", _also(line, [name for name in beaten if name != worst])
    pairs = [(name, rival) for name, main in mains.items() for rival in main["against"]]
    lost = [pair for pair in pairs if mains[pair[0]]["against"][pair[1]]["outcome"] == "worse"]
    if pairs:
        name, rival = (lost or pairs)[0]
        standing = str(mains[name]["against"][rival]["outcome"])
        return standing, comparison(name, mains[name], rival, method=method, confidence=confidence)
    if mains:
        return "alone", _alone(mains, confidence)
    return "nothing", {
        "en": "Nothing was measured: there are no held-out rows",
        "ja": "評価用のデータがないため、何も測っていません",
    }


def detectable(name: str, figure: Mapping[str, Any]) -> Words | None:
    """What the set is too small to show, or None when nothing was compared."""
    found = figure["detectable"]
    if found is None:
        return None
    if found["difference"] >= 1.0:
        return {
            "en": f"The {found['n']:,} rows of `{name}` are too few to show any gain",
            "ja": f"`{name}`は{found['n']:,}件しかなく、どんな改善も示せません",
        }
    points = f"{100 * found['difference']:.1f}"
    return {
        "en": f"The {found['n']:,} rows of `{name}` can only show gains above {points} points",
        "ja": f"`{name}`の{found['n']:,}件で示せる改善は{points}ポイント以上だけです",
    }


def seen(name: str, values: Mapping[str, Any]) -> Words | None:
    """How many questions of a set training had seen, or None when it was none."""
    found = values["seen"]
    if not found["rows"]:
        return None
    rest = found["without"]
    main = values["main"]
    english = japanese = ""
    if rest is not None:
        with_all, without = (_percent(one["systems"]["tuned"]["value"]) for one in (main, rest))
        english = f"; tuned has {with_all} with them and {without} without ({rest['n']:,} rows)"
        japanese = f"。チューニング後の値は、含めると{with_all}、除くと{without}です（{rest['n']:,}件）"
    return {
        "en": f"{found['rows']:,} of the {values['n']:,} questions of `{name}` are in the training split{english}",
        "ja": f"`{name}`の質問{values['n']:,}件のうち{found['rows']:,}件は学習データにあります{japanese}",
    }


def without_bleu(name: str, languages: Iterable[str]) -> Words | None:
    """How many rows have no BLEU because their language has no tokeniser, or None when all have."""
    rows = Counter(language for language in languages if language not in BLEU_TOKENISERS)
    if not rows:
        return None
    named = ", ".join(sorted(language for language in rows if language))
    return {
        "en": f"BLEU is not given for {rows.total():,} rows of `{name}` "
        f"({named or 'language not known'}): there is no tokeniser for them",
        "ja": f"`{name}`の{rows.total():,}件（{named or '言語不明'}）には形態素解析器がないため、BLEUはありません",
    }


def p_text(p_value: float) -> str:
    """A p-value as people write it."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def metric_name(figure: Mapping[str, Any]) -> tuple[str, str]:
    """The metric's name in English and Japanese, with its language where it is about one."""
    english, japanese = METRIC_NAMES.get(figure["metric"], (figure["metric"], figure["metric"]))
    language = figure["language"] if figure["metric"] == "bleu" else ""
    return (f"{english} ({language})", f"{japanese}（{language}）") if language else (english, japanese)


def _facts(
    figure: Mapping[str, Any], found: Mapping[str, Any], confidence: float, *, rival_first: bool = False
) -> Words:
    """The figures behind a sentence. Gains and losses are told by the words before them; a tie shows its sign."""
    one, two = _percent(found["tuned"]), _percent(found["other"])
    sign = -1.0 if rival_first or found["outcome"] == "worse" else 1.0
    low, high = sorted((_points(sign * found["low"]), _points(sign * found["high"])))
    level = f"{100 * confidence:g}"
    tie = f"{_points(sign * found['difference']):+.1f}" if found["outcome"] == "tie" else ""
    english, japanese = metric_name(figure)
    values = (two, one) if rival_first else (one, two)
    rest = f"{p_text(found['p_adjusted'])}, n = {found['n']:,}"
    return {
        "en": f"{english} {values[0]} against {values[1]}, {f'difference {tie} points, ' if tie else ''}"
        f"{level} % interval {low:.1f} to {high:.1f}, {rest}",
        "ja": f"{japanese} {values[0]}対{values[1]}、{f'差{tie}ポイント、' if tie else ''}"
        f"{level}%区間 {low:.1f}～{high:.1f}、{rest}",
    }


def _not_above(main: Mapping[str, Any]) -> bool:
    against = main["against"].get("baseline")
    return against is not None and against["difference"] <= 0


def _also(line: Words, others: Sequence[str]) -> Words:
    if not others:
        return line
    names = ", ".join(f"`{name}`" for name in others)
    return {"en": f"{line['en']}; it is at least as good on {names}, too", "ja": f"{line['ja']}（{names}でも同等以上）"}


def _alone(mains: Mapping[str, Mapping[str, Any]], confidence: float) -> Words:
    """When the recipe names no opponent: the bare figure."""
    name, main = next(iter(mains.items()))
    tuned = main["systems"]["tuned"]
    english, japanese = metric_name(main)
    level = f"{100 * confidence:g}"
    ends = f"{100 * tuned['low']:.1f} to {100 * tuned['high']:.1f}"
    value = _percent(tuned["value"])
    return {
        "en": f"Tuned has {english} {value} on `{name}` ({level} % interval {ends}, n = {main['n']:,}); "
        "it was compared with nothing",
        "ja": f"`{name}`での{japanese}は{value}です（{level}%区間 {ends.replace(' to ', '～')}、"
        f"n = {main['n']:,}）。比較相手はありません",
    }


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float) -> float:
    return round(100 * value, 1) + 0.0
