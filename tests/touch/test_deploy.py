"""The files under deploy/ say what the program does: metrics that exist, a runbook for each alert."""

import json
import re
from pathlib import Path

import pytest
import yaml

from monitor.settings.values import listen_address

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "monitor.json").read_text(encoding="utf-8"))
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def metrics_of(expression: str) -> set[str]:
    """The metrics that an expression names, without what a histogram adds to its name."""
    named = re.findall(r"\bmonitor_[a-z_]+", expression)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_metrics_that_there_are(alert):
    named = metrics_of(alert["expr"])
    assert named or alert["alert"] == "MonitorDown"
    for name in named:
        assert f"`{name}`" in METRICS, name


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_has_its_runbook(alert):
    name = alert["alert"]
    assert f"\n### {name}\n" in OPERATIONS
    assert alert["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"


def test_no_runbook_is_left_without_its_alert():
    assert set(re.findall(r"^### (Monitor\w+)$", OPERATIONS, re.M)) == {alert["alert"] for alert in ALERTS}


def test_the_unit_gives_the_service_longer_to_stop_than_it_takes():
    unit = (ROOT / "deploy" / "monitor.service").read_text(encoding="utf-8")
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M)[1]) > 25
    assert "Type=notify" in unit


DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))


def test_the_image_runs_as_nobody_in_particular_and_listens_where_its_health_is_asked():
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", DOCKERFILE, re.M)
    port = listen_address(re.search(r"MONITOR_WEB__LISTEN=(\S+)", DOCKERFILE)[1])[1]
    assert f"http://127.0.0.1:{port}/livez" in DOCKERFILE
    assert f"EXPOSE {port}\n" in DOCKERFILE
    assert COMPOSE["services"]["monitor"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_image_is_built_from_files_that_there_are():
    for source in re.findall(r"^COPY (\S+) ", DOCKERFILE, re.M):
        assert source.startswith("--from=") or (ROOT / source).exists()
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert not {"monitor", "rules", "templates", "README.md", "LICENSE"} & set(
        ignored
    )  # the build needs them


def test_what_the_container_keeps_is_on_its_volume():
    (volume,) = COMPOSE["services"]["monitor"]["volumes"]
    assert volume.partition(":")[2] == re.search(r"^VOLUME (\S+)$", DOCKERFILE, re.M)[1]
    assert COMPOSE["services"]["monitor"]["read_only"] is True


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_shows_metrics_that_there_are(panel):
    for target in panel["targets"]:
        named = metrics_of(target["expr"])
        assert named
        for name in named:
            assert f"`{name}`" in METRICS, name
