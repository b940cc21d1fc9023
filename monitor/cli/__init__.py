"""What an operator types: read arguments, call, print. Commands are imported when they are used."""

import os
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module

import click

from monitor import __version__
from monitor.errors import FileProblems, MonitorError, OperatorError

FINE, NO, WRONG_USE, OUTSIDE = 0, 1, 2, 3
"""Exit codes: fine; the answer is "no" or problems were found; wrong use; something outside failed."""

HANGING_AFTER_S = 2.0
"""A thread that goes on for so long after its command is done is not waited for."""

COMMANDS = {
    "init": ("monitor.cli.init", "Make a workspace that runs at once."),
    "demo": ("monitor.cli.demo", "See the whole service at work, on this machine only."),
    "run": ("monitor.cli.run", "Run the service."),
    "check": ("monitor.cli.check", "Find every problem in settings, feeds, rules, templates and receivers."),
    "status": ("monitor.cli.status", "Say how the service is, and whether it needs a person."),
    "feeds": ("monitor.cli.feeds", "The feed list: its state, changes to it, the feeds of a page, one poll."),
    "rules": ("monitor.cli.rules", "Check, test and try rules."),
    "why": ("monitor.cli.why", "Say what became of a story, and why."),
    "stories": ("monitor.cli.stories", "What was stored, found by words, id or address."),
    "alerts": ("monitor.cli.alerts", "What was told."),
    "deliveries": ("monitor.cli.deliveries", "What is on its way, sent or dead; send now, or never."),
    "send-test": ("monitor.cli.send_test", "Send a test alert to a receiver."),
    "preview": ("monitor.cli.preview", "Show what a receiver would get."),
    "db": ("monitor.cli.db", "The database: its schema, its health, a copy of it."),
}


class Lazy(click.Group):
    """A group that knows its commands' names and first lines, and imports only the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        return _takes_config(getattr(module, cmd_name.replace("-", "_")))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from monitor.located import did_you_mean

            hint = did_you_mean(args[0], COMMANDS) or "see monitor --help"
            raise click.UsageError(f"there is no command '{args[0]}' - {hint}", ctx) from error


def _keep_config(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_root().meta["monitor.config"] = value


def _config_option() -> click.Option:
    return click.Option(
        ["--config"],
        metavar="FILE",
        expose_value=False,
        callback=_keep_config,
        help="The settings file (else $MONITOR_CONFIG, else ./monitor.yaml).",
    )


def _takes_config(command: click.Command) -> click.Command:
    """Let every command take `--config`, wherever it stands on the line."""
    if not any(parameter.name == "config" for parameter in command.params):
        command.params.append(_config_option())
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _takes_config(inner)
    return command


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="monitor", message="%(prog)s %(version)s")
def cli() -> None:
    """A streaming alert monitor for newsroom feeds.

    Start with `monitor demo` to see it work, then `monitor init DIR` for a newsroom of your own.
    """


cli.params.append(_config_option())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and leave with its exit code, whatever hangs."""
    code = code_of(arguments)
    if _hangs():
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _hangs() -> bool:
    """Whether a thread goes on that the interpreter would wait for."""
    limit = time.monotonic() + HANGING_AFTER_S
    others = [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    for one in others:
        one.join(max(limit - time.monotonic(), 0))
    return any(one.is_alive() for one in others)


def code_of(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; give its exit code."""
    try:
        result = cli.main(arguments, prog_name="monitor", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader went away (`monitor ... | head`); the interpreter must not fail on its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except MonitorError as error:
        if isinstance(error, FileProblems):
            click.echo(str(error), err=True)
            return NO
        click.echo(f"monitor: {error}", err=True)
        return WRONG_USE if isinstance(error, OperatorError) else OUTSIDE
    return result if isinstance(result, int) else FINE
