"""Recognisers of postal addresses, Japanese and English."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding, near

PREFECTURES = (
    *(
        "北海道",
        "青森県",
        "岩手県",
        "宮城県",
        "秋田県",
        "山形県",
        "福島県",
        "茨城県",
        "栃木県",
        "群馬県",
        "埼玉県",
        "千葉県",
    ),
    *(
        "東京都",
        "神奈川県",
        "新潟県",
        "富山県",
        "石川県",
        "福井県",
        "山梨県",
        "長野県",
        "岐阜県",
        "静岡県",
        "愛知県",
        "三重県",
    ),
    *(
        "滋賀県",
        "京都府",
        "大阪府",
        "兵庫県",
        "奈良県",
        "和歌山県",
        "鳥取県",
        "島根県",
        "岡山県",
        "広島県",
        "山口県",
        "徳島県",
    ),
    *("香川県", "愛媛県", "高知県", "福岡県", "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県"),
)

_PLACE = r"[一-鿿々ぁ-んァ-ヶー]"
_BLOCK = (
    r"(?:(?:[東西南北][0-9]{1,3}条)?[東西南北]?[0-9〇一二三四五六七八九十]{1,4}(?:丁目|番地|番|号)(?:の)?[0-9-]*"
    r"(?:番地?|号)?(?:[0-9-]+号?)?"
    r"|[0-9]{1,4}(?:-[0-9]{1,4}){1,3}|[0-9]{1,5}番地?)"
)
_ROOM = r"(?: ?[一-鿿ァ-ヶーA-Za-z]{2,16}(?:マンション|ハイツ|ビル|荘|アパート|タワー)? ?[0-9]{1,4}号?室?)?"
_TOWN = rf"(?:{_PLACE}{{1,6}}?[市区町村郡]{_PLACE}{{0,10}}?)"
_JAPANESE = re.compile(
    rf"(?:{'|'.join(PREFECTURES)}) ?{_TOWN}{{1,3}}? ?(?:{_PLACE}{{0,10}}? ?{_BLOCK}{_ROOM})?(?![市区町村])"
)
_WITHOUT_PREFECTURE = re.compile(
    rf"[一-鿿]{{1,5}}[市区]{_PLACE}{{1,10}}? ?(?:[0-9]{{1,4}}(?:-[0-9]{{1,4}}){{1,3}}"
    rf"|[0-9一二三四五六七八九]{{1,2}}丁目[0-9-]*(?:番地?)?[0-9-]*号?){_ROOM}"
)
_HAS_BLOCK = re.compile(_BLOCK)
_HOME_WORD = re.compile(
    r"住所|住まい|住んで|自宅|届け先|届先|送り先|送付先|送って|配送先|宛先|実家|居住|発送|郵送|[Aa]ddress"
)

_STREET_KINDS = (
    "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Ter|Square|Sq|Crescent|"
    "Close|Highway|Hwy|Parkway|Pkwy|Gardens|Grove|Hill|Row|Mews|Walk|Circle|Cir|Trail"
)
_ENGLISH = re.compile(
    r"(?<![0-9A-Za-z-])(?:(?:Flat|Apt\.?|Apartment|Unit|Suite) [0-9A-Z]{1,5},? )?\d{1,5}[A-Z]?,? "
    rf"(?:(?:[NSEW]\.?|North|South|East|West) )?(?:[A-Z][A-Za-z'.]+ ){{1,4}}(?:{_STREET_KINDS})(?![A-Za-z])\.?"
    r"(?:,? (?:Apt\.?|Apartment|Unit|Suite|Flat|#) ?[0-9A-Z-]{1,6})?"
    r"(?:,\s?[A-Z][A-Za-z]+(?: [A-Z][A-Za-z]+){0,2})?"
    r"(?:,?\s[A-Z]{2}(?![A-Za-z]))?(?:,?\s(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[0-9A-Z]? ?\d[A-Z]{2})(?![0-9A-Za-z]))?"
)


def address(text: str) -> Iterator[Finding]:
    """Addresses: prefecture, municipality and block, or without block beside a word such as 住所; English streets."""
    if "市" in text or "区" in text or "町" in text or "村" in text:
        for match in _JAPANESE.finditer(text):
            if _HAS_BLOCK.search(match.group()) or near(
                text, match.start(), match.end(), _HOME_WORD, before=16, after=20
            ):
                yield Finding("address", match.start(), match.end(), 40)
        for match in _WITHOUT_PREFECTURE.finditer(text):
            yield Finding("address", match.start(), match.end(), 35)
    for match in _ENGLISH.finditer(text):
        yield Finding("address", match.start(), match.end(), 40)
