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

"""A closer look at the likeliest places."""

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import math

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.verifier import Verification
from vpr_ros.matching.geometry.verifier import verify
from vpr_ros.matching.hypotheses import Hypothesis
from vpr_ros.matching.support import Support
from vpr_ros.matching.verification import Check
from vpr_ros.matching.verification import reweighed
from vpr_ros.matching.verification import Verifier
from vpr_ros.matching.verification import View
from vpr_ros.types import Camera
from vpr_ros.types import Description

EVIDENCE = GeometryEvidence(slope=2.0, midpoint=0.5, bound=3.0)


def verifier(here, seen, evidence=EVIDENCE, *, most=3, compare=verify):
    return Verifier(here.snapshot, seen, evidence, GeometrySettings(), radius_m=5.0, frames=2,
                    most=most, compare=compare)


def look(here, seen, row, camera='front', **options):
    """Describe a place, with what is seen of it point by point."""
    camera_number = here.snapshot.cameras.index(camera)
    return replace(here.look(row, 0, camera=camera_number), camera=camera,
                   local_features=seen.seen(row, camera, **options))


def without_features(here, row):
    return here.look(row, 0)


@dataclass
class Counted:
    """Compares two images by a table: inliers of each place."""

    inliers: dict
    sights: object
    usual: int = 4
    compared: list = field(default_factory=list)

    def __call__(self, match, query, settings):
        self.compared.append((match, query))
        row = self.sights.asked[-1]
        return Verification(40, self.inliers.get(row, self.usual), 'similarity')


def test_the_images_of_a_place_and_a_moment_that_look_most_alike(world):
    here = world(lengths=(20,), cameras=('front', 'rear'))
    rng = np.random.default_rng(0)
    for row in range(20):
        queries = [Description(0, here.snapshot.descriptors[rng.integers(40)]
                               + 0.3 * rng.standard_normal(64).astype(np.float32))
                   for _ in range(3)]
        best = (-np.inf, 0, 0)
        for number, query in enumerate(queries):
            for view in here.snapshot.views_of(row):
                product = float(here.snapshot.descriptors[view] @ query.descriptor)
                best = max(best, (product, number, int(view)))
        found = View.of(here.snapshot, row, queries)
        assert (found.similarity, found.query, found.view) == (
            pytest.approx(best[0], abs=1e-6), best[1], best[2])


def test_a_right_place_is_told_from_wrong_ones(world, sights):
    here = world(lengths=(100,))
    seen = sights(here)
    support = Support()
    alike = np.arange(100)
    for row in (20, 40, 60):
        found = [Hypothesis(row + 30, 0.5), Hypothesis(row, 0.3)]
        checks = verifier(here, seen).check(
            [look(here, seen, row)], {}, found, alike, support)
        assert [check.hypothesis for check in checks] == found
        wrong, right = checks
        assert right.verification.inliers > 25
        assert wrong.verification.inliers < 10
        assert right.log_ratio == EVIDENCE.log_ratio(
            right.verification.inliers, support.usual) == 3.0
        assert wrong.log_ratio < 0.0
    assert support.looks == 3
    assert support.usual < math.log(10.0)


@pytest.mark.parametrize('posed', [True, False])
def test_what_is_compared_with_is_far_from_every_hypothesis(world, sights, posed):
    here = world(lengths=(100,), posed=posed)
    rng = np.random.default_rng(1)
    reach = 4 if posed else 16  # 40 m, 10 m apart
    for _ in range(30):
        seen = sights(here, count=2)
        found = [Hypothesis(int(row), 0.3) for row in rng.choice(100, 3, replace=False)]
        alike = rng.permutation(100)[:60]
        verifier(here, seen).check([look(here, seen, 0)], {}, found, alike, Support())
        *looked_at, control = seen.asked
        assert looked_at == [h.row for h in found]
        far = [row for row in alike if all(abs(row - h.row) > reach for h in found)]
        # Not the most alike, which may be the same street.
        assert control == far[min(10, len(far) - 1)]


def test_less_likely_hypotheses_are_not_worth_the_time(world, sights):
    here = world(lengths=(200,))
    seen = sights(here, count=2)
    found = [Hypothesis(row, p) for row, p in [(10, 0.4), (50, 0.3), (90, 0.1), (130, 0.019)]]
    for most, wanted in [(2, [10, 50]), (3, [10, 50, 90]), (4, [10, 50, 90])]:
        seen.asked.clear()
        checks = verifier(here, seen, most=most).check(
            [look(here, seen, 10)], {}, found, np.arange(200), Support())
        assert [check.hypothesis.row for check in checks] == wanted
        # That it might be where nobody looks is no reason to call it wrong.
        assert abs(seen.asked[-1] - 130) > 4


def test_a_slope_of_nothing_tells_how_the_robot_stands_and_no_more(world, sights):
    here = world(lengths=(60,))
    seen = sights(here)
    support = Support()
    check, = verifier(here, seen, GeometryEvidence(slope=0.0)).check(
        [look(here, seen, 10)], {}, [Hypothesis(10, 0.6), Hypothesis(50, 0.3)], np.arange(60),
        support)
    assert (check.hypothesis.row, check.log_ratio) == (10, 0.0)
    assert check.verification.inliers > 0
    assert seen.asked == [10]
    assert support == Support()


def test_what_has_no_features_is_not_verified(world, sights):
    here = world(lengths=(60,))
    seen = sights(here, count=5)
    found = [Hypothesis(10, 0.5), Hypothesis(30, 0.4)]
    assert verifier(here, seen).check(
        [without_features(here, 10)], {}, found, np.arange(60), Support()) == ()
    seen.forget(10)
    checks = verifier(here, seen).check(
        [look(here, seen, 30)], {}, found, np.arange(60), Support())
    assert [check.hypothesis.row for check in checks] == [30]


def test_before_anything_is_known_of_wrong_places_inliers_are_worth_nothing(world, sights):
    here = world(lengths=(8,))  # a street, all of which is near
    seen = sights(here)
    support = Support()
    unsure, = verifier(here, seen).check([look(here, seen, 3)], {}, [Hypothesis(3, 0.9)],
                                         np.arange(3, 5), support)
    assert unsure.log_ratio == 0.0
    # But what agrees is known: a small map has relative poses too.
    assert unsure.verification.inliers > 25
    assert support == Support()
    support.learn_usual(1.0)
    check, = verifier(here, seen).check([look(here, seen, 3)], {}, [Hypothesis(3, 0.9)],
                                        np.arange(3, 5), support)
    assert check.log_ratio == 3.0


def test_it_declines_where_certain_answers_get_no_more_than_usual(world, sights):
    here = world(lengths=(100,))
    seen = sights(here, count=2)
    support = Support()
    compare = Counted({}, seen)
    told = []
    for row in range(10, 40):
        check, = verifier(here, seen, compare=compare).check(
            [look(here, seen, row)], {}, [Hypothesis(row, 0.95)], np.arange(100), support)
        told.append(check.log_ratio)
    # As many inliers as wrong places have: against the place, until that is seen to be the light.
    assert -1.0 < told[0] < -0.8
    assert all(before <= after for before, after in zip(told, told[1:], strict=False))
    assert told[24] < 0.0
    assert told[25:] == [0.0] * 5
    # The light comes back.
    compare.inliers = dict.fromkeys(range(40, 70), 30)
    for row in range(40, 70):
        check, = verifier(here, seen, compare=compare).check(
            [look(here, seen, row)], {}, [Hypothesis(row, 0.95)], np.arange(100), support)
    assert check.log_ratio == EVIDENCE.log_ratio(30, math.log(5.0)) == pytest.approx(2.64, abs=.01)


def test_a_place_that_cannot_be_read_is_told_once_and_not_verified(world, sights, caplog):
    here = world(lengths=(100,))
    seen = sights(here)
    whole = seen.features

    def damaged(place_id, camera):
        if here.snapshot.place_ids[20] == place_id:
            raise VprError('local features of the map cannot be read')
        return whole(place_id, camera)

    seen.features = damaged
    one = verifier(here, seen)
    found = [Hypothesis(20, 0.5), Hypothesis(60, 0.4)]
    for _ in range(3):
        checks = one.check([look(here, seen, 60)], {}, found, np.arange(100), Support())
        assert [check.hypothesis.row for check in checks] == [60]
    message, = caplog.messages
    assert message == (f'place {here.snapshot.place_ids[20]} is not verified: local features of '
                       'the map cannot be read')


def test_each_image_is_compared_with_its_calibration(world, sights):
    here = world(lengths=(40, 40), cameras=('front', 'rear'))
    mapped = {(session, camera): Camera(f'{session} {camera}', 640, 480, np.eye(3))
              for session in ('s0', 's1') for camera in ('front', 'rear')}
    seen = sights(here, count=2, calibrations=mapped)
    now = {'left': Camera('left', 640, 480, np.eye(3))}
    compare = Counted({}, seen)
    query = replace(look(here, seen, 50, 'rear'), camera='left')
    other = replace(without_features(here, 5), camera='right')
    verifier(here, seen, compare=compare).check(
        [other, query], now, [Hypothesis(50, 0.9)], np.arange(20), Support())
    (match, asked), (elsewhere, _) = compare.compared[0], compare.compared[-1]
    # Who comes back the other way: the left camera saw what the rear one did.
    assert match.camera is mapped['s1', 'rear']
    assert asked.camera is now['left']
    assert asked.features is query.local_features
    assert len(compare.compared) == 1 or elsewhere.camera.name.startswith('s0')


def check(row, ratio):
    return Check(Hypothesis(row, 0.0), Verification(0, 0, 'none'), ratio)


def test_what_speaks_for_one_speaks_against_all_others():
    found = [Hypothesis(1, 0.4), Hypothesis(2, 0.3), Hypothesis(3, 0.1)]
    after = reweighed(found, [check(2, 2.0), check(1, -1.0)])
    total = 0.4 * math.exp(-1.0) + 0.3 * math.exp(2.0) + 0.1 + 0.2
    assert [h.row for h in after] == [2, 1, 3]
    assert [h.probability for h in after] == pytest.approx(
        [0.3 * math.exp(2.0) / total, 0.4 * math.exp(-1.0) / total, 0.1 / total])


def test_whatever_is_checked_the_rest_is_what_is_left():
    rng = np.random.default_rng(2)
    for _ in range(200):
        count = int(rng.integers(0, 6))
        p = rng.dirichlet(np.full(count + 1, 0.3))[:count] * rng.choice([1.0, 0.5])
        found = [Hypothesis(row, float(each)) for row, each in enumerate(p)]
        checks = [check(row, float(rng.uniform(-4, 4))) for row in range(count)
                  if rng.random() < 0.5]
        after = reweighed(found, checks)
        likely = [h.probability for h in after]
        assert likely == sorted(likely, reverse=True)
        assert sum(likely) <= 1.0 + 1e-9
        assert all(0.0 <= each <= 1.0 for each in likely)
        assert {h.row for h in after} == set(range(count))
        # Odds between two that nobody looked at stay.
        looked_at = {c.hypothesis.row for c in checks}
        left = {h.row: h.probability for h in after if h.row not in looked_at and p[h.row] > 1e-9}
        for a in left:
            for b in left:
                assert left[a] * p[b] == pytest.approx(left[b] * p[a])


def test_without_checks_nothing_changes():
    found = [Hypothesis(1, 0.5), Hypothesis(2, 0.25)]
    assert reweighed(found, []) == found
