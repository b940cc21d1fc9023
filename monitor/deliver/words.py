"""The fixed words of an alert, and how a time is written, in each language of the receivers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.alerts.letter import Language

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "also_at": "Also at",
        "fallback": "Shown in the plain built-in form, because the template {name} could not be used.",
        "more": "and {count} more",
        "no_date": "no date given",
        "no_headline": "(no headline)",
        "published": "published",
        "seen": "seen",
        "sent_to": "For {receiver}",
        "trial": "This is a test of the channel, not news.",
        "urgent": "Urgent",
        "why": "Why you see this",
    },
    "ru": {
        "also_at": "Также",
        "fallback": "Показано в простом встроенном виде: шаблон {name} не удалось применить.",
        "more": "и ещё {count}",
        "no_date": "дата не указана",
        "no_headline": "(без заголовка)",
        "published": "опубликовано",
        "seen": "замечено",
        "sent_to": "Для {receiver}",
        "trial": "Это проверка канала, не новость.",
        "urgent": "Срочно",
        "why": "Почему это здесь",
    },
    "kk": {
        "also_at": "Сондай-ақ",
        "fallback": "Қарапайым кірістірілген түрде көрсетілді: {name} үлгісін қолдану мүмкін болмады.",
        "more": "және тағы {count}",
        "no_date": "күні көрсетілмеген",
        "no_headline": "(тақырыпсыз)",
        "published": "жарияланды",
        "seen": "байқалды",
        "sent_to": "{receiver} үшін",
        "trial": "Бұл — арнаны тексеру, жаңалық емес.",
        "urgent": "Шұғыл",
        "why": "Неліктен көріп тұрсыз",
    },
}

_MONTHS: Mapping[Language, tuple[str, ...]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "ru": ("янв.", "февр.", "марта", "апр.", "мая", "июня", "июля", "авг.", "сент.", "окт.", "нояб.", "дек."),
    "kk": ("қаң.", "ақп.", "нау.", "сәу.", "мам.", "мау.", "шіл.", "там.", "қыр.", "қаз.", "қар.", "жел."),
}  # fmt: skip


def moment(at: datetime, timezone: str, language: Language, *, beside: datetime | None = None) -> str:
    """An instant as the receiver's clock shows it; only the time where `beside` is of the same day."""
    local = at.astimezone(ZoneInfo(timezone))
    clock = f"{local:%H:%M}"
    if beside is not None and beside.astimezone(ZoneInfo(timezone)).date() == local.date():
        return clock
    month = _MONTHS[language][local.month - 1]
    if language == "kk":
        return f"{local.year} ж. {local.day} {month}, {clock}"
    return f"{local.day} {month} {local.year}, {clock}"


def offset(at: datetime, timezone: str) -> str:
    """The receiver's zone at an instant, as `UTC+5` or `UTC-3:30`."""
    difference = at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0)
    minutes = round(difference.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")
