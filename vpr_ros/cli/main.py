# Copyright 2026 vpr_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Entry point of the command."""

from __future__ import annotations

import logging
import signal
import sys
from typing import Annotated

import typer
from vpr_ros import __version__
from vpr_ros.cli import attention
from vpr_ros.cli import bag
from vpr_ros.cli import data
from vpr_ros.cli import demo
from vpr_ros.cli import evaluate
from vpr_ros.cli import fleet
from vpr_ros.cli import live
from vpr_ros.cli import localize
from vpr_ros.cli import loops
from vpr_ros.cli import map as map_commands
from vpr_ros.cli import map_care  # noqa: F401 (its commands join those of map)
from vpr_ros.cli import networks
from vpr_ros.cli import pca
from vpr_ros.cli import protocols
from vpr_ros.cli import train
from vpr_ros.cli.console import fail
from vpr_ros.cli.console import log_to_stderr
from vpr_ros.errors import VprError
from vpr_ros.runtime.idle_threads import let_idle_threads_sleep

__all__ = ['app', 'main']

app = typer.Typer(
    name='vpr_ros', no_args_is_help=True, add_completion=False, rich_markup_mode='markdown',
    pretty_exceptions_enable=False, context_settings={'help_option_names': ['-h', '--help']},
    help='Visual place recognition: tell a robot where it has been before, from its cameras.')
app.add_typer(map_commands.app, name='map')
app.add_typer(fleet.app, name='fleet')
app.command('localize')(localize.localize)
app.command('live')(live.live)
app.command('loops')(loops.loops)
app.add_typer(bag.app, name='bag')
app.add_typer(data.app, name='data')
app.command('networks')(networks.networks)
app.command('protocols')(protocols.protocols)
app.command('pca')(pca.pca)
app.command('attention')(attention.attention)
app.command('demo')(demo.demo)
app.command('evaluate')(evaluate.evaluate)
app.add_typer(train.app, name='train')


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f'vpr_ros {__version__}')
        raise typer.Exit


@app.callback()
def _everywhere(
    version: Annotated[bool, typer.Option(
        '--version', callback=_show_version, is_eager=True, help='Show the version.')] = False,
    verbose: Annotated[bool, typer.Option('--verbose', '-v', help='Say more.')] = False,
) -> None:
    log_to_stderr(logging.INFO if verbose else logging.WARNING)


def main() -> None:
    """Run the command; what the user can put right is said in one line, without a traceback."""
    let_idle_threads_sleep()
    try:
        app()
    except VprError as error:
        fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:  # before or after what deals with it
        sys.exit(128 + signal.SIGINT)


if __name__ == '__main__':
    main()
