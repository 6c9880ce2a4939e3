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


"""Which nodes can be reached, as the environment says it to all of ROS."""

from __future__ import annotations

from collections.abc import Mapping
import logging
import os
from pathlib import Path
import socket
from xml.sax.saxutils import quoteattr

from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

__all__ = ['checked_domain', 'domain_config', 'domain_of']

# Of higher ones the ports would be beyond 65535.
_log = logging.getLogger(__name__)
_LAST_DOMAIN = 232
_RANGES = ('SUBNET', 'LOCALHOST', 'OFF', 'SYSTEM_DEFAULT')
# As rmw_cyclonedds: as many processes of ROS find each other on one machine.
_AUTO = '<ParticipantIndex>auto</ParticipantIndex>' \
        '<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>'
# How long each topic that is closed waits for listeners that do not answer, one after the other:
# the second of Cyclone DDS itself would make the end of a node a matter of many.
_LINGER = '<WriterLingerDuration>100 ms</WriterLingerDuration>'


def domain_of(environment: Mapping[str, str]) -> int:
    """
    Return the number of the domain, 0 where ``ROS_DOMAIN_ID`` does not say.

    :raises VprError: where it is no number of a domain.
    """
    text = environment.get('ROS_DOMAIN_ID', '') or '0'
    try:
        return checked_domain(int(text, 0))
    except (ValueError, VprError) as error:
        raise VprError(f'ROS_DOMAIN_ID is {text!r}: expected a whole number from 0 to '
                       f'{_LAST_DOMAIN}') from error


def checked_domain(domain: int) -> int:
    """Return the number of a domain; VprError where there is none of that number."""
    if not 0 <= domain <= _LAST_DOMAIN:
        raise VprError(f'there is no domain {domain}: expected a whole number from 0 to '
                       f'{_LAST_DOMAIN}')
    return domain


def domain_config(environment: Mapping[str, str]) -> str:
    """
    Return the configuration of a domain for Cyclone DDS, as nodes of ROS have it.

    It heeds ``ROS_AUTOMATIC_DISCOVERY_RANGE``, ``ROS_STATIC_PEERS``, ``ROS_LOCALHOST_ONLY`` of
    older distributions, and what ``CYCLONEDDS_URI`` says besides.

    :raises VprError: for a range of discovery that is none.
    """
    return f"{_fragment(environment)},{environment.get('CYCLONEDDS_URI', '')}".lstrip(',')


def _fragment(environment: Mapping[str, str]) -> str:
    only_here = environment.get('ROS_LOCALHOST_ONLY', '').startswith('1')
    reach = environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE') or 'SUBNET'
    peers = [peer for peer in map(str.strip, environment.get('ROS_STATIC_PEERS', '').split(';'))
             if peer and _is_known(peer)]
    if only_here:
        reach, peers = 'LOCALHOST', []
    if reach not in _RANGES:
        raise unknown_name('ROS_AUTOMATIC_DISCOVERY_RANGE', reach, _RANGES)
    if reach == 'SYSTEM_DEFAULT':
        return ''
    general = '' if reach == 'SUBNET' else '<AllowMulticast>false</AllowMulticast>'
    if reach == 'OFF':
        # Who does not know the tag is not heard.
        return _config(general, '<ParticipantIndex>none</ParticipantIndex>'
                                f'<Tag>ros_discovery_off_{os.getpid()}</Tag>')
    if reach == 'LOCALHOST':
        # By loopback alone no other machine would be reached.
        beyond = '<NetworkInterface autodetermine="true"/>' if peers else ''
        peers.insert(0, 'localhost')
        if not _chooses_interfaces(environment.get('CYCLONEDDS_URI', '')):
            # Without it, nodes of ROS that were there before are not found.
            general += ('<Interfaces><NetworkInterface address="127.0.0.1"/>'
                        f'{beyond}</Interfaces>')
    listed = ''.join(f'<Peer address={quoteattr(peer)}/>' for peer in peers)
    return _config(general, _AUTO + (f'<Peers>{listed}</Peers>' if listed else ''))


def _is_known(peer: str) -> bool:
    """Tell whether a machine has an address; one that is switched off may have none."""
    host = peer.partition(':')[0] if peer.count(':') == 1 else peer
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        # Cyclone DDS would end the process.
        _log.warning('the address of %r in ROS_STATIC_PEERS is not known (%s): it is left out',
                     peer, error)
        return False
    return True


def _chooses_interfaces(uri: str) -> bool:
    """Tell whether a configuration names interfaces: Cyclone DDS refuses to be told twice."""
    for part in uri.split(','):
        try:
            text = part if '<' in part else Path(part.removeprefix('file://')).read_text()
        except (OSError, ValueError):  # Cyclone DDS will say so
            continue
        if '<NetworkInterface' in text:
            return True
    return False


def _config(general: str, discovery: str) -> str:
    return (f'<CycloneDDS><Domain><General>{general}</General><Discovery>{discovery}</Discovery>'
            f'<Internal>{_LINGER}</Internal></Domain></CycloneDDS>')
