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


"""Names of topics and nodes, as ROS has them."""

import pytest
from vpr_ros.dds.names import checked_namespace
from vpr_ros.dds.names import checked_node_name
from vpr_ros.dds.names import dds_topic
from vpr_ros.dds.names import full_node_name
from vpr_ros.dds.names import resolve_topic
from vpr_ros.errors import VprError


@pytest.mark.parametrize(('topic', 'namespace', 'full'), [
    ('/tf', '/robot', '/tf'),
    ('image', '/', '/image'),
    ('image', '/robot/front', '/robot/front/image'),
    ('camera/image_raw', '/', '/camera/image_raw'),
    ('~/pose', '/', '/localizer/pose'),
    ('~/pose', '/robot', '/robot/localizer/pose'),
    ('~', '/robot', '/robot/localizer'),
    ('{node}/pose', '/robot', '/robot/localizer/pose'),
    ('{ns}/pose', '/robot', '/robot/pose'),
    ('/{node}_2', '/robot', '/localizer_2'),
    ('_hidden/x1', '/', '/_hidden/x1'),
])
def test_topics_are_resolved_as_ros_does(topic, namespace, full):
    assert resolve_topic(topic, node='localizer', namespace=namespace) == full


@pytest.mark.parametrize('topic', [
    '', '/', 'image/', '/camera//image', '1image', '/camera/1', 'my topic', 'a~', '~pose', 'ä',
    'a.b', '{unknown}', '{node', 'node}', '{{node}}', '//tf', 'image-raw', 'image\n', '{ns}/pose',
])
def test_what_is_no_topic_is_said_so(topic):
    with pytest.raises(VprError, match='is no name of a topic: expected such as'):
        resolve_topic(topic, node='localizer', namespace='/')


def test_a_topic_may_have_247_characters():
    longest = '/' + 'a' * 246
    assert resolve_topic(longest, node='n', namespace='/') == longest
    with pytest.raises(VprError, match='has 248 characters: expected 247 at most'):
        resolve_topic(longest + 'a', node='n', namespace='/')


@pytest.mark.parametrize(('namespace', 'full'), [
    ('/', '/'), ('', '/'), ('robot', '/robot'), ('/robot/front', '/robot/front')])
def test_a_namespace_may_lack_its_first_slash(namespace, full):
    assert checked_namespace(namespace) == full


@pytest.mark.parametrize('namespace', ['/robot/', '//', '/1', '/ä', '~', '/' + 'a' * 245])
def test_what_is_no_namespace_is_said_so(namespace):
    with pytest.raises(VprError, match='is no namespace: expected / or such as /robot/front'):
        checked_namespace(namespace)


@pytest.mark.parametrize('name', ['', '1st', 'a/b', 'a-b', 'a b', 'a' * 256])
def test_what_is_no_name_of_a_node_is_said_so(name):
    with pytest.raises(VprError, match='is no name of a node: expected letters, digits and'):
        checked_node_name(name)


def test_a_node_is_called_by_its_namespace_and_name():
    assert checked_node_name('localizer_2') == 'localizer_2'
    assert full_node_name('localizer', '/') == '/localizer'
    assert full_node_name('localizer', '/robot') == '/robot/localizer'


def test_topics_of_ros_have_a_prefix_in_dds():
    assert dds_topic('/camera/image_raw') == 'rt/camera/image_raw'
