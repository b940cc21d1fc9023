"""The workspace of the demo: a newsroom of three desks that reads the sample feeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from monitor.demo.newsroom import NewsroomFeed
from monitor.demo.stories import SampleStory
from monitor.shipped import shipped

DEFAULT_DESK = "newsdesk"

RECEIVERS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT_DESK: {"slack": ["C0NEWSDESK"], "email": ["newsdesk@news.example"]},
    "russian-desk": {"slack": ["C0RUSSIAN"], "email": ["russian@news.example"], "language": "ru"},
    "kazakh-desk": {"slack": ["C0KAZAKH"], "email": ["kazakh@news.example"], "language": "kk"},
    "ops": {"email": ["ops@news.example"]},
}
"""Who is told in the demo: everything goes to the newsdesk, and what Russian and Kazakh outlets say also to theirs."""

_DESK_OF_LANGUAGE = {"ru": "russian-desk", "kk": "kazakh-desk"}
CHANNELS = tuple(channel for receiver in RECEIVERS.values() for channel in receiver.get("slack", ()))
"""The Slack channels that the demo's stand-in must know."""


def targets(story: SampleStory) -> frozenset[str]:
    """Everybody who is told of a story when rules hold for it, as `slack:C0NEWSDESK` or `email:a@b.example`."""
    desks = (DEFAULT_DESK, _DESK_OF_LANGUAGE.get(story.language, DEFAULT_DESK))
    return frozenset(
        f"{channel}:{target}"
        for desk in desks
        for channel in ("slack", "email")
        for target in RECEIVERS[desk].get(channel, ())
    )


def write_workspace(
    folder: Path, *, feeds: Sequence[NewsroomFeed], slack_url: str, slack_token: str, smtp_port: int
) -> Path:
    """Write the demo's settings and feed list into a folder; the rules stay where monitor ships them.

    Args:
        slack_url: Of the stand-in's API.
        smtp_port: Of the mail catcher, on 127.0.0.1.

    Returns:
        The settings file.
    """
    token = folder / "slack-token"
    token.touch(mode=0o600)
    token.write_text(slack_token, encoding="utf-8")
    _write(folder / "feeds.yaml", [_feed(feed) for feed in feeds])
    return _write(
        folder / "monitor.yaml",
        {
            "database": "sqlite:///data/monitor.db",
            "broker": "embedded://",
            "feeds": "feeds.yaml",
            "rules": str(shipped("rules")),
            "timezone": "Asia/Almaty",
            "polling": {"interval": "1s", "min_interval": "1s", "max_interval": "2s", "timeout": "10s"},
            "network": {"allow": ["127.0.0.0/8"]},
            "web": "off",
            "slack": {"token_file": token.name, "api_url": slack_url},
            "email": {
                "host": "127.0.0.1",
                "port": smtp_port,
                "tls": "none",
                "from": "News monitor <alerts@news.example>",
            },
            "receivers": {name: dict(receiver) for name, receiver in RECEIVERS.items()},
            "default_receivers": [DEFAULT_DESK],
            "ops_receiver": "ops",
            "alerts": {"collect": "1s"},
        },
    )


def _feed(feed: NewsroomFeed) -> dict[str, Any]:
    line: dict[str, Any] = {"url": feed.url, "name": feed.outlet.name, "language": feed.outlet.language}
    desk = _DESK_OF_LANGUAGE.get(feed.outlet.language)
    return line | ({"receivers": [desk]} if desk else {})


def _write(file: Path, value: object) -> Path:
    file.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return file
