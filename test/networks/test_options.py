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

"""Options read from factories."""

from vpr_ros.networks.options import factory_options
from vpr_ros.networks.registry import network_names
from vpr_ros.networks.registry import network_options


def factory(*, file: str, length: int = 5, extra: object = None) -> None:
    """
    Make something.

    :param length: how many frames, see :func:`vpr_ros.networks.trunks.trunk`; at least
        ``1``.
    :param file: where it lies.

    :returns: nothing.
    """


def bare(*, scale: float = 1.0) -> None:
    pass


def test_names_defaults_and_help():
    options = factory_options(factory)
    assert [(o.name, o.required, o.default) for o in options.values()] == [
        ('file', True, None), ('length', False, 5), ('extra', False, None)]
    assert list(options) == ['file', 'length', 'extra']
    assert options['length'].help == (
        'how many frames, see vpr_ros.networks.trunks.trunk; at least 1.')
    assert options['file'].help == 'where it lies.'
    assert options['extra'].help == ''


def test_a_factory_without_a_docstring():
    assert [(o.name, o.default, o.help) for o in factory_options(bare).values()] == [
        ('scale', 1.0, '')]


def test_the_options_of_a_network():
    assert 'gem' in network_names()
    options = network_options('gem')
    assert options['p'].default == 3.0
    assert 'exponent' in options['p'].help
