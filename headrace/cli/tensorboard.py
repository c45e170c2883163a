"""`headrace tensorboard`: the real TensorBoard, on what `tf.summary` wrote."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import ModuleType

import click
from tensorboard import default, program
from tensorboard.plugins.base_plugin import FlagsError

WITHOUT_TENSORFLOW = "tensorboard.compat.notf"
"""The module by whose presence TensorBoard learns that it shall do without TensorFlow, whatever is installed."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--logdir", required=True, help="The folder of the event files.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=6006, show_default=True, help="0 for any that is free.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def tensorboard(logdir: str, host: str, port: int, options: tuple[str, ...]) -> None:
    """Start TensorBoard on the event files below a folder, and print its URL.

    OPTIONS go to TensorBoard as they are, such as --reload_interval 5; `headrace tensorboard --logdir . -- --helpfull` lists them.
    """
    if not Path(logdir).is_dir():
        click.echo(f"there is no folder {logdir!r} yet; TensorBoard shows it as soon as summaries are written there", err=True)
    sys.modules.setdefault(WITHOUT_TENSORFLOW, ModuleType(WITHOUT_TENSORFLOW))
    board = program.TensorBoard(default.get_plugins())
    try:
        board.configure(["tensorboard", "--logdir", logdir, "--host", host, "--port", str(port), *options])
        url = board.launch()
    except (FlagsError, program.TensorBoardServerException) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"TensorBoard shows {logdir} at {url} (stop with Ctrl+C)")
    _wait_for_the_end()


def _wait_for_the_end() -> None:
    """Returns at an interrupt or when the process is asked to end."""
    ended = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda *_: ended.set())
    ended.wait()
