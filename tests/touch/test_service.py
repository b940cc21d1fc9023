"""The whole service, from real feeds on loopback to what the sinks received."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import yaml

from monitor.errors import Busy, OperatorError, RuleError, SettingsError
from monitor.service import life
from monitor.service.parts import Service
from monitor.settings import Web
from monitor.shipped import shipped
from monitor.store import deliveries, history
from tests.touch.workspace_kit import Workspace, rss

SEED_TEXT = (
    "<p>Kazakhmys denies that it exports rare earth metals, as a parliamentary inquiry of the Aq Zhol party alleges.</p>"
    "<p>SGS Kazakhstan analyses its copper concentrate; the Ministry of Industry and Construction licenses it. "
    "The company says that it does not extract rare earths separately.</p>"
    "<h3>Latest news</h3><ul><li>KazTransOil raises its tariff</li><li>Kcell reports its profit</li>"
    "<li>KTZ buys locomotives</li></ul>"
)
SEED = "Kazakhmys Denies Allegations of Hidden Rare Earth Metal Exports"


@asynccontextmanager
async def running(workspace: Workspace):
    """The service, until the block ends; stopped in good order."""
    stop, begun = asyncio.Event(), asyncio.Event()
    found: list[Service] = []

    def ready(one: Service) -> None:
        found.append(one)
        begun.set()

    task = asyncio.create_task(life.run(workspace.loaded(), stop=stop, ready=ready))
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()
    try:
        yield found[0]
    finally:
        stop.set()
        async with asyncio.timeout(25):
            await task


async def until(true, within=20):
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.02)


async def test_the_seed_story_becomes_one_alert_in_slack_and_mail(tmp_path):
    async with Workspace(tmp_path, settings={"rules": str(shipped("rules"))}) as workspace:
        workspace.feed("/orda.xml", rss((SEED, SEED_TEXT), title="Orda.kz"))
        workspace.feed("/own.xml", rss(
            ("KazTransOil raises its tariff", "Oil pipelines."), ("Kcell reports its profit", "Mobile."),
            ("KTZ buys locomotives", "Railway."),
        ))  # fmt: skip
        async with running(workspace):
            await workspace.slack.wait_for(4)
            await workspace.mail.wait_for(4)
        (mail,) = [m for m in workspace.mail.messages if m["Subject"] and SEED in m["Subject"]]
        assert mail["X-Monitor-Rule"] == "kazakhmys, rare-earths" or set(
            mail["X-Monitor-Rule"].replace(" ", "").split(",")
        ) == {"kazakhmys", "rare-earths"}
        rules = {str(m["X-Monitor-Rule"]) for m in workspace.mail.messages if m is not mail}
        assert rules == {"kaztransoil", "kcell", "ktz"}
        assert sum(SEED in text for text in workspace.told()) == 1


async def test_once_tells_what_matched_and_a_second_time_nothing(tmp_path):
    async with Workspace(tmp_path, settings={"alerts": {"collect": "1h"}}) as workspace:
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x"), ("Gold is down", "y")))
        settings = workspace.loaded()
        assert await life.run_once(settings) is None
        assert len(workspace.slack.messages) == len(workspace.mail.messages) == 1
        assert await life.run_once(settings) is None
        assert len(workspace.slack.messages) == len(workspace.mail.messages) == 1


async def test_once_says_when_something_could_not_be_sent_and_the_next_run_sends_it(tmp_path):
    from monitor.demo.slack import Fault

    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        workspace.slack.faults.append(Fault(error="channel_not_found"))
        settings = workspace.loaded()
        assert await life.run_once(settings) == "sending"
        assert workspace.slack.messages == []
        assert len(workspace.mail.messages) == 1


async def test_a_second_service_on_the_same_database_is_refused_with_the_first_ones_pid(tmp_path):
    import os

    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        async with running(workspace):
            with pytest.raises(Busy, match=f"process {os.getpid()} "):
                await life.run(workspace.loaded())
            with pytest.raises(Busy):
                await life.run_once(workspace.loaded())


async def test_copies_from_other_outlets_join_the_first_alert(tmp_path):
    async with Workspace(tmp_path, settings={"alerts": {"collect": "2s"}}) as workspace:
        for n in range(4):
            workspace.feed(
                f"/{n}.xml", rss(("Copper is up again this morning", f"text {n}"), title=f"Outlet {n}")
            )
        async with running(workspace) as one:
            await workspace.slack.wait_for(1)
            await until(lambda: len(workspace.mail.messages) == 1)
            (alert,) = await one.store.read(history.alerts)
            assert len(alert.outlets) == 4
        text = str(workspace.slack.messages[0])
        assert all(f"Outlet {n}" in text for n in range(4))


async def test_a_feed_that_hangs_and_one_that_is_garbage_hold_up_no_other(tmp_path):
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/hangs.xml", rss(("Copper of the slow", "x")), delay=60)
        workspace.feed("/html.xml", "<html><body>Copper</body></html>", content_type="text/html")
        workspace.feed("/gone.xml", "", status=410)
        workspace.feed("/good.xml", rss(("Copper is up again this morning", "x")))
        async with running(workspace):
            await workspace.slack.wait_for(1)
        assert len(workspace.slack.messages) == 1


async def test_a_slack_that_is_down_for_a_while_gets_everything_later_and_once(tmp_path):
    from monitor.demo.slack import Fault

    async with Workspace(tmp_path) as workspace:
        workspace.slack.faults.append(Fault(status=503, times=3))
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        async with running(workspace):
            await until(lambda: len(workspace.mail.messages) == 1)
            await until(lambda: len(workspace.slack.messages) == 1, within=60)
        assert len(workspace.slack.messages) == 1


async def test_new_stories_of_a_known_feed_are_told_and_old_ones_are_not(tmp_path):
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(("Copper of last week", "x"), age=timedelta(days=7)))
        async with running(workspace) as one:
            await until(lambda: bool(workspace.server.asked["/a.xml"]))
            workspace.feed("/a.xml", rss(("Copper of this minute", "x")))
            await workspace.slack.wait_for(1)
            judged = await one.store.read(lambda c: history.find(c, workspace_story(c)))
        assert [("Copper of this minute" in text) for text in workspace.told()] == [True]
        assert "too_old" in {j.verdict for j in judged}


def workspace_story(connection):
    """The id of the story of last week."""
    from sqlalchemy import select

    from monitor.store.tables import stories

    return connection.execute(
        select(stories.c.id).where(stories.c.title == "Copper of last week")
    ).scalar_one()


async def test_one_bad_rule_stops_no_other_and_no_rules_at_all_is_refused(tmp_path):
    async with Workspace(tmp_path, rules="rules:\n  Copper: [copper]\n  Broken: {anny: [x]}\n") as workspace:
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        assert await life.run_once(workspace.loaded()) is None
        assert len(workspace.slack.messages) == 1
        workspace.rules = "rules:\n  Broken: {anny: [x]}\n"
        with pytest.raises(RuleError, match="anny"):
            await life.run_once(workspace.loaded())
        workspace.feeds.clear()
        with pytest.raises(SettingsError, match="no feeds"):
            await life.run_once(workspace.loaded())


async def test_a_template_that_is_broken_delivers_in_the_plain_form_and_says_so(tmp_path):
    async with Workspace(tmp_path) as workspace:
        (tmp_path / "templates" / "slack").mkdir(parents=True)
        (tmp_path / "templates" / "slack" / "alert.j2").write_text("{{ nothing.like.this }}")
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        assert await life.run_once(workspace.loaded()) is None
        text = yaml.safe_dump(workspace.slack.messages[0])
        assert "Copper is up again this morning" in text
        assert "slack/alert.j2" in text


async def test_every_delivery_is_accounted_for(tmp_path):
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(*((f"Copper report number {n} of today", "x") for n in range(5))))
        async with running(workspace) as one:
            await workspace.mail.wait_for(5)
            await workspace.slack.wait_for(5)
            await one.dispatch.idle()
            rows = await one.store.read(deliveries.listing)
        assert {row.state for row in rows} == {"sent"}
        assert len({row.id for row in rows}) == 10


async def test_operators_hear_of_refused_files_and_of_failing_feeds_once(tmp_path):
    receivers = {"metals-desk": {"slack": ["C0METALS"]}, "ops": {"email": ["ops@news.example"]}}
    async with Workspace(
        tmp_path,
        rules="rules:\n  Copper: [copper]\n  Broken: {anny: [x]}\n",
        settings={"receivers": receivers, "ops_receiver": "ops"},
    ) as workspace:
        workspace.feed("/gone.xml", "", status=404, listed={"name": "The Gone"})
        async with running(workspace):
            await workspace.mail.wait_for(2)
        subjects = {str(mail["Subject"]) for mail in workspace.mail.messages}
        assert any("Files were refused" in subject for subject in subjects)
        assert any("1 of 1 feeds fail" in subject for subject in subjects)
        assert any("rules.yaml:3:12" in caught.text() for caught in workspace.mail.caught)
        async with running(workspace) as one:
            await until(lambda: len(workspace.server.asked["/gone.xml"]) > 4)
            await one.dispatch.idle()
        assert len(workspace.mail.messages) == 2


async def test_a_changed_rule_file_is_in_force_within_seconds_and_a_broken_one_leaves_the_old(tmp_path):
    receivers = {"metals-desk": {"slack": ["C0METALS"]}, "ops": {"email": ["ops@news.example"]}}
    async with Workspace(tmp_path, settings={"receivers": receivers, "ops_receiver": "ops"}) as workspace:
        workspace.feed("/a.xml", rss(("Silver is up again this morning", "x")))
        rules = tmp_path / "rules.yaml"
        async with running(workspace) as one:
            judge = one.in_force.judge
            rules.write_text("rules:\n  Silver: [silver]\n")
            await until(lambda: one.in_force.judge is not judge)
            workspace.feed("/a.xml", rss(("Silver is down at noon, traders say", "x")))
            await workspace.slack.wait_for(1)
            rules.write_text("rules:\n  Silver: {anny: [silver]}\n")
            await workspace.mail.wait_for(1)
            assert "anny" in workspace.mail.caught[0].text()
            workspace.feed("/a.xml", rss(("Silver is where it was in the evening", "x")))
            await workspace.slack.wait_for(2)
            await asyncio.sleep(0)
            assert len(workspace.mail.messages) == 1


async def test_feeds_and_receivers_that_change_are_followed(tmp_path):
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(("Gold of the first feed", "x")))
        async with running(workspace) as one:
            workspace.settings = {"receivers": {"metals-desk": {"slack": ["C0OTHER"]}}}
            workspace.feed("/b.xml", rss(("Copper of the second feed", "x")))
            workspace.written()
            await workspace.slack.wait_for(1)
            assert workspace.slack.messages[0]["channel"] == "C0OTHER"
            assert len(one.feeds) == 2


async def test_a_token_that_was_put_right_sends_at_once_what_waited(tmp_path):
    async with Workspace(tmp_path) as workspace:
        right = {"token": workspace.slack.token, "api_url": workspace.slack.api_url}
        workspace.settings["slack"] = right | {"token": "wrong"}
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        async with running(workspace) as one:
            async with asyncio.timeout(20):
                while "token" not in "".join(row.reason for row in await one.store.read(deliveries.listing)):
                    await asyncio.sleep(0.05)
            workspace.settings["slack"] = right
            workspace.written()
            async with asyncio.timeout(20):
                await workspace.slack.wait_for(1)


async def test_a_token_file_that_was_put_right_is_noticed_by_itself(tmp_path):
    async with Workspace(tmp_path) as workspace:
        token = tmp_path / "token"
        token.write_text("wrong")
        workspace.settings["slack"] = {"token_file": "token", "api_url": workspace.slack.api_url}
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        async with running(workspace) as one:
            async with asyncio.timeout(20):
                while "token" not in "".join(row.reason for row in await one.store.read(deliveries.listing)):
                    await asyncio.sleep(0.05)
            token.write_text(workspace.slack.token)
            async with asyncio.timeout(20):
                await workspace.slack.wait_for(1)


async def test_a_port_that_somebody_chose_and_that_is_taken_stops_the_service(tmp_path):
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        workspace.settings["web"] = {"listen": workspace.server.url("").removeprefix("http://")}
        with pytest.raises(OperatorError, match="cannot listen"):
            await life.run(workspace.loaded())


async def test_a_port_that_nobody_chose_and_that_is_taken_does_not(tmp_path):
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
        taken = workspace.server.url("").removeprefix("http://")
        loaded = workspace.loaded()
        unsaid = loaded.model_copy(update={"web": Web(listen=taken)})
        unsaid.model_fields_set.discard("web")
        stop = asyncio.Event()
        task = asyncio.create_task(life.run(unsaid, stop=stop))
        await workspace.slack.wait_for(1)
        stop.set()
        await task
