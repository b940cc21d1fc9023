"""No secret is shown: not in what commands print, not in the log at its most talkative, not in metrics or database."""

import asyncio
import base64
import socket
import sys

import aiohttp
import pytest
from aiohttp import web

from tests.touch.proxy_kit import proxying
from tests.touch.workspace_kit import Workspace, rss, typed

FEED_SECRETS = ("feed-sesame", "query-sesame")
SINK_SECRETS = ("xoxb-slack-sesame", "mail-sesame")
WIRE_LOGIN = base64.b64encode(b"desk:wire-sesame").decode()
WIRE_SECRETS = ("wire-sesame", WIRE_LOGIN, "key-sesame", "filed-sesame")
PROXY_SECRETS = ("proxy-sesame", base64.b64encode(b"desk:proxy-sesame").decode())
ALL = FEED_SECRETS + SINK_SECRETS + WIRE_SECRETS + PROXY_SECRETS
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
    ("feeds", "history", "Wire"),
)


def paid(request: web.Request) -> str | web.Response:
    """A wire that answers those who pay, and refuses others with what they sent."""
    sent = {"Authorization": f"Basic {WIRE_LOGIN}", "X-Api-Key": "key-sesame", "X-Other-Key": "filed-sesame"}
    if any(request.headers.get(name) != value for name, value in sent.items()):
        return web.Response(
            status=401, text=str(request.headers), reason=f"No {request.headers.get('X-Api-Key')}"
        )
    return rss(("Gold is down", "y"), title="The Wire")


@pytest.fixture
async def workspace(tmp_path):
    """One feed that answers and one that does not, both with a password and a token in their addresses; a paid wire."""
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
        for path in ("/wire.xml", "/wrong.xml"):
            headers = {"X-Api-Key": "key-sesame", "X-Other-Key": {"file": "other"}}
            made.feed(
                path,
                paid,
                listed={
                    "name": "Wire" if path == "/wire.xml" else "Wrong",
                    "auth": {"username": "desk" if path == "/wire.xml" else "other", "password_file": "wire"},
                    "headers": headers,
                },
            )
        (tmp_path / "wire").write_text("wire-sesame\n", encoding="utf-8")
        (tmp_path / "other").write_text("filed-sesame\n", encoding="utf-8")
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
    assert found_in(out + log, ALL) == []
    for arguments in SHOWN:
        shown = "".join(await said(workspace, *arguments))
        assert found_in(shown, ALL) == [], arguments
        if arguments == ("feeds", "list", "--json"):
            assert "***@127.0.0.1" in shown
            assert "token=***" in shown
            assert '"X-Api-Key"' in shown
    assert {one.answered for one in workspace.server.asked["/wire.xml"]} == {200}
    assert {one.answered for one in workspace.server.asked["/wrong.xml"]} == {401}
    assert kept_in(workspace) == []


def kept_in(workspace: Workspace) -> list[str]:
    """The secrets that the database holds."""
    kept = b"".join(file.read_bytes() for file in (workspace.folder / "data").iterdir() if file.is_file())
    assert b"Copper" in kept
    return [secret for secret in ALL if secret.encode() in kept]


async def test_the_login_of_a_proxy_is_shown_nowhere(workspace):
    async with proxying() as proxy:
        proxy.leads["127.0.0.1"] = int(workspace.server.url("/").split(":")[2].strip("/"))
        proxy.login = f"Basic {PROXY_SECRETS[1]}"
        address = proxy.url.replace("http://", f"http://desk:{PROXY_SECRETS[0]}@")
        workspace.settings["network"] = {"allow": ["127.0.0.0/8"], "proxy": address}
        workspace.written()
        out, log = await said(workspace, "run", "--once", "--verbose")
        assert len(proxy.asked) == len(workspace.feeds)
        proxy.login = "Basic another"
        out, refused = await said(workspace, "feeds", "poll", workspace.feeds[-1]["url"], "--json")
        assert '"outcome": "proxy"' in out
    assert len(workspace.slack.messages) == 1
    away = "".join(await said(workspace, "run", "--once", "--verbose"))
    status = "".join(await said(workspace, "status"))
    assert found_in(out + log + refused + away + status, ALL) == []
    assert kept_in(workspace) == []
    assert not any(
        "proxy-authorization" in one.headers for asked in workspace.server.asked.values() for one in asked
    )


async def test_a_refused_login_shows_no_secret(workspace):
    workspace.slack.token = "another"
    workspace.mail.login = ("monitor", "another")
    out, log = await said(workspace, "run", "--once", "--verbose")
    assert "invalid_auth" in log
    assert found_in(out + log, ALL) == []


async def test_an_export_holds_the_feeds_secrets_and_says_so(workspace):
    out, err = await said(workspace, "feeds", "export")
    assert found_in(out, FEED_SECRETS) == list(FEED_SECRETS)
    assert found_in(out + err, SINK_SECRETS + WIRE_SECRETS) == []
    assert found_in(err, FEED_SECRETS) == []
    assert "keep it to yourself" in err
    assert "2 feeds say auth or headers, which have no place in this export" in err


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
    assert found_in(metrics + log.decode(), ALL) == []
