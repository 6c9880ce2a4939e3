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

"""What beliefs and inliers are worth: numbers, and their way through a file of a stranger."""

import json
import math

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.calibration import log_odds
from vpr_ros.matching.calibration import Logistic
from vpr_ros.matching.calibration import mode_name

SOME = Calibration(
    'map', 'aliked-n16:01234567', GeometryEvidence(2.5, 0.75, 3.5),
    {'single': Logistic(-1.25, 0.5), 'odometry+geometry': Logistic(0.125, 1.5, 0.75)},
    {'protocol': 'each traverse in the others', 'moments': 321, 'seed': 0})


def test_written_and_read_it_is_the_same():
    read = Calibration.from_json(SOME.to_json(), source='map')
    assert read == SOME
    assert Calibration.from_json(SOME.to_json(), source='network').source == 'network'
    assert Calibration.from_json(Calibration().to_json(), source='default') == Calibration()


def test_one_calibration_is_one_text():
    turned = Calibration('map', SOME.local_kind, SOME.geometry,
                         dict(reversed(SOME.modes.items())), dict(reversed(SOME.about.items())))
    assert turned.to_json() == SOME.to_json()


def changed(**changes):
    data = json.loads(SOME.to_json())
    data.update(changes)
    return json.dumps({name: value for name, value in data.items() if value is not None})


@pytest.mark.parametrize('text', [
    '', 'null', '7', '[]', '"text"', '{}', '{"format": 1}', '[' * 100_000, SOME.to_json()[:-9],
    changed(format=2), changed(format=None), changed(geometry=None), changed(geometry=[1, 2]),
    changed(geometry={'slope': None}), changed(geometry={'slope': 'steep'}),
    changed(geometry={'slope': float('nan')}), changed(geometry={'slope': float('inf')}),
    changed(geometry={'steepness': 1.0}), changed(geometry={'bound': -1.0}),
    changed(geometry={'bound': 1e4}), changed(modes=None), changed(modes=[]),
    changed(modes={'single': 1.0}), changed(modes={'single': {'bias': 0.0}}),
    changed(modes={'single': {'bias': 1.0, 'belief': 1e300}}),
    changed(modes={'single': {'bias': 10 ** 400, 'belief': 1.0}}), changed(about='everything'),
    changed(local_kind=None),
], ids=lambda text: text[:60])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(VprError, match='a calibration cannot be read .* map calibrate"'):
        Calibration.from_json(text, source='map')


def test_the_largest_numbers_that_are_taken_give_probabilities():
    text = changed(geometry={'slope': 1e6, 'midpoint': -1e6, 'bound': 100.0}, modes={
        'single': {'bias': -1e6, 'belief': 1e6, 'support': -1e6}})
    read = Calibration.from_json(text, source='map')
    ratio = read.geometry.log_ratio(10 ** 6, 0.0)
    assert math.isfinite(math.exp(ratio))
    for belief in (0.0, 0.5, 1.0):
        assert 0.0 <= read.probability('single', belief, ratio)[0] <= 1.0


def test_each_way_of_localizing_has_a_name_of_its_own():
    names = {(s, o, g): mode_name(sequence=s, odometry=o, geometry=g)
             for s in (False, True) for o in (False, True) for g in (False, True)}
    assert names[False, False, False] == names[False, True, False] == 'single'
    assert names[True, False, False] == 'images'
    assert names[True, True, True] == 'odometry+geometry'
    assert len(set(names.values())) == 6


def test_what_has_no_mode_is_not_calibrated():
    assert SOME.probability('images', 0.625, 3.0) == (0.625, 'default')
    assert Calibration().probability('single', 0.625, 3.0) == (0.625, 'default')


def test_geometry_that_nothing_was_learnt_of_changes_no_source_from_frame_to_frame():
    found = Calibration('network', modes={'images': Logistic(0.5, 1.0)})
    for belief in (0.2, 0.9):
        assert found.probability('images+geometry', belief, 2.0) == (
            found.probability('images', belief, 0.0))
    assert found.probability('images+geometry', 0.5, 2.0)[1] == 'network'


def test_what_has_one_is():
    told, source = SOME.probability('odometry+geometry', 0.8, -2.0)
    assert source == 'map'
    z = 0.125 + 1.5 * math.log(0.8 / 0.2) + 0.75 * -2.0
    assert told == pytest.approx(1.0 / (1.0 + math.exp(-z)))


def test_a_belief_is_its_own_probability_until_something_is_learnt():
    for belief in np.linspace(0.001, 0.999, 50):
        assert Logistic(0.0, 1.0).probability(float(belief), 7.0) == pytest.approx(belief)


def test_more_belief_and_more_support_are_never_less_likely():
    logistic = Logistic(-0.5, 0.75, 0.25)
    told = np.array([[logistic.probability(belief, support) for belief in np.linspace(0, 1, 41)]
                     for support in np.linspace(-100, 100, 41)])
    assert (np.diff(told, axis=0) >= 0.0).all()
    assert (np.diff(told, axis=1) >= 0.0).all()
    assert 0.0 < told.min() < 1e-9
    assert 1.0 - 1e-9 < told.max() <= 1.0


def test_certainty_has_odds_too():
    assert log_odds(0.5) == 0.0
    assert log_odds(0.2) == pytest.approx(-log_odds(0.8))
    assert log_odds(1.0) == pytest.approx(math.log(9999.0))
    assert log_odds(0.0) == pytest.approx(-math.log(9999.0))


def test_more_inliers_speak_for_a_place_up_to_a_bound():
    evidence = GeometryEvidence(slope=3.0, midpoint=0.5, bound=2.0)
    usual = math.log1p(10.0)
    ratios = np.array([evidence.log_ratio(inliers, usual) for inliers in range(200)])
    assert (np.diff(ratios) >= 0.0).all()
    assert (ratios.min(), ratios.max()) == (-2.0, 2.0)
    # Between the bounds it is the formula.
    assert ratios[15] == pytest.approx(3.0 * (math.log(16.0) - math.log(11.0) - 0.5))
    assert -2.0 < ratios[15] < 0.0
    assert evidence.log_ratio(10, math.log1p(10.0) - 0.5) == pytest.approx(0.0)
    # By night all have fewer, and the same number says more.
    assert evidence.log_ratio(15, math.log1p(5.0)) > ratios[15]


def test_a_calibration_cannot_be_changed():
    with pytest.raises(TypeError):
        SOME.modes['single'] = Logistic(0.0, 1.0)


def test_a_run_in_which_right_places_stand_out_less_is_believed_less():
    learnt = GeometryEvidence(slope=4.0, midpoint=0.8, bound=4.0, right=1.4)  # wrong ones: 0.2
    assert learnt.in_run(1.4) == learnt.in_run(3.0) == learnt
    half = learnt.in_run(0.8)
    assert (half.slope, half.midpoint) == (pytest.approx(2.0), pytest.approx(0.5))
    assert learnt.in_run(0.45).slope == 0.0
    assert learnt.in_run(-5.0).log_ratio(100, 0.0) == 0.0
    # What nobody has learnt tells nothing either.
    assert GeometryEvidence(slope=0.0).in_run(0.5).slope == 0.0
