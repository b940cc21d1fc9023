"""Putting changed files in force while the service runs."""

import asyncio

import structlog

from monitor.deliver import channels, trial
from monitor.errors import SettingsError, StoreError
from monitor.located import errors
from monitor.service.parts import Service, SystemClock
from monitor.service.written import operators_of, policy_of, read_written, routes_of, wrong_beside
from monitor.settings.reading import load

log = structlog.get_logger(__name__)


async def reloaded(service: Service) -> None:
    """Read every file again and put in force what is right; what is wrong is told, and the old version stays.

    Database, broker, polling, network and web are for a new start.
    """
    try:
        settings, _ = load(service.settings.file)
    except SettingsError as error:
        beside = await asyncio.to_thread(wrong_beside, service.settings.file)
        await service.tell_refused((*error.problems, *beside))
        return
    written = await asyncio.to_thread(read_written, settings)
    tried = await trial.load(settings.templates, service.press.templates)
    service.secret_files = written.secret_files
    force = service.in_force
    if written.desk.usable and written.desk.rules:
        force.judge = written.desk.matcher
    if written.feeds and not errors(written.feed_problems):
        force.feeds = {feed.id: feed for feed in written.feeds}
        await service.polling.replace(written.feeds)
    service.press.templates = tried.templates
    force.routes, force.policy = routes_of(settings), policy_of(settings)
    service.trouble.routes = operators_of(settings)
    if (settings.slack, settings.email) != (service.settings.slack, service.settings.email):
        service.retired.extend(service.channels.values())
        service.channels = channels.build(settings.slack, settings.email, press=service.press)
        service.dispatch.use(service.channels)
        service.trouble.channels = service.channels
        try:
            await service.store.hasten(SystemClock().now())
        except StoreError as error:  # what waits is sent when it is due all the same
            log.warning("outbox_not_hastened", reason=str(error))
        service.dispatch.look()
    service.settings = settings
    log.info("files_reloaded", feeds=len(force.feeds), rules=len(written.desk.rules))
    await service.tell_refused((*written.problems, *tried.problems))
