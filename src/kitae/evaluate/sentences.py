"""The verdict in words, in English and Japanese: what a person reads first, and must be able to trust."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kitae.core.metric_names import METRIC_NAMES
from kitae.evaluate.metrics.translation import TOKENISERS

Words = dict[str, str]

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
    by = gap_text(figure, abs(found["difference"]))
    english = {
        "better": f"Tuned beats {en} by {by['en']} on `{name}`",
        "tie": f"Tuned and {en} are tied on `{name}`",
        "worse": f"Tuned is worse than {en} by {by['en']} on `{name}`",
    }
    japanese = {
        "better": f"`{name}`では、チューニング後のモデルが{ja}を{by['ja']}上回りました",
        "tie": f"`{name}`では、チューニング後のモデルと{ja}の差は偶然の範囲です（引き分け）",
        "worse": f"`{name}`では、チューニング後のモデルが{ja}を{by['ja']}下回りました",
    }
    outcome = found["outcome"]
    if outcome == "tie" and _apart(found):
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
        worst = min(beaten, key=lambda name: (mains[name]["against"]["baseline"]["gain"], name))
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
    if not found["any"]:
        return {
            "en": f"The {found['n']:,} rows of `{name}` are too few to show any gain",
            "ja": f"`{name}`は{found['n']:,}件しかなく、どんな改善も示せません",
        }
    least = gap_text(figure, found["difference"])
    return {
        "en": f"The {found['n']:,} rows of `{name}` can only show gains above {least['en']}",
        "ja": f"`{name}`の{found['n']:,}件で示せる改善は{least['ja']}以上だけです",
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
        with_all, without = (value_text(one, one["systems"]["tuned"]["value"]) for one in (main, rest))
        english = f"; tuned has {with_all} with them and {without} without ({rest['n']:,} rows)"
        japanese = f"。チューニング後の値は、含めると{with_all}、除くと{without}です（{rest['n']:,}件）"
    return {
        "en": f"{found['rows']:,} of the {values['n']:,} questions of `{name}` are in the training split{english}",
        "ja": f"`{name}`の質問{values['n']:,}件のうち{found['rows']:,}件は学習データにあります{japanese}",
    }


def without_tokeniser(metric: str, name: str, languages: Iterable[str]) -> Words | None:
    """How many rows have no BLEU or TER because their language has no tokeniser, or None when all have."""
    rows = Counter(language for language in languages if language not in TOKENISERS)
    if not rows:
        return None
    named = ", ".join(sorted(language for language in rows if language))
    english, japanese = METRIC_NAMES[metric].en, METRIC_NAMES[metric].ja
    return {
        "en": f"{english} is not given for {rows.total():,} rows of `{name}` "
        f"({named or 'language not known'}): there is no tokeniser for them",
        "ja": f"`{name}`の{rows.total():,}件（{named or '言語不明'}）には形態素解析器がないため、"
        f"{japanese}はありません",
    }


def value_text(figure: Mapping[str, Any], value: float | None) -> str:
    """A value as people write it: percent for shares, three digits for other numbers, ∞ where nothing bounds it."""
    if value is None:
        return "∞"
    return f"{100 * value:.1f} %" if figure["points"] else f"{value:,.3g}"


def gap_text(figure: Mapping[str, Any], gap: float) -> Words:
    """A difference without its sign, with its unit."""
    if figure["points"]:
        return {"en": f"{100 * gap:.1f} points", "ja": f"{100 * gap:.1f}ポイント"}
    return {"en": f"{gap:,.3g}", "ja": f"{gap:,.3g}"}


def end_text(figure: Mapping[str, Any], end: float | None) -> str:
    """An end of an interval without its unit."""
    if end is None:
        return "∞"
    return f"{100 * end:.1f}" if figure["points"] else f"{end:,.3g}"


def p_text(p_value: float) -> str:
    """A p-value as people write it."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def metric_name(figure: Mapping[str, Any]) -> tuple[str, str]:
    """The metric's name in English and Japanese, with what it counts and its language where it has several figures."""
    known = METRIC_NAMES[figure["family"]]
    english, japanese = known.en, known.ja
    if figure["metric"] != figure["family"]:
        english, japanese = f"{english} (words)", f"{japanese}（単語）"
    elif figure["family"].startswith("rouge"):
        english, japanese = f"{english} (characters)", f"{japanese}（文字）"
    language = figure["language"]
    return (f"{english} ({language})", f"{japanese}（{language}）") if language else (english, japanese)


def _apart(found: Mapping[str, Any]) -> bool:
    """Whether an interval leaves zero out."""
    low, high = found["low"], found["high"]
    return (low is not None and low > 0) or (high is not None and high < 0)


def _facts(
    figure: Mapping[str, Any], found: Mapping[str, Any], confidence: float, *, rival_first: bool = False
) -> Words:
    """The figures behind a sentence. Gains and losses are told by the words before them; a tie shows its sign."""
    one, two = (value_text(figure, found[side]) for side in ("tuned", "other"))
    turned = rival_first or found["outcome"] == "worse"
    if figure["better"] == "lower" and found["outcome"] != "tie":
        turned = not turned
    ends = (found["high"], found["low"]) if turned else (found["low"], found["high"])
    sign = -1.0 if turned else 1.0
    low, high = (end_text(figure, None if end is None else sign * end + 0.0) for end in ends)
    low = f"−{low}" if ends[0] is None else _signless_zero(low)
    level = f"{100 * confidence:g}"
    tie_en = tie_ja = ""
    if found["outcome"] == "tie":
        gap = sign * found["difference"]
        text = f"{round(100 * gap, 1) + 0.0:+.1f}" if figure["points"] else f"{gap + 0.0:+,.3g}"
        tie_en = f"difference {text}{' points' if figure['points'] else ''}, "
        tie_ja = f"差{text}{'ポイント' if figure['points'] else ''}、"
    english, japanese = metric_name(figure)
    values = (two, one) if rival_first else (one, two)
    rest = f"{p_text(found['p_adjusted'])}, n = {found['n']:,}"
    high = _signless_zero(high)
    return {
        "en": f"{english} {values[0]} against {values[1]}, {tie_en}{level} % interval {low} to {high}, {rest}",
        "ja": f"{japanese} {values[0]}対{values[1]}、{tie_ja}{level}%区間 {low}～{high}、{rest}",
    }


def _signless_zero(text: str) -> str:
    return text.removeprefix("-") if text.strip("-0.") == "" else text


def _not_above(main: Mapping[str, Any]) -> bool:
    against = main["against"].get("baseline")
    return against is not None and against["gain"] <= 0


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
    low, high = (end_text(main, tuned[end]) for end in ("low", "high"))
    ends = f"{low} to {high}"
    value = value_text(main, tuned["value"])
    return {
        "en": f"Tuned has {english} {value} on `{name}` ({level} % interval {ends}, n = {main['n']:,}); "
        "it was compared with nothing",
        "ja": f"`{name}`での{japanese}は{value}です（{level}%区間 {ends.replace(' to ', '～')}、"
        f"n = {main['n']:,}）。比較相手はありません",
    }
