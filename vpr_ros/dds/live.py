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

"""The localizer, live on a ROS 2 graph without ROS."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from contextlib import ExitStack
from contextlib import suppress
import logging

from vpr_ros.dds.graph import DdsGraph
from vpr_ros.dds.qos_overrides import QosOverrides
from vpr_ros.live.localizer_host import LocalizerHost
from vpr_ros.live.localizing import Answer
from vpr_ros.settings import LiveSettings

__all__ = ['localize_live']

_log = logging.getLogger(__name__)


def localize_live(settings: LiveSettings, overrides: Mapping[str, object], *,
                  node_name: str = 'localizer', namespace: str = '/', domain: int | None = None,
                  ros_distro: str = 'jazzy', on_ready: Callable[[LocalizerHost], None],
                  on_answer: Callable[[Answer], None]) -> int:
    """
    Localize what cameras on the graph see, as the node ``localizer``, until KeyboardInterrupt.

    :param overrides: the parameters ``qos_overrides`` of the node.
    :param domain: its number; where it is None, the environment says, as for all of ROS.
    :param ros_distro: the distribution of the other nodes.
    :param on_ready: is told once, when it listens.
    :param on_answer: is told of each image that was looked at.
    :return: how many images made room for later ones before their turn came.
    :raises VprError: for a map, a network, a domain, a name or an override that is none.
    """
    with ExitStack() as ending:
        qos_overrides = QosOverrides(overrides)
        graph = ending.enter_context(DdsGraph(
            node_name, namespace, domain=domain, ros_distro=ros_distro,
            overrides=qos_overrides, use_sim_time=settings.use_sim_time))
        host = LocalizerHost(graph, lambda: settings)
        host.on_answer = on_answer
        graph.on_time_back(host.time_jumped_back)
        ending.callback(host.clean_up)
        host.configure()
        ending.callback(host.deactivate)
        host.activate()
        if unused := qos_overrides.unused():
            _log.warning('qos_overrides speak of %s, and heard are %s', ', '.join(unused),
                         host.hears)
        graph.every(settings.diagnostics_s, host.watch, steady=True)
        on_ready(host)
        with suppress(KeyboardInterrupt):
            graph.run()
        assert host.worker is not None
        return host.worker.dropped
