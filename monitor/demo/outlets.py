"""The invented outlets whose feeds the demo reads: each speaks another format, or misbehaves in its own way."""

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """The kinds of feed document that the demo writes."""

    RSS2 = "rss2"
    RSS1 = "rss1"
    ATOM = "atom"
    JSON = "json"


class Manner(StrEnum):
    """How an outlet's server answers."""

    PLAIN = "plain"
    GZIP = "gzip"
    SLOW = "slow"  # 304 and everything else come late, in small pieces
    STILL = "still"  # nothing changes after the first answer: 304 for good
    TORN = "torn"  # its XML breaks off in the middle of an item: the items before it can be read
    BROKEN = "broken"  # what it answers is no feed
    GONE = "gone"  # 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """One sample feed.

    Args:
        key: Its path on the server, and how stories name it.
        name: As readers know it.
        encoding: Of the bytes it sends.
    """

    key: str
    name: str
    language: str
    format: Format = Format.RSS2
    manner: Manner = Manner.PLAIN
    encoding: str = "utf-8"

    @property
    def path(self) -> str:
        """Where its feed is."""
        return f"/{self.key}/{'feed.json' if self.format is Format.JSON else 'feed.xml'}"

    @property
    def site(self) -> str:
        """Its front page, an address that cannot exist (RFC 2606)."""
        return f"https://{self.key}.example/"

    @property
    def healthy(self) -> bool:
        """Whether its feed can be read."""
        return self.manner not in (Manner.BROKEN, Manner.GONE)


OUTLETS = (
    Outlet(key="steppe-courier", name="Steppe Courier", language="en"),
    Outlet(key="meridian-wire", name="Meridian Wire", language="en", format=Format.ATOM),
    Outlet(key="caspian-ledger", name="Caspian Ledger", language="en", format=Format.RSS1),
    Outlet(key="ore-and-alloy", name="Ore & Alloy", language="en", format=Format.JSON),
    Outlet(key="saryarka-times", name="Saryarka Times", language="en", manner=Manner.GZIP),
    Outlet(key="zhetysu-khronika", name="Жетысу-Хроника", language="ru", encoding="windows-1251"),
    Outlet(key="delovaya-step", name="Деловая степь", language="ru", format=Format.ATOM, manner=Manner.GZIP),
    Outlet(key="vechernij-irtysh", name="Вечерний Иртыш", language="ru", manner=Manner.SLOW),
    Outlet(key="arhivnyj-vestnik", name="Архивный вестник", language="ru", manner=Manner.STILL),
    Outlet(key="qyran-aqparat", name="Қыран ақпарат", language="kk"),
    Outlet(key="tau-samaly", name="Тау самалы", language="kk", format=Format.ATOM),
    Outlet(key="boztorgaj", name="Бозторғай", language="kk", format=Format.RSS1),
    Outlet(key="irbis-gazette", name="Irbis Gazette", language="en", manner=Manner.TORN),
    Outlet(key="tobol-post", name="Tobol Post", language="en", manner=Manner.BROKEN),
    Outlet(key="old-caravan", name="The Old Caravan", language="en", manner=Manner.GONE),
)

BY_KEY = {outlet.key: outlet for outlet in OUTLETS}
