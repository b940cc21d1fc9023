"""The yardstick: what one would write in an afternoon, aiohttp, feedparser, sqlite3 and slack_sdk in one loop.

Run by `bytes_to_post.py` as a process of its own: `python -m tests.benchmarks.plain_stack plan.json`.
"""

import asyncio
import json
import random
import re
import sqlite3
import sys
from pathlib import Path

import aiohttp
import feedparser
from slack_sdk.web.async_client import AsyncWebClient


async def main(plan: dict) -> None:
    """Ask every feed at its interval, until ended."""
    database = sqlite3.connect(plan["database"])
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(
        "CREATE TABLE story (feed INTEGER, guid TEXT, title TEXT, text TEXT, PRIMARY KEY (feed, guid))"
    )
    rules = [re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE) for word in plan["words"]]
    slack = AsyncWebClient(token=plan["token"], base_url=plan["api_url"])
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(
            *(
                _follow(n, url, plan["interval"], session, database, rules, slack)
                for n, url in enumerate(plan["urls"])
            )
        )


async def _follow(feed, url, interval, session, database, rules, slack) -> None:
    first = True
    await asyncio.sleep(interval * random.random())
    while True:
        due = asyncio.get_running_loop().time() + interval
        async with session.get(url) as answer:
            body = await answer.read()
        for entry in feedparser.parse(body).entries:
            new = database.execute(
                "INSERT OR IGNORE INTO story VALUES (?, ?, ?, ?)",
                (feed, entry.id, entry.title, entry.summary),
            ).rowcount
            database.commit()
            if new and not first and any(rule.search(f"{entry.title} {entry.summary}") for rule in rules):
                await slack.chat_postMessage(channel=f"C0DESK{feed}", text=f"{entry.title}\n{entry.link}")
        first = False
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
