"""The mail page holds: its settings send, and the headers it names are there."""

import re
from pathlib import Path

import yaml

from monitor.demo.mail import MailCatcher
from monitor.settings.reading import load
from tests.touch.workspace_kit import typed

PAGE = (Path(__file__).parents[2] / "docs/email.md").read_text(encoding="utf-8")
(SETTINGS,) = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.S))


def written(folder: Path, **email: object) -> Path:
    """Write the page's settings, some keys of `email:` replaced."""
    (folder / "secrets").mkdir()
    (folder / "secrets/smtp").write_text("a-password\n", encoding="utf-8")
    file = folder / "monitor.yaml"
    settings = {**SETTINGS, "email": {**SETTINGS["email"], **email}}
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return file


async def sent_test(folder: Path) -> tuple[int, str]:
    """Exit code and all that is said."""
    code, out, err = await typed(folder, "send-test", "metals-desk")
    return code, out + err


async def test_the_settings_of_the_page_send_a_test(tmp_path):
    catcher = await MailCatcher(login=(SETTINGS["email"]["username"], "a-password")).start()
    try:
        written(tmp_path, host="127.0.0.1", port=catcher.port, tls="none")
        assert await sent_test(tmp_path) == (0, "email metals@news.example: sent\n")
    finally:
        await catcher.close()
    (caught,) = catcher.caught
    (mail,) = catcher.messages
    assert caught.recipients == ("metals@news.example",)
    assert mail["From"] == SETTINGS["email"]["from"]
    table = PAGE.partition("| Header | Holds |")[2].partition("\n\n")[0]
    named = {word.partition(":")[0] for word in re.findall(r"`([A-Z][\w-]+(?:: [\w-]+)?)`", table)}
    assert len(named) > 8
    # The sample is not urgent everywhere; what only urgent mail has is tested with the channel.
    assert named - {"X-Priority", "Importance"} <= set(mail.keys())


def test_the_settings_of_the_page_are_read_without_complaint(tmp_path):
    settings, problems = load(written(tmp_path), {})
    assert (settings.email.port, settings.email.tls) == (587, "starttls")
    assert [problem for problem in problems if "email" in str(problem)] == []
