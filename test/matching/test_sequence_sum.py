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

"""Sums of similarities along diagonals, against loops that say what they are."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.matching.sequence_sum import SequenceSum
from vpr_ros.matching.settings import MatchingSettings

SECOND = 10 ** 9
KIND = 'sequence_sum'


def told(answer):
    return answer.decision, answer.reason, answer.probability, answer.candidates


def by_hand(similarities, session_of):
    """Return the sums after the last of frames (n, N), place by place."""
    n, places = similarities.shape
    sums = np.zeros(places)
    for i in range(places):
        for k in range(n):
            if i - k >= 0 and session_of[i - k] == session_of[i]:
                frame = similarities[n - 1 - k]
                sums[i] += frame[i - k] - frame.mean()
    return sums


@pytest.mark.parametrize('lengths', [(60,), (25, 1, 34)])
def test_sums_are_those_of_loops(world, lengths):
    here = world(lengths=lengths)
    s = here.snapshot
    follower = SequenceSum(s, MatchingSettings(filter=KIND, sequence_frames=7))
    looks = [here.look(10 + n, n * SECOND, noise=2.0).descriptor for n in range(12)]
    times = StageTimes()
    for n, descriptor in enumerate(looks):
        belief = follower.follow(Look(n * SECOND, descriptor), times)
        similarities = np.stack(looks[max(0, n - 6):n + 1]) @ s.descriptors.T
        sums = by_hand(similarities.astype(float), s.session_of)
        assert follower.sums() == pytest.approx(sums, abs=1e-5)
        assert belief.rows[0] == np.argmax(sums)
        away = [i for i in range(len(s)) if abs(i - belief.rows[0]) > 5
                or s.session_of[i] != s.session_of[belief.rows[0]]]
        second = sums[away].max()
        assert sums[belief.rows[1]] == pytest.approx(second, abs=1e-5)
        assert (belief.probabilities[0] > belief.nowhere) == (sums.max() > 1.2 * second)
    assert set(times) == {'compare', 'sequence'}


def test_sums_do_not_cross_from_one_traverse_into_the_next(world):
    """A robot that drives on as the rows do is seen by the second traverse for the first time."""
    here = world(lengths=(30, 30))
    localizer = here.localizer(filter=KIND, sequence_frames=10)
    alone = here.localizer(filter=KIND, sequence_frames=1)
    for n, row in enumerate(range(18, 31)):
        look = here.look(row, n * SECOND)
        answer, one = localizer.match(look), alone.match(look)
    assert here.row(one) == here.row(answer) == 30
    # All that speaks for the place is the one frame, among the noise of ten.
    assert answer.probability < one.probability


def test_noisy_robots_are_followed(world):
    here = world(lengths=(300,))
    localizer, alone = here.localizer(filter=KIND), here.localizer(filter=KIND, sequence_frames=1)
    right = single = 0
    for n in range(100):
        look = here.look(30 + n, n * SECOND, noise=3.0)
        answer, one = localizer.match(look), alone.match(look)
        right += n >= 20 and here.row(answer) == 30 + n
        single += n >= 20 and here.row(one) == 30 + n
    assert right == 80
    assert single < 50


def test_what_is_nowhere_is_unknown(world):
    here = world()
    localizer = here.localizer(filter=KIND)
    known = [localizer.match(here.look_elsewhere(n * SECOND)).known for n in range(80)]
    assert np.mean(known[20:]) < 0.35


def test_a_stamp_that_was_seen_changes_nothing(world):
    here = world()
    localizer = here.localizer(filter=KIND)
    for n, row in enumerate(range(50, 80)):
        before = localizer.match(here.look(row, n * SECOND, noise=1.0))
    after = localizer.match(here.look(120, 29 * SECOND))
    assert [(c.place_id, c.probability) for c in after.candidates] == [
        (c.place_id, c.probability) for c in before.candidates]


def test_reset_forgets(world):
    here = world()
    localizer = here.localizer(filter=KIND)
    for n, row in enumerate(range(50, 80)):
        localizer.match(here.look(row, n * SECOND, noise=1.0))
    localizer.reset()
    look = here.look(150, 30 * SECOND, noise=1.0)
    assert told(localizer.match(look)) == told(here.localizer(filter=KIND).match(look))


def test_a_state_goes_on_bit_by_bit(world, tmp_path):
    here = world(lengths=(90, 110))
    first, second = (here.localizer(filter=KIND, sequence_frames=8) for _ in range(2))
    for n in range(12):
        first.match(here.look(40 + n, n * SECOND, noise=2.0))
    first.state().write(tmp_path / 'state.npz')
    again = [here.look(52 + n, (12 + n) * SECOND, noise=2.0) for n in range(12)]
    wanted = [told(first.match(look)) for look in again]
    second.restore(LocalizerState.read(tmp_path / 'state.npz'))
    assert [told(second.match(look)) for look in again] == wanted
    with pytest.raises(VprError, match=f'saved with the filter {KIND!r}'):
        here.localizer().restore(first.state())


def test_settings_change_while_it_runs(world):
    here = world()
    localizer = here.localizer(filter=KIND)
    for n in range(30):
        before = localizer.match(here.look(50 + n, n * SECOND, noise=1.0))
    changed = MatchingSettings(filter=KIND, candidates=1)
    localizer.change_settings(changed)
    after = localizer.match(here.look(79, 29 * SECOND))
    assert len(before.candidates) == 5
    assert len(after.candidates) == 1
    assert here.row(after) == here.row(before) == 79


@pytest.mark.parametrize('length', [1, 2, 3])
def test_few_places(world, length):
    here = world(lengths=(length,))
    localizer = here.localizer(filter=KIND)
    for n in range(5):
        answer = localizer.match(here.look(0, n * SECOND))
        assert not answer.known  # of one window nothing is unique
        assert len(answer.candidates) <= 1


def test_on_a_railway_twenty_frames_tell_more_than_one(tmp_path, shared_data):
    from vpr_ros.datasets.registry import open_dataset

    railway = open_dataset('nordland_64x32', shared_data / 'benchmark')
    frames = 800
    network = make_extractor(ExtractionSettings(network='thumbnail', device='cpu', threads=1))
    summer, winter = railway.traverse('summer'), railway.traverse('winter')
    with PlaceMap.create(tmp_path / 'summer.vprmap', network.identity) as place_map:
        for _ in build_session(place_map, 'summer', (summer.frame(n) for n in range(frames)),
                               network, MapSettings(thumbnail_width_px=0), source='summer'):
            pass
        snapshot = place_map.snapshot()
    looks = [d for _, d in network.describe_all(winter.frame(n) for n in range(frames))]
    recall = {}
    for length in (1, 20):
        localizer = Localizer(snapshot, network, MatchingSettings(
            filter=KIND, sequence_frames=length))
        found = [localizer.match(look).candidates[0].stamp_ns for look in looks]
        recall[length] = np.mean(np.abs(found - summer.stamps_ns[:frames]) <= 10 * SECOND)
    # Measured: 0.21 and 0.67.
    assert 0.15 < recall[1] < 0.3
    assert recall[20] > 0.6
