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

"""Names of conditions and what they mean."""

from itertools import product

import numpy as np
import pytest
from vpr_ros.datasets.town.conditions import atmosphere
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.conditions import CONDITIONS
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.errors import VprError

ALL = [Condition(light, *weather) for light in ('day', 'low_sun', 'dusk', 'night')
       for weather in product((False, True), repeat=4)]


def test_every_condition_is_found_again_by_its_name():
    assert len({condition.name for condition in ALL}) == len(ALL)
    for condition in ALL:
        assert parse_condition(condition.name) == condition


@pytest.mark.parametrize('text', CONDITIONS)
def test_every_name_alone_is_a_condition(text):
    assert parse_condition(text).name == text


def test_light_is_day_unless_said_and_spaces_do_not_matter():
    assert parse_condition('snow') == Condition('day', snow=True)
    assert parse_condition('day+rain') == parse_condition('rain')
    assert parse_condition(' snow + night ') == Condition('night', snow=True)
    assert parse_condition('leaf_off+fog+dusk') == Condition('dusk', fog=True, leaf_off=True)


@pytest.mark.parametrize(('text', 'message'), [
    ('nigth', "did you mean 'night'"), ('', 'one or more of day'),
    ('night+', 'one or more of day'), ('night,snow', 'condition of the town'),
    ('Night', 'condition of the town'), ('day+night', 'one light'),
    ('night+night', 'each weather once'), ('snow+snow', 'each weather once')])
def test_other_texts_are_refused(text, message):
    with pytest.raises(VprError, match=message):
        parse_condition(text)


def test_trees_are_bare_without_leaves_and_in_snow():
    assert [c.bare_trees for c in (Condition(), Condition(leaf_off=True), Condition(snow=True))] \
        == [False, True, True]


@pytest.mark.parametrize('condition', ALL, ids=lambda c: c.name)
def test_an_atmosphere_is_made_of_sensible_numbers(condition):
    air = atmosphere(condition)
    assert np.linalg.norm(air.to_sun) == pytest.approx(1.0)
    assert air.to_sun[2] > 0
    for light in (air.sun, air.ambient, air.zenith, air.horizon):
        assert len(light) == 3
        assert np.isfinite(light).all()
        assert min(light) >= 0
    assert (air.wet, air.snow) == (condition.rain, condition.snow)
    # Lamps and headlights are lit when it is dark, whatever the weather.
    assert (air.lamps > 0) == (air.headlights > 0) == (condition.light in ('dusk', 'night'))
    assert air.haze_per_m > 0


def test_the_sky_is_never_brighter_than_white():
    skies = [atmosphere(condition) for condition in ALL]
    assert max(max(*air.zenith, *air.horizon) for air in skies) <= 1.0


def test_clouds_take_the_sun_and_fog_the_view():
    clear, rain, fog = (atmosphere(parse_condition(c)) for c in ('day', 'rain', 'fog'))
    assert max(rain.sun) < 0.2 * max(clear.sun)
    assert fog.haze_per_m > 3 * rain.haze_per_m > 3 * clear.haze_per_m
    assert sum(atmosphere(Condition('night')).ambient) < 0.2 * sum(clear.ambient)
