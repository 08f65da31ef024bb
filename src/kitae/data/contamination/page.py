"""The report on contamination as one offline page in English and Japanese, pairs side by side."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Contamination report", "混入レポート"),
    "lead": (
        "What training records hold of benchmark rows. Common words are marked; private data is masked.",
        "学習データに含まれていた評価データ。共通する語に印を付け、個人情報は伏せてあります。",
    ),
    "records": ("records looked at", "調べた件数"),
    "dropped": ("dropped", "除外"),
    "flagged": ("flagged", "印のみ"),
    "both": ("question and answer", "質問と回答"),
    "question": ("question only", "質問のみ"),
    "answer": ("answer only", "回答のみ"),
    "benchmark": ("benchmark", "評価データ"),
    "rows": ("rows", "行数"),
    "quarantined": ("not readable", "読み取れず"),
    "found": ("found in training", "学習データに発見"),
    "pairs": ("Pairs", "対応"),
    "record": ("training record", "学習データ"),
    "row": ("benchmark row", "評価データの行"),
    "none": ("Nothing was found.", "見つかりませんでした。"),
    "more": ("more are not shown", "件は表示していません"),
}
_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.6 system-ui,"Hiragino Sans","Noto Sans JP",sans-serif;max-width:72rem;
margin:2rem auto;padding:0 1rem}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse}td,th{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #8884}
td.n{text-align:right}.tiles{display:flex;gap:1rem;flex-wrap:wrap}
.tile{border:1px solid #8884;border-radius:6px;padding:.5rem 1rem}.tile b{display:block;font-size:1.5rem}
.pair{border:1px solid #8884;border-radius:6px;margin:1rem 0;padding:.5rem 1rem}
.pair>div{display:grid;grid-template-columns:1fr 1fr;gap:1rem}.pair p{white-space:pre-wrap;overflow-wrap:anywhere}
.pair small{opacity:.7}mark{background:#e8a33d66;color:inherit;border-radius:2px}
body.ja .en,body:not(.ja) .ja{display:none}button{float:right;font:inherit;padding:.2rem .8rem}
"""
_SCRIPT = (
    "document.querySelector('button').onclick=function(){document.body.classList.toggle('ja');"
    "document.documentElement.lang=document.body.classList.contains('ja')?'ja':'en'};"
    "if((navigator.language||'').slice(0,2)==='ja'){document.querySelector('button').click()}"
)


def contamination_page(report: Mapping[str, Any]) -> str:
    """The whole page as text; it loads nothing from anywhere, and everything users wrote is escaped."""
    pairs = report["pairs"]
    rest = sum(report["held"].values()) - len(pairs)
    body = [
        '<button type="button"><span class="en">日本語</span><span class="ja">English</span></button>',
        f"<h1>{_word('title')}</h1><p>{_word('lead')}</p>",
        _tiles({"records": report["records"], **report["held"]}),
        _tiles({key: report[key] for key in ("dropped", "flagged")}),
        f"<h2>{_word('benchmark')}</h2>{_benchmarks(report['benchmarks'])}",
        f"<h2>{_word('pairs')}</h2>",
        *([_pair(pair) for pair in pairs] or [f"<p>{_word('none')}</p>"]),
        f"<p>+{rest:,} {_word('more')}</p>" if rest else "",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>kitae: contamination</title><style>{_STYLE}</style></head>\n<body>"
        + "\n".join(body)
        + f"\n<script>{_SCRIPT}</script></body></html>\n"
    )


def _word(key: str) -> str:
    english, japanese = WORDS[key]
    return f'<span class="en">{escape(english)}</span><span class="ja" lang="ja">{escape(japanese)}</span>'


def _tiles(figures: Mapping[str, int]) -> str:
    tiles = (f'<div class="tile"><b>{figure:,}</b>{_word(key)}</div>' for key, figure in figures.items())
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _benchmarks(benchmarks: Sequence[Mapping[str, Any]]) -> str:
    keys = ("rows", "quarantined", "found")
    head = "".join(f"<th>{_word(key)}</th>" for key in ("benchmark", *keys))
    rows = (
        f"<tr><td>{escape(b['name'])}</td>" + "".join(f'<td class="n">{b[key]:,}</td>' for key in keys) + "</tr>"
        for b in benchmarks
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _pair(pair: Mapping[str, Any]) -> str:
    sides = (("record", pair["origin"], pair["record"]), ("row", pair["row"], pair["benchmark_row"]))
    columns = "".join(
        f"<section><small>{_word(key)}: {escape(where)}</small>{''.join(map(_turn, turns))}</section>"
        for key, where, turns in sides
    )
    fate = _word("dropped" if pair["goes"] else "flagged")
    return (
        f'<div class="pair"><b>{_word(pair["kind"])}</b> · {fate} · {escape(pair["reason"])}<div>{columns}</div></div>'
    )


def _turn(turn: Mapping[str, Any]) -> str:
    text = "".join(f"<mark>{escape(piece)}</mark>" if marked else escape(piece) for piece, marked in turn["pieces"])
    return f"<p><small>{escape(turn['role'])}</small>\n{text}</p>"
