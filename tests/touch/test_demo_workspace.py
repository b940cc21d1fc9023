"""The demo's workspace is one that the service accepts."""

import stat

import pytest

from monitor.demo.feedserver import FeedServer
from monitor.demo.newsroom import Newsroom
from monitor.demo.stories import sample_stories
from monitor.demo.workspace import CHANNELS, targets, write_workspace
from monitor.feeds import listing
from monitor.settings.reading import load


@pytest.fixture
def file(tmp_path):
    return write_workspace(
        tmp_path,
        feeds=Newsroom(FeedServer()).feeds,
        slack_url="http://127.0.0.1:1/api/",
        slack_token="xoxb-demo",
        smtp_port=2525,
    )


def test_its_settings_load_without_a_warning(file):
    settings, warnings = load(file, {})
    assert warnings == ()
    assert settings.alerts.collect.total_seconds() == 1
    assert settings.slack.token.reveal() == "xoxb-demo"
    assert {receiver.language for receiver in settings.receivers.values()} == {"en", "ru", "kk"}


def test_its_feeds_are_read_whole(file):
    settings, _ = load(file, {})
    feeds = listing.read(settings.feeds, receivers=settings.receiver_names)
    assert feeds.problems == ()
    assert len(feeds.feeds) >= 12


def test_what_is_expected_fits_who_is_told(file):
    settings, _ = load(file, {})
    feeds = {feed.name: feed for feed in listing.read(settings.feeds).feeds}
    for story in sample_stories():
        names = {*settings.default_receivers, *feeds[story.at.name].receivers}
        told = {f"slack:{c}" for name in names for c in settings.receivers[name].slack}
        told |= {f"email:{box}" for name in names for box in settings.receivers[name].email}
        assert targets(story) == told


def test_the_stand_in_is_told_every_channel(file):
    settings, _ = load(file, {})
    assert {channel for receiver in settings.receivers.values() for channel in receiver.slack} == set(
        CHANNELS
    )


def test_the_token_is_readable_only_for_its_owner(file):
    assert stat.S_IMODE((file.parent / "slack-token").stat().st_mode) == 0o600
