"""Offensive text: our own small lexicon of Japanese and English, each entry with its kind and weight.

A weight of 1 is an insult or threat by itself; 0.5 needs company (an angry customer who writes "damn" once is still
a customer). Entries are patterns; Japanese ones name what they must not be part of, since words are not spaced.
"""

import re
from functools import lru_cache

LEXICON: tuple[tuple[str, str, float], ...] = (
    ("insult", r"死ね(?!な|ば|る)|しね[!！よや]|くたばれ|くたばりやがれ|消え(?:ろ|失せろ|てなくなれ)", 1.0),
    ("insult", r"(?<!馬)馬鹿(?!馬|正直|騒|力|丁寧|にでき|にならない)|(?<![ァ-ヶー])バカ(?!ンス|ラ|リ|ロ|ル|ボンド|[ァ-ヶー])", 0.6),
    ("insult", r"(?:大)?馬鹿(?:野郎|者|が[!！])|バカ(?:野郎|者|ども|か[?？お])|ばか(?:やろう|野郎|者)|ばーか", 1.0),
    ("insult", r"(?<![ァ-ヶー])アホ(?!ウドリ|[ァ-ヶー])|阿呆|あほ(?:か|や|らし|くさ)", 0.6),
    ("insult", r"(?:クソ|くそ|糞)(?:野郎|ったれ|ババア|ジジイ|ガキ|ホテル|旅館|みたい|すぎ|が[!！])|クズ(?:野郎|が|ども|だ)", 1.0),
    ("insult", r"(?<![ァ-ヶー])(?:クソ|クズ|カス|ゴミ)(?:宿|店員|スタッフ|会社|対応|サービス|人間)|ゴミ(?:以下|クズ|野郎)", 1.0),
    ("insult", r"(?:無能|役立たず|間抜け|能無し|能なし|脳なし|低能)|キモ(?:い|すぎ)|気色悪い|ふざけ(?:ん|る)な", 0.6),
    ("insult", r"(?<![ァ-ヶー一-鿿])(?:てめえ|てめぇ|テメエ|テメェ|貴様|きさま)", 0.7),
    ("insult", r"(?:ブス|デブ|ハゲ|ブサイク)(?=[がのめはだ!！、。]|野郎|ども|$)|クソ(?:ブス|デブ)", 0.6),
    ("insult", r"(?:お前|おまえ|貴様|てめえ|てめぇ)(?:ら|たち|みたいな|のような)?.{0,12}(?:バカ|馬鹿|アホ|クズ|ゴミ|カス|無能|死)", 1.0),
    ("threat", r"殺(?:す(?:ぞ|から|よ[!！])|してやる|したろか)|ぶっ(?:殺|飛ば|潰)(?:す|し)|ぶん殴(?:る|って)|痛い目(?:に|を)(?:遭|あ)わせ", 1.0),
    ("threat", r"(?:放火|爆破|火をつけ)(?:してやる|するぞ|てやる)", 1.0),
    ("slur", r"(?:シナ|支那)人|チョン(?:公|が|ども)|ニガー|土人|(?<![一-鿿])障害者は(?:消え|死)|(?:キチガイ|きちがい|気違い|気狂い|池沼|ガイジ)", 1.0),
    ("sexual", r"ヤリ(?:マン|チン)|(?:おまんこ|マンコ|ちんぽ|チンポ)|(?:おっぱい|パンツ)(?:見せ|触ら)|セックス(?:し(?:よう|たい|ろ)|させ)", 1.0),
    ("insult", r"\b(?:fuck(?:ing|ed|er|ers|off|s)?|f[\*#@]+ck(?:ing)?|motherfuck\w*)\b", 1.0),
    ("insult", r"\b(?:shit(?:ty|head|s)?|sh[\*#@]t|bullshit|asshole\w*|arsehole\w*|dickhead\w*|bastards?|bitch(?:es)?)\b", 1.0),
    ("insult", r"\b(?:wankers?|twats?|cunts?|pricks?|douche(?:bag)?s?|jackass(?:es)?|dumbass(?:es)?|scumbags?)\b", 1.0),
    ("insult", r"\b(?:morons?|moronic|imbeciles?|retard(?:ed|s)?|cretins?|halfwits?|nitwits?|idiots|idiotic)\b", 1.0),
    ("insult", r"\b(?:an?|some|this|that)\s+idiot\b", 0.5),
    ("insult", r"(?<!some )(?<!an )(?<!this )(?<!that )\bidiot\b", 1.0),
    ("insult", r"\b(?:stupid|dumb|pathetic|worthless|useless|disgusting|filthy)\s+(?:\w+\s+)?"
               r"(?:people|staff|cow|pigs?|dogs?|old|woman|women|man|men|clerk|bot|fools?|clowns?|losers?|trash|lot)\b", 1.0),
    ("insult", r"\byou(?:'re| are| all| lot| people)?\s+(?:\w+\s+){0,3}?"
               r"(?:stupid|dumb|pathetic|worthless|useless|trash|garbage|scum|clowns?|fools?|losers?|incompetent|liars?)\b", 1.0),
    ("insult", r"\b(?:shut (?:the \w+ )?up|go to hell|piss off|screw you|get lost|drop dead|kiss my ass|suck my)\b", 1.0),
    ("insult", r"\b(?:damn(?:ed)?|crap(?:py)?|hell hole|sucks|stupid|dumb|pathetic|scum|trash|garbage|losers?|clowns?)\b", 0.5),
    ("threat", r"\b(?:i(?:'ll| will|'m going to| am going to| want to|'m gonna)\s+(?:\w+\s+)?"
               r"(?:kill|murder|stab|shoot|burn|beat|hurt|smash)\s+(?:you|your|him|her|them|every|this|the|all)\b)", 1.0),
    ("threat", r"\b(?:kill yourself|kys|hope you die|you should die|deserve to die)\b", 1.0),
    ("slur", r"\b(?:nigg(?:er|a)s?|chinks?|gooks?|spics?|kikes?|fagg?ots?|trann(?:y|ies)|wetbacks?|japs?)\b", 1.0),
    ("sexual", r"\b(?:blow ?jobs?|send nudes|pussy|whores?|sluts?|cocksucker\w*)\b", 1.0),
)  # fmt: skip
"""(kind, pattern, weight)."""


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str], float], ...]:
    return tuple((kind, re.compile(pattern, re.IGNORECASE), weight) for kind, pattern, weight in LEXICON)


@lru_cache(maxsize=1)
def _any() -> re.Pattern[str]:
    """All entries in one pattern: nearly every text is done after one search."""
    return re.compile("|".join(f"(?:{pattern})" for _, pattern, _ in LEXICON), re.IGNORECASE)


def offence(text: str) -> tuple[float, tuple[str, ...]]:
    """How offensive a text is (the sum of the weights of the entries it hits) and the kinds it hit."""
    if not _any().search(text):
        return 0.0, ()
    hits = [(kind, weight * len(pattern.findall(text))) for kind, pattern, weight in _patterns()]
    hits = [(kind, weight) for kind, weight in hits if weight]
    return sum(weight for _, weight in hits), tuple(sorted({kind for kind, _ in hits}))
