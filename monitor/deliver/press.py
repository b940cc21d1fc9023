"""What channels print with: the templates in force, and where each of them is rendered."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from monitor.alerts.letter import Letter
from monitor.deliver.aside import Aside, Ended
from monitor.deliver.render import Templates, log_failure, shipped_templates
from monitor.deliver.view import View, view
from monitor.ports import Operators

log = structlog.get_logger(__name__)


class Rendered(Protocol):
    """What a message is made of."""

    def rendered(self, name: str, letter: Letter) -> tuple[View, str | None]:
        """The values of a letter, and what a template made of them; None means: use the plain form."""
        ...


@dataclass(frozen=True, slots=True)
class Proof:
    """One letter, rendered: the texts by the names of their templates."""

    values: View
    texts: Mapping[str, str | None]

    def rendered(self, name: str, letter: Letter) -> tuple[View, str | None]:
        """As `Rendered` says, for the letter that it was made of."""
        return self.values, self.texts[name]


@dataclass(slots=True)
class Press:
    """The templates in force, replaced whole when files change.

    Our own are rendered where they are asked for, within milliseconds. A newsroom's are rendered aside while the
    service runs; one that takes too much there is not used again until its files change.

    Args:
        operators: Who hears of that.
    """

    templates: Templates = field(default_factory=shipped_templates)
    operators: Operators | None = None
    _aside: Aside | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def rendered(self, name: str, letter: Letter) -> tuple[View, str | None]:
        """As `Rendered` says; takes as long as the template takes."""
        values = view(letter)
        return values, None if letter.plain else self.templates.render_or_none(name, values)

    async def proof(self, letter: Letter, *names: str) -> Proof:
        """Render what a channel needs for a letter; no template of the newsroom's can stop the service."""
        values, templates = view(letter), self.templates
        texts: dict[str, str | None] = dict.fromkeys(names)
        for name in () if letter.plain else names:
            if name in templates.own:
                async with self._turn:
                    texts[name] = await self._from_aside(templates, name, values)
            else:
                texts[name] = templates.render_or_none(name, values)
        return Proof(values, texts)

    async def _from_aside(self, templates: Templates, name: str, values: View) -> str | None:
        if name in templates.refused:  # perhaps since it waited for its turn
            return None
        if self._aside is None or self._aside.sources is not templates.sources:
            await self._end()
            self._aside = Aside(templates.sources)
        try:
            text = await self._aside.render(name, values)
        except Ended as error:
            templates.refused |= {name}
            log.error("template_refused", template=name, delivery=values["delivery"], reason=str(error))
            await self._tell(name, str(error))
        except Exception as error:  # whatever it was, the alert must go out
            log_failure(name, values, error)
        else:
            if self.operators is not None:
                await self.operators.over(f"template:{name}", f"The template {name} is used again", "")
            return text or None
        return None

    async def _tell(self, name: str, reason: str) -> None:
        if self.operators is not None:
            text = f"{reason}: alerts go out in the plain built-in form until its file changes"
            await self.operators.tell(f"template:{name}", f"The template {name} is not used any more", text)

    async def close(self) -> None:
        """End what runs aside; it begins again when it is needed."""
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        aside, self._aside = self._aside, None
        if aside is not None:
            await aside.close()
