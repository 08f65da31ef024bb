"""Columns and keys whose whole value is private, whatever it looks like."""

import re
from functools import lru_cache

_PERSON = (
    "customer|guest|user|client|member|patient|passenger|employee|contact|agent|staff|person|subscriber|account.?holder"
    "|cardholder|holder|sender|recipient|applicant|student|tenant|driver|owner"
)
_PERSON_JA = "会員|顧客|患者|社員|職員|学籍|学生|お客様|利用者|加入者|被保険者|契約者|従業員"

HEADINGS: tuple[tuple[str, str], ...] = (
    ("name", r"氏名|名前|顧客名|客様名|フリガナ|ふりがな|宛名|名義|届け先名|^name$"),
    ("name", r"(?:予約者|宿泊者|担当者|契約者|申込者|受取人|代表者|利用者|保護者|患者)(?:様|名|氏名|様名)?$"),
    ("name", rf"(?:{_PERSON}|full|first|last|middle|family|given|maiden|nick|legal|display).?name$|^(?:sur|fore)name$"),
    ("phone", r"電話|携帯|(?:^|[_ .-])(?:tel|telephone|phone|mobile|cell|fax)(?:$|[_ .0-9-]|no|num)"),
    ("phone", r"(?<!micro)(?<!head)(?<!smart)(?<!ear)(?<!i)phone.?(?:number|no)?$"),
    ("email", r"メール(?!本文|件名|文面|内容|マガジン|配信|種別|日時)|メアド"),
    ("email", r"e-?mail(?!.?(?:body|subject|text|content|template|count|type|status|sent|date))"),
    ("ip_address", r"(?:^|[_ .-])ip(?:.?addr(?:ess)?)?$|IPアドレス"),
    ("mac_address", r"(?:^|[_ .-])mac.?addr(?:ess)?$|MACアドレス"),
    ("postal_code", r"郵便番号|〒|(?:^|[_ .-])zip(?:.?code)?$|post(?:al)?.?code"),
    ("address", r"住所|(?:street|home|postal|shipping|billing|mailing|delivery).?address|^address(?:.?line)?.?[0-9]?$"),
    ("birth_date", r"生年月日|誕生日|birth.?(?:date|day)|date.?of.?birth|^dob$"),
    ("iban", r"(?:^|[_ .-])iban$"),
    ("card", r"カード番号|card.?(?:number|no)$|^pan$"),
    ("bank_account", r"口座番号|(?:bank.?)?account.?(?:number|no)$"),
    ("my_number", r"マイナンバー|個人番号|^my.?number$"),
    ("corporate_number", r"法人番号|corporate.?number"),
    ("passport", r"旅券|パスポート番号|passport.?(?:number|no|id)?$"),
    ("driving_licence", r"免許証?番号|driv\w*.?licen[cs]e"),
    ("us_ssn", r"(?:^|[_ .-])ssn$|social.?security"),
    ("coordinates", r"緯度|経度|(?:^|[_ .-])(?:lat|lng|lon|latitude|longitude|coordinates)$"),
    ("secret", r"パスワード|暗証番号|passw(?:or)?d$|(?:^|[_ .-])secret$|(?:api|access|private|secret).?key$"),
    ("secret", r"(?:access|auth|refresh|bearer|api|session).?token$"),
    ("person_id", rf"(?:^|[_ .-])(?:{_PERSON})[_ .-]?(?:id|no|number|code)$|(?:{_PERSON_JA})(?:番号|ID|コード|No)"),
)
"""Kind and form of the heading. Nested keys are joined by points, so `customer.id` is the id of a customer."""

_COMPILED = tuple((kind, re.compile(form, re.IGNORECASE)) for kind, form in HEADINGS)
_ABOUT_A_PERSON = re.compile(rf"(?:^|[_ .-])(?:{_PERSON}|people|profile)s?$|{_PERSON_JA}|担当者|予約者", re.IGNORECASE)


@lru_cache(maxsize=4096)
def private_column(column: str) -> str | None:
    """The kind of private data that a column with this heading holds, or None. Nested keys: the path with points."""
    last = column.rpartition(".")[2]
    for name in dict.fromkeys((column, last)):
        for kind, form in _COMPILED:
            if form.search(name):
                return kind
    return None


@lru_cache(maxsize=4096)
def about_a_person(key: str) -> bool:
    """Whether an object under this key describes a person."""
    return bool(_ABOUT_A_PERSON.search(key))
