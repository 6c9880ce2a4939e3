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

"""Where the robot is, in maps whose truth is known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.index.live_index import LiveIndex
from vpr_ros.maps.index.opening import make_search
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.settings import MapSettings
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.calibration import Logistic
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.localizer import open_localizer
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Decision
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9


def told(localization):
    """Return all of an answer but the times it took."""
    return (localization.decision, localization.reason, localization.probability,
            localization.candidates)


def check(localization, settings):
    """Check what holds for every answer."""
    candidates = localization.candidates
    probabilities = [c.probability for c in candidates]
    assert 1 <= len(candidates) <= settings.candidates
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0.0 <= p <= 1.0 for p in probabilities)
    assert sum(probabilities) <= 1.0 + 1e-9
    assert len({c.place_id for c in candidates}) == len(candidates)
    assert localization.probability == probabilities[0]
    assert localization.known == (probabilities[0] >= settings.known_probability)
    place = candidates[0].T_map_base if localization.known else None
    assert (localization.T_map_base is None) == (place is None)
    if place is not None:
        assert np.array_equal(localization.T_map_base.matrix(), place.matrix())


def test_one_clear_frame_is_enough_in_a_small_map(world):
    here = world()
    localizer = here.localizer()
    answer = localizer.match(here.look(120, 5 * SECOND))
    check(answer, localizer.settings)
    assert here.row(answer) == 120
    assert answer.decision is Decision.KNOWN
    assert answer.reason == (f'the best place has probability {answer.probability:.2f} '
                             '(at least 0.50 is asked for)')
    assert (answer.stamp_ns, answer.camera) == (5 * SECOND, 'front')
    assert (answer.map_id, answer.map_revision) == ('world', 7)
    assert (answer.network, answer.probability_source) == ('thumbnail', 'default')
    assert set(answer.stage_times_ns) == {'search', 'evidence', 'motion', 'filter', 'answer'}
    assert all(t > 0 for t in answer.stage_times_ns.values())
    best = answer.candidates[0]
    assert (best.session, best.camera) == ('s0', 'front')
    assert best.stamp_ns == 120 * SECOND
    assert best.similarity == pytest.approx(1.0, abs=1e-6)
    assert answer.T_map_base.position.tolist() == [1200.0, 0.0, 0.0]


def test_what_is_nowhere_is_unknown(world):
    here = world()
    localizer = here.localizer()
    for n in range(30):
        answer = localizer.match(here.look_elsewhere(n * SECOND))
        check(answer, localizer.settings)
        assert answer.decision is Decision.UNKNOWN
        assert answer.T_map_base is None
    assert answer.reason.startswith('no place of the map looks enough like this (probability 0.')
    assert answer.candidates[0].T_map_base is not None  # a candidate is not an answer


def test_places_that_look_alike_are_not_told_apart(world):
    here = world()
    here.snapshot.descriptors[[20, 90, 160]] = here.snapshot.descriptors[20]
    localizer = here.localizer()
    for n in range(2):
        answer = localizer.match(here.look(20, n))  # hardly any time between: no motion
        check(answer, localizer.settings)
    assert answer.decision is Decision.UNKNOWN
    assert answer.reason == ('several places look like this: the best has probability '
                             f'{answer.probability:.2f}, less than 0.50')
    three = answer.candidates[:3]
    ids = here.snapshot.place_ids[[20, 90, 160]].tolist()
    assert {c.place_id for c in three} == set(ids)
    assert three[0].probability == pytest.approx(three[2].probability, rel=1e-3)


def test_motion_tells_places_apart_that_look_alike(world):
    here = world()
    here.snapshot.descriptors[150] = here.snapshot.descriptors[50]
    localizer = here.localizer()
    for n, row in enumerate(range(40, 51)):
        answer = localizer.match(here.look(row, n * SECOND))
    assert answer.known
    assert here.row(answer) == 50


def accuracy(here, localizer, rows, noise):
    right = known_and_wrong = 0
    for n, row in enumerate(rows):
        answer = localizer.match(here.look(row, n * SECOND, noise=noise))
        check(answer, localizer.settings)
        right += abs(here.row(answer) - row) <= 1
        known_and_wrong += answer.known and abs(here.row(answer) - row) > 1
    return right / len(rows), known_and_wrong / len(rows)


@pytest.mark.parametrize('seed', range(3))
def test_a_sequence_beats_single_frames_under_noise(world, seed):
    rows = list(range(30, 180))
    here = world(seed=seed)
    single, _ = accuracy(here, here.localizer(filter='none'), rows, noise=2.5)
    here = world(seed=seed)
    sequence, wrong = accuracy(here, here.localizer(), rows, noise=2.5)
    assert 0.2 < single < 0.8  # hard, but not hopeless
    assert sequence > 0.85
    assert sequence >= single + 0.2
    assert wrong < 0.05


def test_the_right_traverse_of_several_is_found(world):
    here = world(lengths=(80, 50, 70))
    localizer = here.localizer()
    for n, row in enumerate(range(85, 120)):
        answer = localizer.match(here.look(row, n * SECOND, noise=2.0))
    assert answer.known
    assert here.row(answer) == 119
    assert answer.candidates[0].session == 's1'
    assert answer.candidates[0].stamp_ns == (119 - 80) * SECOND


def test_a_kidnapped_robot_is_found_again(world):
    here = world(lengths=(500,))
    localizer = here.localizer()
    for n, row in enumerate([*range(100, 130), *range(400, 415)]):
        answer = localizer.match(here.look(row, n * SECOND, noise=1.0))
    assert answer.known
    assert here.row(answer) == 414


def test_leaving_the_map_and_coming_back(world):
    here = world()
    localizer = here.localizer()
    known = []
    for n in range(60):
        stamp = n * SECOND
        away = 20 <= n < 40
        look = here.look_elsewhere(stamp) if away else here.look(100 + n // 2, stamp, noise=1.0)
        known.append(localizer.match(look).known)
    assert all(known[2:20])
    assert not any(known[25:40])
    assert all(known[44:])


@pytest.mark.parametrize('how', ['reset', 'stamp goes back'])
def test_a_new_start_forgets(world, how):
    here = world()
    old, fresh = here.localizer(), here.localizer()
    for n, row in enumerate(range(50, 80)):
        old.match(here.look(row, (100 + n) * SECOND))
    look = here.look(150, (500 if how == 'reset' else 99) * SECOND, noise=2.0)
    if how == 'reset':
        old.reset()
    assert told(old.match(look)) == told(fresh.match(look))
    # And both go on alike: time is counted from the new start.
    for n, row in enumerate(range(151, 160)):
        look = here.look(row, look.stamp_ns + (1 + n % 2) * SECOND, noise=2.0)
        assert told(old.match(look)) == told(fresh.match(look))


def test_without_reset_the_past_counts(world):
    """The pair of the test above: what is forgotten there would have changed the answer."""
    here = world()
    old, fresh = here.localizer(), here.localizer()
    for n, row in enumerate(range(50, 80)):
        old.match(here.look(row, (100 + n) * SECOND))
    look = here.look(150, 130 * SECOND, noise=2.0)
    assert told(old.match(look)) != told(fresh.match(look))


def test_without_a_filter_every_frame_stands_alone(world):
    here = world()
    localizer = here.localizer(filter='none')
    for n, row in enumerate([50, 51, 52, 52, 130, 20]):
        look = here.look(row, n * SECOND, noise=1.0)
        answer = localizer.match(look)
        assert told(answer) == told(here.localizer(filter='none').match(look))
        assert told(answer) == told(here.localizer().match(look))
    assert told(here.localizer().match(look)) == told(localizer.match(look))


@pytest.mark.parametrize('back_ns', [0, 1_000_000, 499_000_000])
def test_frames_of_one_stamp_or_a_little_older_change_no_belief(world, back_ns):
    """Twice the same stamp is the same look; a little older is the order cameras come in."""
    here = world()
    localizer = here.localizer()
    for n, row in enumerate(range(50, 80)):
        before = localizer.match(here.look(row, n * SECOND, noise=1.0))
    assert before.known
    for _ in range(3):
        late = localizer.match(here.look_elsewhere(29 * SECOND - back_ns))
        check(late, localizer.settings)
        assert [c.place_id for c in late.candidates] == [c.place_id for c in before.candidates]
        assert late.probability == pytest.approx(before.probability, abs=1e-12)


def test_late_stamps_do_not_add_up_to_extra_time(world):
    here = world()
    looks = [here.look(50 + n, n * SECOND, noise=1.0) for n in range(30)]
    plain, disturbed = here.localizer(), here.localizer()
    for n, look in enumerate(looks):
        wanted = plain.match(look)
        found = disturbed.match(look)
        assert [c.place_id for c in found.candidates] == [c.place_id for c in wanted.candidates]
        assert found.probability == pytest.approx(wanted.probability, abs=1e-9)
        disturbed.match(here.look_elsewhere(n * SECOND - 400_000_000))
        disturbed.match(here.look_elsewhere(n * SECOND - 200_000_000))


def test_one_second_back_is_a_new_start(world):
    here = world()
    localizer = here.localizer()
    for n, row in enumerate(range(50, 80)):
        assert here.row(localizer.match(here.look(row, n * SECOND))) == row
    again = here.look(150, 28 * SECOND, noise=2.0)
    assert told(localizer.match(again)) == told(here.localizer().match(again))


def test_candidates_are_what_the_map_holds(world):
    cameras = ('front', 'rear', 'left')
    here = world(lengths=(60, 40), cameras=cameras)
    s = here.snapshot
    localizer = here.localizer(candidates=20, search_depth=3)
    for n, row in enumerate(range(30, 45)):
        look = here.look(row, n * SECOND, noise=1.0, camera=n % 3)
        answer = localizer.match(look)
        check(answer, localizer.settings)
        for c in answer.candidates:
            found = int(np.flatnonzero(s.place_ids == c.place_id)[0])
            similarities = {
                cameras[s.view_cameras[v]]: float(s.descriptors[v] @ look.descriptor)
                for v in np.flatnonzero(s.view_rows == found)}
            best = max(similarities, key=similarities.get)
            assert c.camera == best
            assert c.similarity == pytest.approx(similarities[best], abs=1e-5)
            assert c.stamp_ns == s.stamps_ns[found]
            assert c.session == s.sessions[s.session_of[found]]
            assert c.T_map_base.distance_to(s.poses[found]) == 0.0
    assert here.row(answer) == 44
    assert answer.candidates[0].camera == cameras[14 % 3]


def test_what_the_filter_holds_on_to_need_not_be_found_by_search(world):
    here = world(cameras=('front', 'rear'))
    s = here.snapshot
    localizer = here.localizer(search_depth=5, candidates=1)
    for n, row in enumerate(range(30, 60)):
        localizer.match(here.look(row, n * SECOND, camera=1))
    blinded = here.look_elsewhere(30 * SECOND)
    products = s.descriptors @ blinded.descriptor
    answer = localizer.match(blinded)
    row = here.row(answer)
    assert 58 <= row <= 63
    rank = (np.maximum(products[::2], products[1::2]) > products[2 * row:2 * row + 2].max()).sum()
    assert rank >= 5  # so it was not among those that search returned
    best = answer.candidates[0]
    assert best.similarity == pytest.approx(products[2 * row:2 * row + 2].max(), abs=1e-6)
    assert best.camera == ('front', 'rear')[int(np.argmax(products[2 * row:2 * row + 2]))]


def test_candidates_without_poses(world):
    here = world(posed=False)
    localizer = here.localizer(same_place_frames=2)
    for n, row in enumerate(range(30, 40)):
        answer = localizer.match(here.look(row, n * SECOND, noise=1.0))
        check(answer, localizer.settings)
    assert answer.known
    assert answer.T_map_base is None
    assert here.row(answer) == 39
    rows = [int(np.flatnonzero(here.snapshot.place_ids == c.place_id)[0])
            for c in answer.candidates]
    assert (np.diff(np.sort(rows)) > 2).all()


def test_few_places(world):
    for n in (1, 2, 3):
        here = world(lengths=(n,))
        localizer = here.localizer()
        for k in range(5):
            answer = localizer.match(here.look(0, k * SECOND))
            check(answer, localizer.settings)
            assert len(answer.candidates) <= n


def test_an_empty_map_is_refused(world):
    here = world(lengths=())
    with pytest.raises(ValueError, match='a map without places'):
        here.localizer()


def test_a_description_of_another_kind_is_refused_and_changes_nothing(world):
    here = world()
    localizer, other = here.localizer(), here.localizer()
    for n in range(3):
        look = here.look(20 + n, n * SECOND)
        assert told(localizer.match(look)) == told(other.match(look))
    with pytest.raises(ValueError, match=r'must have 64 numbers, .* got shape \(65,\)'):
        localizer.match(Description(4 * SECOND, np.ones(65)))
    with pytest.raises(ValueError, match='a descriptor must be finite'):
        localizer.match(Description(4 * SECOND, np.full(64, np.nan)))
    look = here.look(23, 3 * SECOND)
    assert told(localizer.match(look)) == told(other.match(look))


def test_transition_settings_that_contradict_each_other(world):
    with pytest.raises(ValueError, match='add up to at most 1'):
        world().localizer(leave_probability=0.9, enter_probability=0.2)


def test_refused_settings_change_nothing(world):
    here = world()
    localizer, other = here.localizer(), here.localizer()
    wrong = MatchingSettings.model_construct(  # the schema itself would refuse them
        leave_probability=0.9, enter_probability=0.2, candidates=1)
    with pytest.raises(VprError, match='add up to at most 1'):
        localizer.change_settings(wrong)
    assert localizer.settings == MatchingSettings()
    for n in range(5):
        look = here.look(20 + n, n * SECOND, noise=1.0)
        assert told(localizer.match(look)) == told(other.match(look))


@pytest.mark.parametrize('changes', [
    {'fastest_speed_ratio': 0.5}, {'leave_probability': 0.4}, {'enter_probability': 0.5},
    {'jump_probability': 0.3}, {'evidence_slope': 0.5}, {'evidence_threshold': 3.0},
    {'largest_evidence': 1.0}, {'candidates': 2},
])
def test_live_settings_are_those_of_the_next_frame(world, changes):
    """They answer as if they had been so from the beginning."""
    here = world()
    changed, wanted, other = here.localizer(), here.localizer(**changes), here.localizer()
    looks = [here.look(50 + 2 * n, n * SECOND, noise=2.0) for n in range(6)]
    changed.change_settings(MatchingSettings(**changes))
    answers = [[told(localizer.match(look)) for look in looks]
               for localizer in (changed, wanted, other)]
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_live_changes_keep_the_belief(world):
    here = world()
    localizer = here.localizer()
    for n, row in enumerate(range(50, 80)):
        before = localizer.match(here.look(row, n * SECOND, noise=1.0))
    localizer.change_settings(MatchingSettings(candidates=1, known_probability=1.0))
    # A stamp that has been seen brings no evidence, so this reads the belief alone.
    after = localizer.match(here.look(79, 29 * SECOND))
    assert len(after.candidates) == 1
    assert after.candidates[0].probability == pytest.approx(before.probability, abs=1e-12)
    assert before.known and not after.known
    assert 'at least' not in after.reason and 'less than 1.00' in after.reason
    localizer.change_settings(MatchingSettings(known_probability=0.0))
    assert localizer.match(here.look(79, 29 * SECOND)).known


@pytest.mark.parametrize('posed, narrow, wide', [
    (True, {'same_place_m': 5.0}, {'same_place_m': 25.0}),  # places are 10 m apart
    (False, {'same_place_frames': 0}, {'same_place_frames': 2})])
def test_live_changes_of_what_is_one_place(world, posed, narrow, wide):
    here = world(posed=posed)
    localizer = here.localizer(**narrow)
    for n, row in enumerate(range(50, 80)):
        alone = localizer.match(here.look(row, n * SECOND, noise=2.5))
    localizer.change_settings(MatchingSettings(**wide))
    together = localizer.match(here.look(79, 29 * SECOND))  # seen stamp: the same belief
    rows = [int(np.flatnonzero(here.snapshot.place_ids == c.place_id)[0])
            for c in together.candidates]
    assert (np.diff(np.sort(rows)) > 2).all()
    assert together.probability > alone.probability


def test_an_extractor_of_another_network_is_refused(world):
    here = world()
    other = make_extractor(ExtractionSettings(
        network='thumbnail', options='{height: 8, width: 16}', device='cpu', threads=1))
    with pytest.raises(ValueError, match='the extractor is not the network of this map'):
        Localizer(here.snapshot, other, MatchingSettings())


SPEEDS = {
    'same': lambda n: 1.0, 'half': lambda n: 0.5, 'double': lambda n: 2.0,
    'stops': lambda n: 0.0 if 30 <= n < 60 else 1.0,
    'between two speeds': lambda n: 1.25, 'varying': lambda n: 1.0 + 0.9 * np.sin(n / 12),
}


def followed_share(world, speed, hertz, motion, noise=2.0):
    """Return the shares of right, of known and wrong, and of right answers to single frames."""
    right = known_and_wrong = single = frames = 0
    for seed in range(3):
        here = world(lengths=(400,), seed=seed)
        localizer, alone = here.localizer(motion=motion), here.localizer(filter='none')
        place = 30.0
        odometry = Pose.identity()
        for n in range(80 * hertz):
            look = here.look_from(place, n * SECOND // hertz, noise=noise)
            answer = localizer.match(
                look, T_odom_base=odometry if motion == 'odometry' else None)
            if n >= 10 * hertz:
                frames += 1
                right += abs(here.row(answer) - place) <= 2
                known_and_wrong += answer.known and abs(here.row(answer) - place) > 3
                single += abs(here.row(alone.match(look)) - place) <= 2
            way = SPEEDS[speed](n / hertz) / hertz
            place += way
            odometry = odometry @ Pose.from_xy_yaw(10.0 * way, 0.0, 0.0)
    return right / frames, known_and_wrong / frames, single / frames


@pytest.mark.parametrize('hertz, motion, least', [
    (1, 'time', 0.9), (5, 'time', 0.7), (1, 'image', 0.8), (5, 'image', 0.9),
    (5, 'odometry', 0.97)])
@pytest.mark.parametrize('speed', SPEEDS)
def test_robots_are_followed_at_their_own_speed(world, speed, hertz, motion, least):
    """
    Under a noise that a single frame gets right about half of the time.

    Who knows the time alone, and sees again and again an image that is wrong, cannot know that
    the robot stands.
    """
    right, known_and_wrong, single = followed_share(world, speed, hertz, motion)
    assert single < 0.9
    assert right > least
    assert known_and_wrong < 0.02


def test_odometry_tells_places_apart_that_time_cannot(world):
    """Two streets begin alike and look alike again, one 20 places on, the other 30."""
    right = {}
    for known in (True, False):
        here = world(lengths=(60, 60))
        d = here.snapshot.descriptors
        d[60:70] = d[:10]
        d[95:105] = d[25:35]
        localizer = here.localizer()
        odometry, stamp = Pose.identity(), 0
        # Ten places of the beginning, then a stretch that is in no map, at any speed.
        for row in range(10):
            localizer.match(here.look(row, stamp), T_odom_base=odometry if known else None)
            stamp, odometry = stamp + SECOND, odometry @ Pose.from_xy_yaw(10.0, 0.0, 0.0)
        odometry = odometry @ Pose.from_xy_yaw(15 * 10.0, 0.0, 0.0)
        stamp += 20 * SECOND
        for row in range(25, 29):
            answer = localizer.match(here.look(row, stamp),
                                     T_odom_base=odometry if known else None)
            stamp, odometry = stamp + SECOND, odometry @ Pose.from_xy_yaw(10.0, 0.0, 0.0)
        rows = {here.row_of(c): c.probability for c in answer.candidates}
        right[known] = rows.get(28, 0.0), rows.get(98, 0.0)
    assert right[True][0] > 0.9
    assert right[False][1] > 0.2


@pytest.mark.parametrize('origin', [0.0, 1e5, 1e9])
def test_odometry_that_counts_from_elsewhere_leads_nobody_away(world, origin):
    """As a driver that is started anew has it."""
    here = world()
    localizer = here.localizer()
    for row in range(60, 120):
        # Half of the way by the old count, half by the new.
        x = 10.0 * row if row < 90 else origin + 10.0 * (row - 90)
        answer = localizer.match(here.look(row, row * SECOND, noise=2.0),
                                 T_odom_base=Pose.from_xy_yaw(x, 0.0, 0.0))
        if row >= 80:
            assert answer.known
            assert here.row(answer) == row


@pytest.mark.parametrize('slope', [1e-3, 0.7, 100.0])
@pytest.mark.parametrize('threshold', [0.0, 100.0])
@pytest.mark.parametrize('bound', [1e-3, 100.0])
def test_the_largest_and_the_least_settings_give_probabilities(world, slope, threshold, bound):
    here = world(lengths=(60,))
    localizer = here.localizer(evidence_slope=slope, evidence_threshold=threshold,
                               largest_evidence=bound)
    for row in range(10):
        check(localizer.match(here.look(row, row * SECOND, noise=1.0)), localizer.settings)


def drives(here, n=40):
    """Return looks and odometry of a drive through the map."""
    odometry = [Pose.from_xy_yaw(9.0 * k, 0.1 * k, 0.01 * k) for k in range(n)]
    return [(here.look(50 + k, k * SECOND + 7, noise=1.5), odometry[k]) for k in range(n)]


@pytest.mark.parametrize('with_odometry', [True, False])
@pytest.mark.parametrize('stop', [0, 1, 20])
def test_a_restored_state_goes_on_as_if_nothing_had_been(world, tmp_path, stop, with_odometry):
    here = world(lengths=(150, 50))
    looks = [(look, pose if with_odometry else None) for look, pose in drives(here)]
    whole, first = here.localizer(), here.localizer()
    for look, pose in looks[:stop]:
        assert told(whole.match(look, T_odom_base=pose)) == told(
            first.match(look, T_odom_base=pose))
    first.state().write(tmp_path / 'state.npz')
    second = here.localizer()
    second.match(here.look(3, 5 * SECOND))  # what it knew before is forgotten
    second.restore(LocalizerState.read(tmp_path / 'state.npz'))
    for look, pose in looks[stop:]:
        assert told(second.match(look, T_odom_base=pose)) == told(
            whole.match(look, T_odom_base=pose))


def test_a_state_is_not_changed_by_what_comes_after(world):
    here = world()
    localizer = here.localizer()
    looks = drives(here)
    for look, pose in looks[:20]:
        localizer.match(look, T_odom_base=pose)
    state = localizer.state()
    wanted = [told(localizer.match(look, T_odom_base=pose)) for look, pose in looks[20:]]
    for _ in range(2):
        localizer.restore(state)
        assert [told(localizer.match(look, T_odom_base=pose))
                for look, pose in looks[20:]] == wanted


def test_a_state_at_the_edge_of_the_first_place_is_restored(world):
    here = world()
    localizer = here.localizer()
    localizer.match(here.look(0, 0))
    state = localizer.state()
    arrays = state.follower.arrays | {'x': np.full_like(state.follower.arrays['x'], -0.5)}
    follower = dataclasses.replace(state.follower, arrays=arrays)
    # Where a robot that comes back to the first place stands.
    localizer.restore(dataclasses.replace(state, follower=follower))
    assert here.row(localizer.match(here.look(0, SECOND))) == 0


@pytest.mark.parametrize('restored', [True, False])
def test_who_writes_into_a_state_does_not_write_into_the_localizer(world, restored):
    here = world()
    localizer, other = here.localizer(), here.localizer()
    looks = drives(here)
    for look, pose in looks[:20]:
        localizer.match(look, T_odom_base=pose)
        other.match(look, T_odom_base=pose)
    state = localizer.state()
    if restored:
        localizer.restore(state)
    for array in state.follower.arrays.values():
        array[...] = 0
    for look, pose in looks[20:]:
        assert told(localizer.match(look, T_odom_base=pose)) == told(
            other.match(look, T_odom_base=pose))


@pytest.mark.parametrize('wrong, message', [
    ({'map_id': 'other'}, 'this state is of map other, revision 7'),
    ({'map_revision': 8}, 'revision 8, and not of world, revision 7'),
    ({'kind': 'seqslam'}, "saved with the filter 'seqslam'")])
def test_a_state_of_something_else_is_refused_and_changes_nothing(world, wrong, message):
    here = world()
    localizer, other = here.localizer(), here.localizer()
    looks = drives(here)
    for look, _ in looks[:20]:
        assert told(localizer.match(look)) == told(other.match(look))
    state = localizer.state()
    if 'kind' in wrong:
        state = dataclasses.replace(
            state, follower=dataclasses.replace(state.follower, **wrong))
    else:
        state = dataclasses.replace(state, **wrong)
    with pytest.raises(VprError, match=message):
        localizer.restore(state)
    for look, _ in looks[20:]:
        assert told(localizer.match(look)) == told(other.match(look))


@pytest.mark.parametrize('changes', [
    {'x': np.array([1e9])}, {'x': np.array([np.nan])}, {'weight': np.array([np.nan])},
    {'weight': np.zeros(3)}, {'rest': np.zeros(2)}, {'descriptor': np.zeros(3, np.float32)},
    {'x': None}, {'rest': None}, {'weight': np.array(['much'])}, {'x': np.array(3.0)},
    {'pairs': np.array([-1])}, {'odometry': np.zeros(7)},
], ids=str)
def test_a_state_that_cannot_be_is_refused_and_changes_nothing(world, changes):
    here = world()
    localizer, other = here.localizer(), here.localizer()
    looks = drives(here)
    for look, _ in looks[:20]:
        assert told(localizer.match(look)) == told(other.match(look))
    state = localizer.state()
    arrays = dict(state.follower.arrays)
    for name, value in changes.items():
        if value is None:
            del arrays[name]
        elif value.shape == (1,):
            arrays[name] = np.repeat(value, len(arrays[name]))
        else:
            arrays[name] = value
    wrong = dataclasses.replace(
        state, follower=dataclasses.replace(state.follower, arrays=arrays))
    with pytest.raises(VprError):
        localizer.restore(wrong)
    for look, _ in looks[20:]:
        assert told(localizer.match(look)) == told(other.match(look))


def test_a_gap_of_a_thousand_seconds_is_not_bridged_to_a_wrong_place(world):
    here = world(lengths=(300, 300))
    localizer = here.localizer()
    for n, row in enumerate(range(100, 130)):
        answer = localizer.match(here.look(row, n * SECOND))
    assert answer.known
    answer = localizer.match(here.look_elsewhere(1029 * SECOND))
    assert not answer.known
    assert answer.probability < 0.3
    # One clear look says as much as a first one does.
    for n in range(4):
        answer = localizer.match(here.look(450 + n, (2029 + n) * SECOND, noise=1.0))
    assert answer.known
    assert here.row(answer) == 453


def test_in_a_large_map_nowhere_stays_unknown():
    """Of 20,000 random places the best fifty look good to anything."""
    rng = np.random.default_rng(0)
    n, dimension = 20_000, 64
    extractor = make_extractor(ExtractionSettings(
        network='thumbnail', options='{height: 8, width: 8}', device='cpu', threads=1))

    def directions(count):
        vectors = rng.standard_normal((count, dimension)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    snapshot = Snapshot(
        map_id='town', revision=1, network=extractor.identity, sessions=('s',),
        cameras=('front',), place_ids=np.arange(n) + 1, stamps_ns=np.arange(n) * SECOND,
        session_of=np.zeros(n, np.int64), poses=Poses.of((None,) * n), view_rows=np.arange(n),
        view_cameras=np.zeros(n, np.int64), descriptors=directions(n))
    localizer = Localizer(snapshot, extractor, MatchingSettings())
    nowhere = []
    for k, look in enumerate(directions(40)):
        answer = localizer.match(Description(k * SECOND, look))
        assert answer.decision is Decision.UNKNOWN
        nowhere.append(localizer._matcher._follower._filter.cells.nowhere)
    assert min(nowhere) > 0.5
    assert nowhere[-1] > 0.8
    # And whoever drives there is found.
    for k in range(10):
        row = 12_000 + k
        look = snapshot.descriptors[row] + 0.7 * directions(1)[0]
        answer = localizer.match(
            Description((40 + k) * SECOND, look / np.linalg.norm(look)))
    assert answer.known
    assert answer.candidates[0].place_id == 12_009 + 1


def test_from_frames(world, extractor):
    rng = np.random.default_rng(0)
    frames = [Frame(n * SECOND, rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), camera='left')
              for n in range(20)]
    here = world()
    localizer = here.localizer()
    description, answer = localizer.localize(frames[3])
    assert (description.descriptor == extractor.describe(frames[3]).descriptor).all()
    assert (answer.stamp_ns, answer.camera) == (3 * SECOND, 'left')
    assert answer.stage_times_ns['describe'] > 0
    assert told(answer) == told(here.localizer().match(description))


def test_on_a_railway_from_summer_to_winter(tmp_path, shared_data):
    from vpr_ros.datasets.registry import open_dataset

    railway = open_dataset('nordland_64x32', shared_data / 'benchmark')
    frames = 600
    network = make_extractor(ExtractionSettings(network='thumbnail', device='cpu', threads=1))
    summer, winter = railway.traverse('summer'), railway.traverse('winter')
    with PlaceMap.create(tmp_path / 'summer.vprmap', network.identity) as place_map:
        for _ in build_session(place_map, 'summer', (summer.frame(n) for n in range(frames)),
                               network, MapSettings(thumbnail_width_px=0), source='summer'):
            pass
        snapshot = place_map.snapshot()
    assert len(snapshot) == frames
    descriptions = [d for _, d in network.describe_all(winter.frame(n) for n in range(frames))]

    recall = {}
    for kind in ('none', 'forward'):
        localizer = Localizer(snapshot, network, MatchingSettings(filter=kind))
        right = 0
        for n, description in enumerate(descriptions):
            answer = localizer.match(description)
            right += abs(answer.candidates[0].stamp_ns - summer.stamps_ns[n]) <= 10 * SECOND
        recall[kind] = right / frames
    # Measured: 0.37 and 0.93.
    assert 0.25 < recall['none'] < 0.5
    assert recall['forward'] > 0.85


def test_a_fast_index_over_rounded_descriptors_gives_the_same_answers(world):
    here = world(lengths=(1500,))
    rounded = dataclasses.replace(
        here.snapshot, descriptors=here.snapshot.descriptors.astype(np.float16))
    views = Views.of(rounded)
    search = make_search(views, IndexSettings(kind='pq'), lambda: None)
    with LiveIndex(views, search, lambda *_: search) as index:
        exact = here.localizer()
        fast = Localizer(rounded, here.extractor, MatchingSettings(), index)
        for step in range(20):
            look = here.look(700 + step, step * SECOND, noise=0.7)
            one, other = exact.match(look), fast.match(look)
            check(other, fast.settings)
            assert here.row(one) == here.row(other)
            assert one.decision is other.decision
            assert one.probability == pytest.approx(other.probability, abs=0.02)


def test_the_gate_finds_a_kidnapped_robot_sooner(world):
    """What the frames before did not foresee makes the robot expected elsewhere."""
    waits = {True: 0, False: 0}
    for seed in range(5):
        for gate in waits:
            here = world(lengths=(800,), seed=seed)
            localizer = here.localizer(gate=gate, motion='time')
            rows = [*range(50, 90), *range(250, 290)]
            answers = [localizer.match(here.look(row, n * SECOND, noise=2.2))
                       for n, row in enumerate(rows)]
            right = [abs(here.row(a) - row) <= 1 for a, row in zip(answers, rows, strict=True)]
            assert right[39]
            waits[gate] += right[40:].index(True)
    assert waits[True] < waits[False]


def test_a_network_of_sequences_follows_a_robot_in_the_same_localizer():
    """A sliding window of SeqVLAD; the map says how much of each of its frames is news."""
    network = make_extractor(ExtractionSettings(
        network='seqvlad', device='cpu', threads=1, sequence_length=3,
        options='{weights: random, trunk: resnet18, clusters: 2, height: 64, width: 96}'))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 8, 12, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    frames = [Frame(n * SECOND, image) for n, image in enumerate(images)]
    described = [d for _, d in network.describe_all(frames)]
    n = len(frames)
    snapshot = Snapshot(
        map_id='sequences', revision=1, network=network.identity, sessions=('s',),
        cameras=('front',), place_ids=np.arange(n) + 1, stamps_ns=np.arange(n) * SECOND,
        session_of=np.zeros(n, np.int64), poses=Poses.of([None] * n), view_rows=np.arange(n),
        view_cameras=np.zeros(n, np.int64),
        descriptors=np.stack([d.descriptor for d in described]))
    network.restart()
    localizer = Localizer(snapshot, network, MatchingSettings())
    best = [localizer.localize(frame)[1].candidates[0].place_id - 1 for frame in frames[8:]]
    # The window holds frames of the run alone: after three of them it is that of the map.
    assert best[2:] == list(range(10, n))


THUMBNAIL = ExtractionSettings(network='thumbnail', options='{height: 8, width: 8}', device='cpu',
                               threads=1)


def noise_frame(n):
    return Frame((n + 1) * SECOND, np.random.default_rng(n).integers(
        0, 256, (8, 8, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1))


@pytest.fixture
def noise_map(tmp_path, extractor):
    """Return a map file of twenty images that nobody has calibrated."""
    path = tmp_path / 'noise.vprmap'
    with PlaceMap.create(path, extractor.identity) as place_map:
        for _ in build_session(place_map, 's', map(noise_frame, range(20)), extractor,
                               MapSettings(thumbnail_width_px=0), source=''):
            pass
    return path


def test_what_a_map_has_learnt_is_used_and_told(noise_map):
    frame = noise_frame(7)
    _, before = open_localizer(noise_map, THUMBNAIL, MatchingSettings()).localize(frame)
    assert before.probability_source == 'default'
    learnt = Calibration('map', '', GeometryEvidence(slope=1.0), {'images': Logistic(-1.5, 0.5)})
    with PlaceMap.open(noise_map, writeable=True) as place_map:
        place_map.set_calibration(learnt.to_json())
    for name, source in (('forward', 'map'), ('none', 'default')):
        localizer = open_localizer(noise_map, THUMBNAIL, MatchingSettings(filter=name))
        _, answer = localizer.localize(frame)
        assert answer.probability_source == source
        assert answer.candidates[0].place_id == before.candidates[0].place_id
        wanted = learnt.modes['images'].probability(before.probability, 0.0)
        assert (answer.probability == pytest.approx(wanted)) == (source == 'map')


@pytest.mark.skipif(not Path('/proc/self/fd').exists(), reason='needs the list of open files')
def test_the_file_of_the_map_is_open_until_close(tmp_path):
    orb = ExtractionSettings(network='thumbnail', local_features='orb', device='cpu', threads=1)
    extractor = make_extractor(orb)
    with PlaceMap.create(tmp_path / 'orb.vprmap', extractor.identity) as place_map:
        frames = [noise_frame(n) for n in range(12)]
        assert list(build_session(place_map, 'a', frames, extractor, MapSettings(), source='test'))

    def is_open():
        return any(file.exists() and file.resolve().parent == tmp_path.resolve()
                   for file in Path('/proc/self/fd').iterdir())

    with open_localizer(tmp_path / 'orb.vprmap', orb, MatchingSettings()) as localizer:
        assert 'geometry' in localizer.localize(noise_frame(7))[1].stage_times_ns
        assert is_open()
    # Not when some collector of garbage comes by: who replaces a map waits for that in vain.
    assert not is_open()


@pytest.mark.parametrize('text', ['{', '{"format": 9}', '{"format": 1, "modes": []}'])
def test_a_damaged_calibration_is_told(noise_map, text):
    with PlaceMap.open(noise_map, writeable=True) as place_map:
        place_map.set_calibration(text)
    with pytest.raises(VprError, match='a calibration cannot be read .* map calibrate"'):
        open_localizer(noise_map, THUMBNAIL, MatchingSettings())


def test_a_moment_of_several_cameras_is_one_answer(world, extractor):
    here = world(cameras=('front', 'rear'))
    frames = [dataclasses.replace(noise_frame(n), stamp_ns=9, camera=camera, T_odom_base=pose)
              for n, (camera, pose) in enumerate([('left', Pose.from_xy_yaw(1.0, 2.0, 0.0)),
                                                  ('right', None)])]
    localizer = here.localizer()
    descriptions, answer = localizer.localize_moment(frames)
    assert [d.camera for d in descriptions] == ['left', 'right']
    for description, frame in zip(descriptions, frames, strict=True):
        alone, = extractor.describe_batch([frame])
        assert description.descriptor == pytest.approx(alone.descriptor, abs=1e-6)
    assert (answer.camera, answer.stamp_ns) == ('left', 9)
    assert 'describe' in answer.stage_times_ns
    other = here.localizer().match(*descriptions, T_odom_base=frames[0].T_odom_base)
    assert told(other) == told(answer)
