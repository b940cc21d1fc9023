"""No secret is shown: not in what commands print, not in the log at its most talkative, not in the metrics."""

import asyncio
import socket
import sys

import aiohttp
import pytest

from tests.touch.workspace_kit import Workspace, rss, typed

FEED_SECRETS = ("feed-sesame", "query-sesame")
SINK_SECRETS = ("xoxb-slack-sesame", "mail-sesame")
SHOWN = (
    ("check",),
    ("check", "--json"),
    ("status",),
    ("status", "--json"),
    ("feeds", "list"),
    ("feeds", "list", "--json"),
    ("deliveries", "list"),
    ("deliveries", "list", "--json"),
    ("why", "https://news.example/0"),
)


@pytest.fixture
async def workspace(tmp_path):
    """One feed that answers and one that does not, both with a password and a token in their addresses."""
    async with Workspace(tmp_path) as made:
        made.slack.token = SINK_SECRETS[0]
        made.mail.login = ("monitor", SINK_SECRETS[1])
        for path, body, status in (
            ("/a.xml", rss(("Copper is up again this morning", "x")), 200),
            ("/gone.xml", "", 404),
        ):
            url = made.server.serve(path, body, status=status)
            user = url.replace("http://", f"http://reporter:{FEED_SECRETS[0]}@")
            made.feeds.append({"url": f"{user}?token={FEED_SECRETS[1]}", "name": f"Feed {path}"})
        made.settings["email"] = {
            "host": "127.0.0.1",
            "port": made.mail.port,
            "tls": "none",
            "from": "alerts@news.example",
            "username": "monitor",
            "password_file": "smtp",
        }
        made.settings["slack"] = {"token_file": "slack", "api_url": made.slack.api_url}
        (tmp_path / "slack").write_text(SINK_SECRETS[0], encoding="utf-8")
        (tmp_path / "smtp").write_text(SINK_SECRETS[1], encoding="utf-8")
        made.written()
        yield made


async def said(workspace: Workspace, *arguments: str) -> tuple[str, str]:
    """Output and talk, both as they are; wide enough to cut nothing."""
    _, out, err = await typed(workspace.folder, *arguments, COLUMNS="400")
    return out, err


def found_in(text: str, secrets: tuple[str, ...]) -> list[str]:
    return [secret for secret in secrets if secret in text]


@pytest.mark.parametrize("form", ["json", "text"])
async def test_neither_a_run_nor_a_command_after_it_shows_a_secret(workspace, form):
    out, log = await said(workspace, "run", "--once", "--verbose", "--log", form)
    assert len(workspace.slack.messages) == len(workspace.mail.messages) == 1
    assert found_in(out + log, FEED_SECRETS + SINK_SECRETS) == []
    for arguments in SHOWN:
        shown = "".join(await said(workspace, *arguments))
        assert found_in(shown, FEED_SECRETS + SINK_SECRETS) == [], arguments
        if arguments == ("feeds", "list", "--json"):
            assert "***@127.0.0.1" in shown
            assert "token=***" in shown


async def test_a_refused_login_shows_no_secret(workspace):
    workspace.slack.token = "another"
    workspace.mail.login = ("monitor", "another")
    out, log = await said(workspace, "run", "--once", "--verbose")
    assert "invalid_auth" in log
    assert found_in(out + log, FEED_SECRETS + SINK_SECRETS) == []


async def test_an_export_holds_the_feeds_secrets_and_says_so(workspace):
    out, err = await said(workspace, "feeds", "export")
    assert found_in(out, FEED_SECRETS) == list(FEED_SECRETS)
    assert found_in(out + err, SINK_SECRETS) == []
    assert found_in(err, FEED_SECRETS) == []
    assert "keep it to yourself" in err


async def test_neither_the_metrics_nor_the_log_of_a_service_shows_a_secret(workspace):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    workspace.settings["web"] = {"listen": f"127.0.0.1:{port}"}
    workspace.written()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", "run", "--verbose",
        cwd=workspace.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        talk = asyncio.create_task(child.communicate())
        async with asyncio.timeout(60):
            await workspace.slack.wait_for(1)
            await workspace.mail.wait_for(1)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            metrics = await answer.text()
        child.terminate()
        log, _ = await asyncio.wait_for(talk, 60)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert "monitor_" in metrics
    assert found_in(metrics + log.decode(), FEED_SECRETS + SINK_SECRETS) == []
