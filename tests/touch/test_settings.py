"""Settings: every message names file, line and the way out; secrets are read and never shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.errors import SettingsError
from monitor.secret import Secret
from monitor.settings.reading import load


def read(folder: Path, text: str, environment=None):
    file = folder / "monitor.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, environment or {})


def problems(folder, text, environment=None):
    with pytest.raises(SettingsError) as found:
        read(folder, text, environment)
    return [str(problem).replace(str(folder) + "/", "") for problem in found.value.problems]


WORKING = """\
slack: {token_file: token}
email: {host: 127.0.0.1, port: 2525, tls: none, from: "News monitor <alerts@news.example>"}
receivers:
  metals-desk: {slack: [C0123ABCD], email: metals@news.example, language: ru}
default_receivers: metals-desk
"""


def test_an_empty_file_runs_and_prints(tmp_path):
    settings, warnings = read(tmp_path, "")
    assert settings.default_receivers == ("print",)
    assert settings.receivers["print"].print
    assert "only printed" in str(warnings[0])
    assert settings.alerts.collect == timedelta(seconds=45)


def test_paths_are_relative_to_the_file(tmp_path):
    settings, _ = read(tmp_path, "database: sqlite:///x/y.db\nfeeds: [a.yaml, b.opml]\nrules: desks\n")
    assert settings.database_path == tmp_path / "x/y.db"
    assert settings.feeds == (tmp_path / "a.yaml", tmp_path / "b.opml")
    assert settings.rules == (tmp_path / "desks",)


def test_a_secret_is_read_from_its_file_and_never_shown(tmp_path):
    (tmp_path / "token").write_text("xoxb-very-secret\n")
    settings, _ = read(tmp_path, WORKING)
    assert settings.slack.token == Secret("xoxb-very-secret")
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in str(settings.model_dump())


def test_a_secret_file_that_is_missing_is_named(tmp_path):
    assert problems(tmp_path, WORKING)[0].startswith(
        "monitor.yaml:1:21: cannot read slack.token_file 'token': no such file"
    )


def test_the_environment_overlays_the_file(tmp_path):
    environment = {
        "MONITOR_SLACK__TOKEN": "xoxb-1",
        "MONITOR_POLLING__INTERVAL": "30s",
        "MONITOR_NETWORK__ALLOW": "[127.0.0.0/8]",
        "MONITOR_PORT": "tcp://10.0.0.1:80",
        "MONITOR_CONFIG": "ignored",
    }
    settings, warnings = read(tmp_path, WORKING.replace("slack: {token_file: token}\n", ""), environment)
    assert settings.slack.token == Secret("xoxb-1")
    assert settings.polling.interval == timedelta(seconds=30)
    assert len(settings.network.allow) == 1
    assert [str(w) for w in warnings] == [
        "MONITOR_PORT:1:1: warning: no setting has this name, so it is not used"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "polling: {intervall: 5m}",
            "monitor.yaml:1:11: there is no key 'intervall' - did you mean 'interval'?",
        ),
        (
            "polling: {interval: 5}",
            "monitor.yaml:1:21: cannot read '5' as a length of time - write it like 45s",
        ),
        ("polling: {interval: 0s}", "monitor.yaml:1:21: this must be at least 1s"),
        ("polling: {min_interval: 2h}", "monitor.yaml:1:25: min_interval is longer than max_interval"),
        ("timezone: Asia/Almata", "monitor.yaml:1:11: there is no time zone 'Asia/Almata'"),
        ("database: mysql://x", "monitor.yaml:1:11: 'mysql://' is no database that monitor can use"),
        ("broker: rabbit://x", "monitor.yaml:1:9: 'rabbit://' is no broker that monitor can use"),
        (
            "web: {listen: 8080}",
            "monitor.yaml:1:15: '8080' is no address to listen on - write it like 127.0.0.1",
        ),
        ("web: {listen: 127.0.0.1:99999}", "'127.0.0.1:99999' is no address to listen on"),
        ("web: {listen: http://localhost:80}", "is no address to listen on"),
        ("web: on", "monitor.yaml:1:6: "),
        ("network: {allow: [10.0.0.0/99]}", "'10.0.0.0/99' is no network"),
        (
            "network: {proxy: https://desk:hunter2@proxy.example}",
            "monitor.yaml:1:18: this is no address of a proxy - write it like http://proxy.news.example:3128",
        ),
        ("network: {proxy: proxy.example:3128}", "this is no address of a proxy"),
        ("network: {proxy: http://proxy.example/path}", "this is no address of a proxy"),
        ("network: {proxy: http://proxy.example:99999}", "this is no address of a proxy"),
        ('network: {proxy: "http://a b.example/"}', "this is no address of a proxy"),
        ("network: {proxy: [http://proxy.example]}", "this is no address of a proxy"),
        (
            "polling: {per_host: {concurrent: 0}}",
            "monitor.yaml:1:34: 'concurrent': input should be greater than",
        ),
        ("polling: {per_host: {concurrent: two}}", "'concurrent' must be a whole number"),
        ("polling: {per_host: {spacing: 1}}", "cannot read '1' as a length of time - write it like 45s"),
        ("polling: {per_host: {spacing: 2h}}", "monitor.yaml:1:31: this must be at most 1h"),
        ("polling: {per_host: {space: 1s}}", "there is no key 'space' - did you mean 'spacing'?"),
        ("polling: {per_host: 2}", "'per_host' must be a mapping of keys and values"),
        ("receivers: {a: {}}", "monitor.yaml:1:13: receiver 'a' has no address"),
        ("receivers: {a: {slack: general}}", "'general' is no Slack channel id"),
        ("receivers: {a: {slack: C0123}}", "receiver 'a' is on Slack, but there is no token"),
        ("receivers: {a: {email: nobody}}", "'nobody' is no mail address"),
        ("receivers: {a: {email: a@b.example}}", "receiver 'a' gets mail, but there is no relay"),
        (
            "receivers: {desk: {print: true}}\ndefault_receivers: [dask]",
            "there is no receiver 'dask' - did you mean 'desk'?",
        ),
        ("email: {host: mail.example, tls: none}", "mail would leave unencrypted"),
        ('email: {from: "x\\nBcc: y@z.example <a@b.example>"}', "cannot read"),
        ("just text", "settings are keys and values"),
        ("a: 1\na: 2", "'a' stands here a second time - the first is on line 1"),
        ("a: &x 1\nb: *x", "anchors (&name) are not read here"),
        ("\tfeeds: x", "tab"),
        ("feeds: [", "YAML"),
    ],
)
def test_every_message_names_the_place_and_the_way_out(tmp_path, text, message):
    assert any(message in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_all_problems_come_at_once(tmp_path):
    assert len(problems(tmp_path, "polling: {intervall: 5m}\ntimezone: nowhere\nfeedz: x\n")) == 3


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("", "127.0.0.1:8080"),
        ("web: {listen: '[::1]:0'}", "[::1]:0"),
        ("web: {listen: monitor.news.example:9000}", "monitor.news.example:9000"),
        ("web: {listen: off}", None),
        ("web: off", None),
        ("web: 'off'", None),
        ("web: false", None),
    ],
)
def test_where_the_web_server_listens(tmp_path, text, listen):
    assert read(tmp_path, text)[0].web.listen == listen


def test_the_environment_says_where_the_web_server_listens(tmp_path):
    settings, _ = read(tmp_path, "web: off", {"MONITOR_WEB__LISTEN": "0.0.0.0:8080"})
    assert settings.web.listen == "0.0.0.0:8080"


def test_a_proxy_is_a_secret_wherever_it_is_set(tmp_path):
    address = "http://desk:hunter2@proxy.example:3128"
    written, _ = read(tmp_path, f"network: {{proxy: '{address}'}}")
    given, _ = read(tmp_path, "", {"MONITOR_NETWORK__PROXY": address})
    for settings in (written, given):
        assert settings.network.proxy == Secret(address)
        assert "hunter2" not in repr(settings)
    assert read(tmp_path, "network: {proxy: null}")[0].network.proxy is None


def test_a_server_is_asked_gently_unless_the_operator_says_otherwise(tmp_path):
    usual, _ = read(tmp_path, "")
    assert (usual.polling.per_host.concurrent, usual.polling.per_host.spacing) == (2, timedelta(seconds=1))
    other, _ = read(tmp_path, "polling: {per_host: {concurrent: 5, spacing: 0s}}")
    assert (other.polling.per_host.concurrent, other.polling.per_host.spacing) == (5, timedelta(0))
