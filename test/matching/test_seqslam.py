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

"""SeqSLAM, against loops that say what it does."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.matching.seqslam import enhanced
from vpr_ros.matching.seqslam import SeqSlam
from vpr_ros.matching.settings import MatchingSettings

SECOND = 10 ** 9
KIND = 'seqslam'


def told(answer):
    return answer.decision, answer.reason, answer.probability, answer.candidates


def by_hand(differences, session_of):
    """Return the scores after the last of frames (n, N), place by place."""
    n, places = differences.shape
    contrast = np.zeros((n, places))
    for t in range(n):
        for i in range(places):
            around = [differences[t, j] for j in range(i - 5, i + 6)
                      if 0 <= j < places and session_of[j] == session_of[i]]
            deviation = np.std(around, ddof=1) if len(around) > 1 else 0.0
            if deviation > 1e-6:
                contrast[t, i] = (differences[t, i] - np.mean(around)) / deviation
    scores = np.full(places, np.inf)
    for i in range(places):
        for tenths in (8, 9, 10, 11, 12):
            score = 0.0
            for k in range(n):
                j = i - (tenths * k + 5) // 10
                inside = j >= 0 and session_of[j] == session_of[i]
                score += contrast[n - 1 - k, j] if inside else np.inf
            scores[i] = min(scores[i], score)
    return contrast, scores


@pytest.mark.parametrize('lengths', [(60,), (25, 1, 34)])
def test_scores_are_those_of_loops(world, lengths):
    here = world(lengths=lengths)
    s = here.snapshot
    follower = SeqSlam(s, MatchingSettings(filter=KIND, sequence_frames=7))
    looks = [here.look(10 + n, n * SECOND, noise=2.0).descriptor for n in range(12)]
    times = StageTimes()
    for n, descriptor in enumerate(looks):
        belief = follower.follow(Look(n * SECOND, descriptor), times)
        differences = 1.0 - np.stack(looks[max(0, n - 6):n + 1]) @ s.descriptors.T
        contrast, scores = by_hand(differences.astype(float), s.session_of)
        # Some places have lines and some have none.
        assert np.isfinite(scores).any() and (n == 0 or np.isinf(scores).any())
        assert follower.scores() == pytest.approx(scores, abs=1e-3)
        costs = np.sort(scores[belief.rows]) - len(differences) * contrast.min()
        assert belief.rows[0] == np.argmin(scores)
        away = [i for i in range(len(s)) if abs(i - belief.rows[0]) > 5
                or s.session_of[i] != s.session_of[belief.rows[0]]]
        assert scores[belief.rows[1]] == pytest.approx(scores[away].min(), abs=1e-3)
        assert (belief.probabilities[0] > belief.nowhere) == (costs[0] < 0.9 * costs[1])
    assert set(times) == {'compare', 'sequence'}


def test_contrast_of_what_is_all_the_same_is_nothing():
    assert enhanced(np.full(30, 0.3, np.float32), np.zeros(30, np.int64)).tolist() == [0.0] * 30


def test_lines_do_not_cross_from_one_traverse_into_the_next(world):
    here = world(lengths=(30, 30))
    localizer = here.localizer(filter=KIND, sequence_frames=10)
    for n, row in enumerate(range(18, 33)):
        answer = localizer.match(here.look(row, n * SECOND))
        # Two places into the second traverse no line of ten frames can end.
        assert (here.row(answer) == row) == (row < 30)


@pytest.mark.parametrize('speed', [0.8, 1.0, 1.2])
def test_noisy_robots_are_followed(world, speed):
    here = world(lengths=(300,))
    localizer, alone = here.localizer(filter=KIND), here.localizer(filter=KIND, sequence_frames=1)
    right = single = 0
    for n in range(100):
        row = int(30 + speed * n + 0.5)
        look = here.look(row, n * SECOND, noise=2.5)
        answer, one = localizer.match(look), alone.match(look)
        right += n >= 20 and abs(here.row(answer) - row) <= 1
        single += n >= 20 and abs(here.row(one) - row) <= 1
    assert right == 80
    assert single < 50


def test_what_is_nowhere_is_unknown(world):
    here = world()
    localizer = here.localizer(filter=KIND)
    known = [localizer.match(here.look_elsewhere(n * SECOND)).known for n in range(80)]
    assert np.mean(known[20:]) < 0.2


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
