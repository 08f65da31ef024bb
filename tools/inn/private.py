"""Invented private data and secrets, and the sentences in which guests write them."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

FAMILY = ["山田", "佐藤", "鈴木", "高橋", "中村", "小林", "渡辺", "伊藤", "松本", "森田", "藤原", "大野"]
GIVEN = ["太郎", "花子", "健一", "由美子", "翔太", "美咲", "直樹", "恵子", "大輔", "さくら", "浩二", "真理"]
FIRST_EN = [
    "Jane",
    "Robert",
    "Emily",
    "Michael",
    "Sarah",
    "David",
    "Laura",
    "Peter",
    "Anna",
    "Thomas",
    "Grace",
    "Henry",
]
LAST_EN = [
    "Miller",
    "Thompson",
    "Clarke",
    "Bennett",
    "Foster",
    "Hughes",
    "Murray",
    "Collins",
    "Palmer",
    "Reed",
    "Walsh",
    "Griffin",
]

PLACES_JA = (
    "東京都千代田区丸の内1-2-3",
    "大阪府大阪市北区梅田2丁目4番9号",
    "北海道札幌市中央区大通西5-11",
    "愛知県名古屋市中区栄3-15-33",
    "神奈川県横浜市西区みなとみらい2-2-1 青葉マンション305号室",
    "京都府京都市東山区祇園町南側570-8",
    "福岡県福岡市博多区博多駅前３－２－１",
    "宮城県仙台市青葉区一番町4-7-16",
)
PLACES_EN = (
    "221 Baker Street, London",
    "1600 Maple Avenue, Springfield, IL",
    "45 George Street, Sydney NSW 2000",
    "8 Orchard Road, Singapore",
    "12 High Street, Oxford",
    "742 Evergreen Terrace, Portland, OR",
    "300 King Street West, Toronto",
    "17 Queen Street, Auckland",
)
# Published test numbers of the card companies; all of them pass the Luhn check.
CARDS = (
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "378282246310005",
    "4242424242424242",
    "3530 1113 3330 0000",
    "4012-8888-8888-1881",
    "5105105105105100",
    "6011 1111 1111 1117",
)

SENTENCES: dict[tuple[str, str], tuple[str, ...]] = {
    ("email", "ja"): ("メールは{}です。", "返信は{}までお願いします。", "連絡先:{}", "{}に送ってください。"),
    ("email", "en"): ("My e-mail is {}.", "Please reply to {}.", "You can reach me at {}.", "Email: {}."),
    ("phone", "ja"): ("電話は{}です。", "携帯{}までお電話ください。", "TEL:{}", "日中は{}につながります。"),
    ("phone", "en"): ("My number is {}.", "Call me on {}.", "Phone: {}.", "Please ring {} if there is a problem."),
    ("postal_code", "ja"): ("郵便番号は{}です。", "送り先は〒{}です。", "〒{}に住んでいます。"),
    ("postal_code", "en"): ("My postal code is {}.", "Zip code: {}.", "I live in Japan, postcode {}."),
    ("address", "ja"): ("住所は{}です。", "送り先は{}になります。", "{}に住んでいます。", "住所:{}"),
    ("address", "en"): ("My address is {}.", "I live at {}.", "Please send it to {}.", "Address: {}."),
    ("name", "ja"): (
        "予約名は{}様です。",
        "私は{}と申します。",
        "氏名:{}",
        "{}です。",
        "{}さんの名前で予約しました。",
    ),
    ("name", "en"): ("My name is {}.", "I am {}.", "The booking is under Dr. {}.", "Name: {}.", "This is {} speaking."),
    ("card", "ja"): ("カード番号は{}です。", "{}のカードで払いました。", "クレジットカード:{}"),
    ("card", "en"): ("My card number is {}.", "I paid with card {}.", "Card: {}."),
    ("my_number", "ja"): ("マイナンバーは{}です。", "本人確認用のマイナンバー:{}", "個人番号(マイナンバー)は{}です。"),
    ("my_number", "en"): ("My Number (マイナンバー) is {}.", "My Number: {}."),
    ("birth_date", "ja"): ("生年月日は{}です。", "{}生まれです。", "生年月日:{}"),
    ("birth_date", "en"): ("My date of birth is {}.", "I was born on {}.", "DOB: {}."),
    ("bank_account", "ja"): ("返金先は{}です。", "振込先口座:{}", "口座は{}です。"),
    ("bank_account", "en"): ("My bank account is {}.", "Please refund to {}.", "Bank account: {}."),
}
PLAN = (
    {"email": 14, "phone": 20, "postal_code": 14, "name": 18, "card": 14}
    | dict.fromkeys(("address",), 12)
    | dict.fromkeys(("my_number", "birth_date", "bank_account"), 8)
)
"""Kind -> rows planted; kinds of several to a row come on top."""

SECRET_SENTENCES = {
    "ja": ("APIキーは{}です。", "ログインに{}を使っています。", "間違えて{}を貼ってしまいました。", "トークン:{}"),
    "en": ("My API key is {}.", "I use {} to log in.", "Token: {}.", "Here is what my shop plug-in sends: {}."),
}
PASSWORD_SENTENCES = {
    "ja": ("パスワード:{}", "会員ページのパスワードは{}です。", "password: {}"),
    "en": ("password: {}", "My password is {}.", "login password={}"),
}
SECRET_FORMS = ("sk", "akia", "ghp", "password", "private_key", "bearer")


@dataclass(frozen=True)
class Planted:
    """A sentence to add, and the exact text in it that has to be found."""

    kind: str
    text: str
    sentence: str


def my_number(rng: random.Random) -> str:
    """Return twelve digits whose last one is the official check digit."""
    body = [rng.randrange(10) for _ in range(11)]
    rest = sum(digit * weight for digit, weight in zip(body, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    return "".join(map(str, body)) + str(0 if rest <= 1 else 11 - rest)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(string.digits) for _ in range(count))


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def email(rng: random.Random, language: str) -> str:
    """Return an address at a domain that is reserved for examples."""
    domain = rng.choice(("example.com", "example.co.jp"))
    user = rng.choice(("yamada.taro", "hanako_s", "k-suzuki", "info", "mika", "nao.tanaka", "y.sato+inn"))
    if language == "en":
        user = f"{rng.choice(FIRST_EN)}.{rng.choice(LAST_EN)}".lower()
    return f"{user}{rng.randrange(10, 99)}@{domain}"


def phone(rng: random.Random, language: str) -> str:
    """Return a telephone number in one of the ways people write it."""
    four, other = _digits(rng, 4), _digits(rng, 4)
    if language == "en":
        return rng.choice((f"+81 90 {four} {other}", f"+1 415-555-01{_digits(rng, 2)}", f"+81-3-5555-{other}"))
    forms = (
        f"090-{four}-{other}",
        f"080{four}{other}",
        f"03-5555-{other}",
        f"0120-{_digits(rng, 3)}-{_digits(rng, 3)}",
        _wide(f"070-{four}-{other}"),
        f"06({four}){other}",
    )
    return rng.choice(forms)


def _name(rng: random.Random, language: str) -> str:
    if language == "en":
        return f"{rng.choice(FIRST_EN)} {rng.choice(LAST_EN)}"
    return rng.choice(FAMILY) + rng.choice(("", "", " ", "　")) + rng.choice(GIVEN)


def _birth(rng: random.Random, language: str) -> str:
    year, month, day = rng.randrange(1950, 2004), rng.randrange(1, 13), rng.randrange(1, 29)
    if language == "en":
        names = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ]
        return rng.choice((f"{names[month - 1]} {day}, {year}", f"{month:02}/{day:02}/{year}"))
    showa = f"昭和{year - 1925}年{month}月{day}日" if year < 1989 else f"{year}年{month}月{day}日"
    return rng.choice((f"{year}年{month}月{day}日", f"{year}/{month:02}/{day:02}", showa))


def _bank(rng: random.Random, language: str) -> str:
    number = _digits(rng, 7)
    if language == "en":
        return rng.choice(
            (f"Example Bank account no. {number}", f"GB00 EXMP 0000 00{_digits(rng, 2)} {_digits(rng, 4)} 00")
        )
    return rng.choice(
        (f"例示銀行 本店 普通 {number}", f"みほん銀行梅田支店 普通預金 {number}", f"見本信用金庫 当座 {number}")
    )


def value(kind: str, language: str, rng: random.Random) -> str:
    """Return one invented value of the kind."""
    makers = {
        "email": lambda: email(rng, language),
        "phone": lambda: phone(rng, language),
        "postal_code": lambda: f"{_digits(rng, 3)}-{_digits(rng, 4)}",
        "address": lambda: rng.choice(PLACES_JA if language == "ja" else PLACES_EN),
        "name": lambda: _name(rng, language),
        "card": lambda: rng.choice(CARDS),
        "my_number": lambda: my_number(rng),
        "birth_date": lambda: _birth(rng, language),
        "bank_account": lambda: _bank(rng, language),
    }
    return makers[kind]()


def private(kind: str, language: str, rng: random.Random) -> Planted:
    """Return a sentence that gives the kind of private data away."""
    text = value(kind, language, rng)
    return Planted(kind, text, rng.choice(SENTENCES[kind, language]).format(text))


def secret(form: str, language: str, rng: random.Random) -> Planted:
    """Return a sentence with a well-formed but visibly fake credential."""
    letters = string.ascii_letters + string.digits
    some = "".join(rng.choice(letters) for _ in range(40))
    values = {
        "sk": f"sk-FAKE{some[:36]}",
        "akia": f"AKIA{some[:9].upper()}EXAMPLE",
        "ghp": f"ghp_FAKE{some[:32]}",
        "password": rng.choice(("Suzu-{}!x9", "fake{}#Pw", "Onsen_{}$")).format(some[:6]),
        "private_key": f"-----BEGIN RSA PRIVATE KEY----- MIIFAKE{some} -----END RSA PRIVATE KEY-----",
        "bearer": f"Bearer eyJGQUtFIjoxfQ.{some[:20]}.{some[20:36]}",
    }
    text = values[form]
    table = PASSWORD_SENTENCES if form == "password" else SECRET_SENTENCES
    return Planted(form, text, rng.choice(table[language]).format(text))
