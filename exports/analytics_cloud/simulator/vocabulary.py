"""The people, pages and segments of a pretended workspace, the same at every start."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

FAMILY_NAMES = (
    ("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("田中", "tanaka"), ("伊藤", "ito"),
    ("Silva", "silva"), ("Müller", "mueller"), ("O'Brien", "obrien"), ("Nguyễn", "nguyen"), ("Smith", "smith"),
)  # fmt: skip
GIVEN_NAMES = (
    ("花子", "hanako"), ("太郎", "taro"), ("美咲", "misaki"), ("健一", "kenichi"), ("結衣", "yui"),
    ("Ana", "ana"), ("Jürgen", "juergen"), ("Siobhán", "siobhan"), ("Minh", "minh"), ("John", "john"),
)  # fmt: skip
PAGES = (
    ("/home", "ホーム"), ("/products", "製品一覧"),
    ("/products/gas-heater?color=white&size=L", "ガスヒーター <新製品>"),
    ("/support/faq", "よくある質問 | サポート"), ("/about", "About us"), ("/blog/quarterly", 'The "big" quarter'),
    ("/careers", "採用情報"), ("/contact", "お問い合わせ\u3000フォーム"), ("/pricing", "Pricing & plans"),
    ("/events/2026", "イベント 🎉"),
)  # fmt: skip
PLACES = (
    ("Tokyo", "Tokyo", "Japan"), ("大阪市", "大阪府", "日本"), ("Lisboa", "Lisboa", "Portugal"),
    ("São Paulo", "São Paulo", "Brazil"), ("Berlin", "Berlin", "Germany"), ("Recife", "Pernambuco", "Brazil"),
)  # fmt: skip
BROWSERS = ("Chrome", "Firefox", "Safari", "Edge")
DEVICES = (("Desktop", "Windows"), ("Desktop", "macOS"), ("Smartphone", "Android"), ("Smartphone", "iOS"))
LANGUAGES = ("ja_JP", "en_US", "pt_PT", "de_DE")
JOBS = ("営業部長", "Engineer", "代表取締役", "Analyst", "Head of R&D")
# The inner quotes make an eventProperties text that is no JSON: upstream builds it without escaping (§4).
LABELS = ("見積もり", 'the "big" one', "a\\b", "Download", "資料請求 <a>")

SMALLEST_ID = 472_514_384_234_000_000
PEOPLE = 2_000
SEGMENTS = 40


@dataclass(frozen=True)
class Person:
    """One individual and the identity that belongs to it."""

    individual_id: str
    identity_id: str
    email: str
    first: str
    last: str
    language: str


@dataclass(frozen=True)
class Cast:
    """What a workspace's rows have in common, made from its name alone, so that the six types join.

    `now`: no row knows of anything later. `older`: the shape of the oldest servers.
    """

    workspace: str
    now: datetime
    older: bool = False

    def number(self, *what: object) -> int:
        """A stable 64-bit id, too big for a double."""
        digest = hashlib.sha256(repr((self.workspace, *what)).encode()).digest()
        return SMALLEST_ID + int.from_bytes(digest[:6], "big")

    @property
    def project_id(self) -> str:
        return str(self.number("project"))

    @property
    def channel_id(self) -> str:
        return str(self.number("channel"))

    @property
    def data_source_id(self) -> str:
        return str(self.number("data source"))

    def segment_id(self, index: int) -> int:
        return self.number("segment", index)

    def person(self, index: int) -> Person:
        return _person(self.workspace, index)


@lru_cache(maxsize=2 * PEOPLE)
def _person(workspace: str, index: int) -> Person:
    last, last_ascii = FAMILY_NAMES[index % 10]
    first, first_ascii = GIVEN_NAMES[index // 10 % 10]
    email = f"{first_ascii}.{last_ascii}.{index}@{'example.jp' if index % 2 else 'example.com'}"
    return Person(
        individual_id=hashlib.sha256(email.encode()).hexdigest(),
        identity_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{workspace}/{index}")),
        email=email,
        first=first,
        last=last,
        language=LANGUAGES[index % len(LANGUAGES)],
    )
