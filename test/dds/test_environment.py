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


"""What the environment says of the graph holds here as in ROS."""

import os
from xml.etree import ElementTree

import pytest
from vpr_ros.dds.environment import domain_config
from vpr_ros.dds.environment import domain_of
from vpr_ros.errors import VprError


def tree(environment):
    """Return what stands in the configuration, without what CYCLONEDDS_URI adds to it."""
    text, _, rest = domain_config(environment).partition(',')
    assert rest == environment.get('CYCLONEDDS_URI', '')
    return ElementTree.fromstring(text)


@pytest.mark.parametrize(('text', 'number'), [
    ('', 0), ('0', 0), ('42', 42), ('232', 232), ('0x10', 16)])
def test_the_domain_is_read_as_ros_reads_it(text, number):
    assert domain_of({'ROS_DOMAIN_ID': text}) == number


def test_the_domain_is_0_where_nothing_is_said():
    assert domain_of({}) == 0


@pytest.mark.parametrize('text', ['233', '-1', 'one', '1.5', '4294967296'])
def test_a_domain_that_is_none_is_said_so(text):
    with pytest.raises(VprError, match='expected a whole number from 0 to 232'):
        domain_of({'ROS_DOMAIN_ID': text})


def test_the_subnet_is_found_by_multicast():
    for environment in ({}, {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}):
        config = tree(environment)
        assert config.find('.//AllowMulticast') is None
        assert config.find('.//Peers') is None
        assert config.findtext('.//ParticipantIndex') == 'auto'
        assert config.findtext('.//MaxAutoParticipantIndex') == '32'


@pytest.mark.parametrize('environment', [
    {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'},
    {'ROS_LOCALHOST_ONLY': '1', 'ROS_STATIC_PEERS': '192.168.0.7'}])
def test_this_machine_alone_is_found_without_multicast(environment):
    config = tree(environment)
    assert config.findtext('.//AllowMulticast') == 'false'
    assert [peer.get('address') for peer in config.iter('Peer')] == ['localhost']
    assert [one.get('address') for one in config.iter('NetworkInterface')] == ['127.0.0.1']


def test_peers_are_named_besides():
    environment = {'ROS_STATIC_PEERS': '192.168.0.7;; 127.0.0.1:7410;',
                   'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    peers = ['192.168.0.7', '127.0.0.1:7410']
    assert [peer.get('address')
            for peer in tree(environment).iter('Peer')] == ['localhost', *peers]
    assert [one.attrib for one in tree(environment).iter('NetworkInterface')] == [
        {'address': '127.0.0.1'}, {'autodetermine': 'true'}]
    environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'SUBNET'
    assert [peer.get('address') for peer in tree(environment).iter('Peer')] == peers


def test_a_peer_without_an_address_is_left_out_and_said(caplog):
    environment = {'ROS_STATIC_PEERS': 'robot"<2>;192.168.0.7'}
    assert [peer.get('address') for peer in tree(environment).iter('Peer')] == ['192.168.0.7']
    assert """the address of 'robot"<2>' in ROS_STATIC_PEERS is not known""" in caplog.text


def test_nobody_finds_a_node_that_is_off():
    config = tree({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF', 'ROS_STATIC_PEERS': '192.168.0.7'})
    assert config.findtext('.//AllowMulticast') == 'false'
    assert config.findtext('.//ParticipantIndex') == 'none'
    assert config.findtext('.//Tag') == f'ros_discovery_off_{os.getpid()}'
    assert config.find('.//Peers') is None


def test_the_system_default_is_what_cyclone_dds_has():
    environment = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SYSTEM_DEFAULT',
                   'ROS_STATIC_PEERS': '192.168.0.7'}
    assert domain_config(environment) == ''
    assert domain_config({**environment, 'CYCLONEDDS_URI': 'file:///a.xml'}) == 'file:///a.xml'


def test_what_the_user_says_to_cyclone_dds_comes_last():
    uri = '<CycloneDDS><Domain><Tracing/></Domain></CycloneDDS>'
    assert tree({'CYCLONEDDS_URI': uri}).find('.//Tracing') is None
    assert domain_config({'CYCLONEDDS_URI': uri}).endswith(uri)


def test_interfaces_that_the_user_names_are_not_named_twice(tmp_path):
    named = ('<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="lo"/></Interfaces>'
             '</General></Domain></CycloneDDS>')
    file = tmp_path / 'dds.xml'
    file.write_text(named)
    other = tmp_path / 'other.xml'
    other.write_text('<CycloneDDS/>')
    here = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    for uri in (named, str(file), f'file://{file}', f'file://{other},file://{file}'):
        assert tree({**here, 'CYCLONEDDS_URI': uri}).find('.//NetworkInterface') is None
    for uri in (f'file://{other}', f'file://{tmp_path}/none.xml', '<CycloneDDS/>'):
        assert tree({**here, 'CYCLONEDDS_URI': uri}).find('.//NetworkInterface') is not None


def test_a_range_that_is_none_is_said_so():
    with pytest.raises(VprError, match="unknown ROS_AUTOMATIC_DISCOVERY_RANGE 'localhost'; did "
                                       "you mean 'LOCALHOST'"):
        domain_config({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'localhost'})
