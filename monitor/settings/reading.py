"""Reading the settings: the file, the environment over it, the secrets, and whether it all fits together.

Opens nothing but the file and those with secrets.
"""

import ipaddress
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from monitor.errors import SettingsError
from monitor.located import (
    Mapping_,
    Node,
    Place,
    Problem,
    Scalar,
    check,
    did_you_mean,
    errors,
    place_at,
    read,
    read_file,
)
from monitor.secret import read_secret
from monitor.settings import Email, Receiver, Settings
from monitor.settings.values import Network

ENVIRONMENT = "MONITOR_"
PRINTS = "print"
"""The receiver there is when the operator named none."""


def load(file: Path, environment: Mapping[str, str] = os.environ) -> tuple[Settings, tuple[Problem, ...]]:
    """Read the settings file and the environment over it.

    Returns:
        The settings and the warnings.

    Raises:
        SettingsError: With every problem at once.
    """
    settings, problems = _looked_at(file, environment)
    if settings is None or errors(problems):
        raise SettingsError(sorted(problems))
    return _with_someone_to_tell(settings), tuple(problems)


def right_part(file: Path, environment: Mapping[str, str] = os.environ) -> Settings | None:
    """What wrong settings say of other files, so that one mistake does not hide those; None where they do not say it."""
    settings, _ = _looked_at(file, environment)
    return settings


def _looked_at(file: Path, environment: Mapping[str, str]) -> tuple[Settings | None, list[Problem]]:
    """The settings as far as they are right, and all that is wrong; None where they do not say what other files there are."""
    tree, problems = _tree(file, environment)
    settings, found = check(Settings, tree, name=str(file))
    problems.extend(_without_own_keys(found))
    if settings is None:
        settings = _without_the_wrong(tree, file)
    if settings is None:
        return None, problems
    folder = file.absolute().parent
    settings = _with_secrets(_absolute(settings, folder, file), tree, folder, problems)
    contradictions = _contradictions(settings, tree)
    problems.extend(errors(contradictions) if found else contradictions)
    return settings, problems


_FILES = ("feeds", "rules", "templates")


def _without_the_wrong(tree: Mapping_, file: Path) -> Settings | None:
    """Settings of the keys that are right; receivers keep their names, so that nobody is said to be unknown who is not."""
    wrong = {pair[0].text for pair in tree.pairs if not _is_right(pair, tree.place)}
    if not wrong.isdisjoint(_FILES):
        return None
    right = Mapping_(tree.place, [pair for pair in tree.pairs if pair[0].text not in wrong])
    settings, _ = check(Settings, right, name=str(file))
    named = tree.get("receivers")
    if settings is None or (named is not None and not isinstance(named, Mapping_)):
        return None
    known = {} if wrong & {"slack", "email"} else settings.receivers
    names = [name.text for name, _ in named.pairs] if named else []
    receivers = {name: known.get(name, Receiver(print=True)) for name in names}
    email = Email() if "network" in wrong else settings.email
    return settings.model_copy(update={"receivers": receivers, "email": email})


def _is_right(pair: tuple[Scalar, Node], place: Place) -> bool:
    return not check(Settings, Mapping_(place, [pair]), name=place.file)[1]


def _tree(file: Path, environment: Mapping[str, str]) -> tuple[Mapping_, list[Problem]]:
    """The file's keys and values, with the environment's over them, and what is wrong with the writing."""
    root, problems = read_file(file, str(file))
    if isinstance(root, Scalar) and root.value() is None:
        root = None
    if root is not None and not isinstance(root, Mapping_):
        problems.append(Problem(root.place, "settings are keys and values", "write them like database: ..."))
        root = None
    tree = root or Mapping_(Place(str(file)))
    problems.extend(_overlay(tree, environment))
    return tree, problems


def _without_own_keys(problems: list[Problem]) -> list[Problem]:
    """`file` is ours, not the operator's: the list of known keys does not name it."""
    return [
        Problem(p.place, p.message, p.hint.replace(" file,", "") if p.hint else None, p.severity)
        for p in problems
    ]


def _absolute(settings: Settings, folder: Path, file: Path) -> Settings:
    path = Path(settings.database.removeprefix("sqlite:///"))
    return settings.model_copy(
        update={
            "database": f"sqlite:///{folder / path}",
            "feeds": tuple(folder / p for p in settings.feeds),
            "rules": tuple(folder / p for p in settings.rules),
            "templates": folder / settings.templates,
            "file": file.absolute(),
        }
    )


def _with_someone_to_tell(settings: Settings) -> Settings:
    """With no receivers there is one that prints."""
    if settings.receivers:
        return settings
    return settings.model_copy(
        update={
            "receivers": {PRINTS: Receiver(print=True)},
            "default_receivers": (PRINTS,),
            "ops_receiver": PRINTS,
        }
    )


# ---- secrets -------------------------------------------------------------------------------------------------


def _with_secrets(settings: Settings, tree: Mapping_, folder: Path, problems: list[Problem]) -> Settings:
    for section, key in (("slack", "token"), ("email", "password")):
        model = getattr(settings, section)
        named = getattr(model, f"{key}_file")
        if named is None or getattr(model, key) is not None:
            continue
        value, wrong = read_secret(folder / named)
        if wrong:
            place = place_at(tree, (section, f"{key}_file"))
            problems.append(Problem(place, f"cannot read {section}.{key}_file '{named}': {wrong}",
                                    "make the file, readable only for this service"))  # fmt: skip
        else:
            settings = settings.model_copy(update={section: model.model_copy(update={key: value})})
    return settings


# ---- the environment -----------------------------------------------------------------------------------------

_NOT_SETTINGS = {"MONITOR_CONFIG"}


def _overlay(tree: Mapping_, environment: Mapping[str, str]) -> list[Problem]:
    """Put `MONITOR_*` variables over the file's values. Unknown ones only warn: Kubernetes sets some by itself."""
    problems: list[Problem] = []
    known = _known_paths(Settings)
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT) or name in _NOT_SETTINGS:
            continue
        path = tuple(name.removeprefix(ENVIRONMENT).lower().split("__"))
        if path not in known:
            problems.append(
                Problem(Place(name), "no setting has this name, so it is not used", None, "warning")
            )
            continue
        node, found = read(environment[name].encode("utf-8", "surrogateescape"), name)
        problems.extend(found)
        _put(tree, path, node or Scalar("", Place(name), Place(name), "'"))
    return problems


def _known_paths(model: type[BaseModel]) -> set[tuple[str, ...]]:
    paths: set[tuple[str, ...]] = set()
    for key, info in model.model_fields.items():
        if info.exclude:
            continue
        name = info.alias or key
        annotation: Any = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            paths |= {(name, *rest) for rest in _known_paths(annotation)}
        else:
            paths.add((name,))
    return paths


def _put(tree: Mapping_, path: tuple[str, ...], node: Node) -> None:
    here = tree
    for step in path[:-1]:
        inner = here.get(step)
        if not isinstance(inner, Mapping_):
            inner = Mapping_(node.place)
            _set(here, step, inner)
        here = inner
    _set(here, path[-1], node)


def _set(mapping: Mapping_, key: str, node: Node) -> None:
    mapping.pairs = [pair for pair in mapping.pairs if pair[0].text != key]
    mapping.pairs.append((Scalar(key, node.place, node.place), node))


# ---- what fits together --------------------------------------------------------------------------------------


def _contradictions(settings: Settings, tree: Mapping_) -> list[Problem]:
    problems: list[Problem] = []
    known = settings.receiver_names
    for index, name in enumerate(settings.default_receivers):
        if name not in known:
            problems.append(_no_receiver(name, place_at(tree, ("default_receivers", index)), known))
    if settings.ops_receiver is not None and settings.ops_receiver not in known:
        problems.append(_no_receiver(settings.ops_receiver, place_at(tree, ("ops_receiver",)), known))
    for name, receiver in settings.receivers.items():
        place = place_at(tree, ("receivers", name), of_key=True)
        problems.extend(_unreachable(name, receiver, settings, place))
    if not settings.receivers:
        problems.append(Problem(tree.place, "there are no receivers, so alerts are only printed",
                                "add receivers: and default_receivers:", "warning"))  # fmt: skip
    elif not settings.default_receivers:
        problems.append(Problem(tree.place, "there are no default_receivers, so a rule without to: tells nobody",
                                "add default_receivers:", "warning"))  # fmt: skip
    if (
        settings.email.host
        and settings.email.tls == "none"
        and not _is_near(settings.email.host, settings.network.allow)
    ):
        place = place_at(tree, ("email", "tls"))
        problems.append(Problem(place, "mail would leave unencrypted: tls none is for this machine and allowed networks",
                                "set tls: starttls, or name the relay's network in network: {allow: [...]}"))  # fmt: skip
    polling = settings.polling
    if not polling.min_interval <= polling.max_interval:
        place = place_at(tree, ("polling", "min_interval"))
        problems.append(Problem(place, "min_interval is longer than max_interval", "make it shorter"))
    return problems


def _is_near(host: str, allowed: Iterable[Network]) -> bool:
    """Whether a host is this machine or in a network that the operator named."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(address in network for network in allowed)


def _no_receiver(name: str, place: Place, known: frozenset[str]) -> Problem:
    return Problem(
        place, f"there is no receiver '{name}'", did_you_mean(name, known) or "add it to receivers:"
    )


def _unreachable(name: str, receiver: Receiver, settings: Settings, place: Place) -> list[Problem]:
    problems: list[Problem] = []
    if not (receiver.slack or receiver.email or receiver.print):
        problems.append(
            Problem(place, f"receiver '{name}' has no address", "give it slack:, email: or print: true")
        )
    if receiver.slack and not (settings.slack.token or settings.slack.token_file):
        problems.append(Problem(place, f"receiver '{name}' is on Slack, but there is no token",
                                "set slack: {token_file: ...}"))  # fmt: skip
    if receiver.email and not settings.email.host:
        problems.append(
            Problem(place, f"receiver '{name}' gets mail, but there is no relay", "set email: {host: ...}")
        )
    elif receiver.email and not settings.email.sender:
        problems.append(
            Problem(place, f"receiver '{name}' gets mail, but there is no sender", "set email: {from: ...}")
        )
    return problems
