"""Every error raised on purpose, as one tree, sorted by who must act."""

from collections.abc import Sequence


class MonitorError(Exception):
    """Anything monitor raises on purpose."""


class OperatorError(MonitorError):
    """A file or a command must be changed; trying again cannot help."""


class FileProblems(OperatorError):
    """One or more files are wrong; carries every problem found, in reading order.

    `problems` hold `monitor.located.Problem` values; the text of the error is their lines.
    """

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SettingsError(FileProblems):
    """The settings or the feed list are wrong."""


class RuleError(FileProblems):
    """A rule file is wrong."""


class TemplateError(OperatorError):
    """A template cannot be put in force."""


class RemoteError(MonitorError):
    """Somebody else's machine failed; later may be better."""


class StreamError(RemoteError):
    """The stream stopped, stands still or cannot be reached."""


class StoreError(MonitorError):
    """The database refused."""


class StoreFull(StoreError):
    """The database has no room to grow."""


class SchemaError(StoreError, OperatorError):
    """The database has a schema that this program must not touch."""


class Busy(StoreError, OperatorError):
    """Another service holds this database."""
