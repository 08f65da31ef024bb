"""The data report as one offline HTML page in English and Japanese, bars in CSS, everything users wrote escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Data report", "データレポート"),
    "lead": (
        "What came in, what left and why. Samples have their private data masked.",
        "何が入り、何がどの理由で除かれたか。例文の個人情報は伏せてあります。",
    ),
    "read": ("read", "読み込み"),
    "kept": ("kept", "採用"),
    "dropped": ("dropped", "除外"),
    "quarantined": ("quarantined", "隔離"),
    "files": ("Files", "ファイル"),
    "file": ("file", "ファイル"),
    "encoding": ("encoding", "文字コード"),
    "shapes": ("shapes", "形式"),
    "why": ("Why records left", "除外の理由"),
    "quarantine": ("Quarantine: rows that could not be read", "隔離: 読み取れなかった行"),
    "edits": ("Edits on kept records", "採用データへの修正"),
    "privacy": ("Private data and secrets", "個人情報と秘密情報"),
    "languages": ("Languages", "言語"),
    "labels": ("Labels", "ラベル"),
    "licences": ("Licences", "ライセンス"),
    "question_lengths": ("Length of questions (characters)", "質問の長さ（文字数）"),
    "answer_lengths": ("Length of answers (characters)", "回答の長さ（文字数）"),
    "where": ("where", "場所"),
    "reason": ("reason", "理由"),
    "question": ("question", "質問"),
    "answer": ("answer", "回答"),
    "none": ("none", "なし"),
    "more": ("more", "件ほか"),
}

MOST_BARS = 100

_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.6 system-ui,"Hiragino Sans","Noto Sans JP",sans-serif;max-width:62rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;
width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;vertical-align:top;
overflow-wrap:anywhere}td.n,th.n{text-align:right;white-space:nowrap}.bar{display:grid;
grid-template-columns:minmax(8rem,16rem) 1fr 5rem;gap:.6rem;align-items:center}.bar i{display:block;height:.8rem;
border-radius:2px;background:#2c6e9b}.bar b{font-weight:400;text-align:right}
.tiles{display:flex;gap:1rem;flex-wrap:wrap}
.tile{border:1px solid #8884;border-radius:6px;padding:.5rem 1rem}.tile b{display:block;font-size:1.5rem}
body.ja .en,body:not(.ja) .ja{display:none}button{float:right;font:inherit;padding:.2rem .8rem}
"""
_SCRIPT = (
    "document.querySelector('button').onclick=function(){document.body.classList.toggle('ja');"
    "document.documentElement.lang=document.body.classList.contains('ja')?'ja':'en'};"
    "if((navigator.language||'').slice(0,2)==='ja'){document.querySelector('button').click()}"
)


def report_page(report: Mapping[str, Any]) -> str:
    """The whole page as text; it loads nothing from anywhere."""
    body = [
        '<button type="button"><span class="en">日本語</span><span class="ja">English</span></button>',
        f"<h1>{_word('title')}</h1><p>{_word('lead')}</p>",
        _tiles(report),
        f"<h2>{_word('files')}</h2>{_files(report['files'])}",
        f"<h2>{_word('why')}</h2>{_bars(report['rules_count'])}{_rule_samples(report['rules'])}",
        f"<h2>{_word('quarantine')}</h2>{_quarantine(report['quarantine'], report['quarantined'])}",
    ]
    for key in ("edits", "privacy", "languages", "labels", "licences"):
        body += [f"<h2>{_word(key)}</h2>{_bars(report[key])}"] if report[key] else []
    for key in ("question", "answer"):
        body += [f"<h2>{_word(key + '_lengths')}</h2>{_bars(report['lengths'][key]['classes'])}"]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>kitae: data report</title><style>{_STYLE}</style></head>\n<body>"
        + "\n".join(body)
        + f"\n<script>{_SCRIPT}</script></body></html>\n"
    )


def _word(key: str) -> str:
    english, japanese = WORDS[key]
    return f'<span class="en">{escape(english)}</span><span class="ja" lang="ja">{escape(japanese)}</span>'


def _tiles(report: Mapping[str, Any]) -> str:
    tiles = "".join(
        f'<div class="tile"><b>{report[key]:,}</b>{_word(key)}</div>'
        for key in ("read", "kept", "dropped", "quarantined")
    )
    return f'<div class="tiles">{tiles}</div>'


def _files(files: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            escape(file["name"]),
            escape(file["encoding"]),
            escape(", ".join(f"{shape} {count}" for shape, count in file["shapes"].items())),
            file["read"],
            file["kept"],
            sum(file["dropped"].values()),
            file["quarantined"],
        ]
        for file in files
    ]
    return _table(("file", "encoding", "shapes", "read", "kept", "dropped", "quarantined"), rows)


def _rule_samples(rules: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    out = []
    for rule, samples in rules.items():
        rows: list[list[Any]] = [
            [escape(sample[key]) for key in ("origin", "reason", "question", "answer")] for sample in samples
        ]
        table = _table(("where", "reason", "question", "answer"), rows)
        out.append(f"<details><summary>{escape(rule)}</summary>{table}</details>")
    return "".join(out)


def _quarantine(rows: Sequence[Mapping[str, Any]], total: int) -> str:
    if not rows:
        return f"<p>{_word('none')}</p>"
    cells: list[list[Any]] = [
        [escape(f"{row['file']}:{row['row']}"), escape(row["reason"]), escape(row["excerpt"])] for row in rows
    ]
    rest = total - len(rows)
    return _table(("where", "reason", "question"), cells) + (f"<p>+{rest:,} {_word('more')}</p>" if rest else "")


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Cells that are text must be escaped already; numbers are set to the right."""
    head = "".join(f"<th>{_word(key)}</th>" for key in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td class="n">{cell:,}</td>' if isinstance(cell, int) else f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _bars(counts: Mapping[str, int]) -> str:
    if not counts:
        return f"<p>{_word('none')}</p>"
    most = max(counts.values()) or 1
    bars = "".join(
        f'<div class="bar"><span>{escape(name)}</span>'
        f'<i style="width:{100 * count / most:.1f}%"></i><b>{count:,}</b></div>'
        for name, count in list(counts.items())[:MOST_BARS]
    )
    rest = len(counts) - MOST_BARS
    return bars + (f"<p>+{rest:,} {_word('more')}</p>" if rest > 0 else "")
