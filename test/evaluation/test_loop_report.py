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

"""The report of loop closures as people get it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.evaluation.loop_report import relative_text
from vpr_ros.evaluation.loop_report import render_loop_report
from vpr_ros.evaluation.loop_report import write_loop_report
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.run import Provenance
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose


def text_of(page):
    body = re.sub(r'<style>.*?</style>', '', page, flags=re.S)
    return re.sub(r'\s+', ' ', re.sub(r'<[^>]+>', ' ', body))


def test_the_page_says_what_was_found(make_loops):
    curve = precision_recall([0.0, 0.1, 0.9, 0.8, 0.7, 0.2],
                             [False, False, True, True, False, False],
                             [False, False, True, True, True, True])
    text = text_of(render_loop_report(make_loops(curve=curve)))
    for words in (
            'Loops of a square', '8 keyframes of town made 3 loop closures.',
            '2 of them are right and 1 is wrong.',
            '2 of the 4 keyframes at which the robot had been before were recognised.',
            'of 80 images, in 7 min', 'back to 4 min to 6 min before', 'Right 66.7 %',
            '2 of 3, 1 wrong', 'Found 50.0 %', 'Found without a mistake 50.0 %',
            'where odometry had the robot', 'A closure needs 0.5 or more. Calibrated by: network.',
            'recall 0.500, precision 0.667', '2 of 4 (50.0 %), at probability 0.800 or more',
            'Keyframes 6 and 0', 'wrong closure · 6 min apart', 'probability 0.700',
            'inliers 36', '1.5 m ahead, 0.5 m to the right, turned 11° left', 'Left out 30 s',
            'loop-uuid', 'within 10 m', 'Random seed 4', 'vpr_ros loops --bag a.mcap',
            'All 3 closures', '43.1 m', 'keyframe, in order of time'):
        assert words in text, words


def test_the_page_is_whole_and_loads_nothing(make_loops):
    page = render_loop_report(make_loops())
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    addresses = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert all(a.startswith('data:image/') or a[1:] in ids for a in addresses)
    bare = re.sub(r'data:image/[a-z]+;base64,[A-Za-z0-9+/=]+', '', page)
    assert not re.search(r'(https?:)?//[a-z]|@import|<script', bare)
    charts = re.findall(r'<svg class="chart.*?</svg>(?=</div>|<figcaption)', page, flags=re.S)
    assert len(charts) == 3
    for chart in charts:
        ElementTree.fromstring(chart)
    assert page.count('<article') == 3
    assert page.count('<article class="example wrong"') == 1


def test_without_truth_the_page_claims_nothing_about_right_and_wrong(make_loops):
    page = render_loop_report(make_loops(correct=None, revisits=None))
    text = text_of(page)
    assert 'Nothing says which are right, because this session has no ground truth.' in text
    for words in ('wrong', 'Right 6', 'Found', 'Precision', 'right closure'):
        assert words not in text.replace('a right closure stands upright', ''), words
    assert 'class="closure wrong' not in page


def test_what_is_not_known_is_not_shown(make_loops):
    text = text_of(render_loop_report(make_loops(
        positions=None, probabilities=None, pictures=False, images=0, settings=())))
    for words in ('Path', 'Probability over time', 'Examples', 'images'):
        assert words not in text, words
    nowhere = np.full(8, np.nan)
    assert 'over time' not in text_of(render_loop_report(make_loops(probabilities=nowhere)))


def test_positions_that_are_not_known_are_counted(make_loops):
    positions = make_loops().positions.copy()
    positions[0] = np.nan
    text = text_of(render_loop_report(make_loops(positions=positions)))
    assert '1 keyframe was left out: where it was is not known.' in text


def test_sessions_without_closures_and_without_keyframes(make_loops):
    none = text_of(render_loop_report(make_loops(closures=(), correct=[], pictures=False)))
    assert 'made 0 loop closures. 0 of the 4 keyframes' in none
    assert 'All 0' not in none
    new = text_of(render_loop_report(make_loops(
        closures=(), correct=[], revisits=np.zeros(8, bool), pictures=False)))
    assert 'The robot came to no place twice.' in new
    empty = text_of(render_loop_report(make_loops(
        place_ids=[], stamps_ns=[], positions=np.zeros((0, 2)), probabilities=[], closures=(),
        correct=None, revisits=None, pictures=False)))
    assert '0 keyframes of town made 0 loop closures.' in empty


def test_relative_poses_are_told_as_far_as_they_are_known():
    pose = Pose.from_xy_yaw(-2.0, 0.25, -0.5)
    assert relative_text(RelativePose(pose, True, True)) == \
        '2.0 m behind, 0.2 m to the left, turned 29° right'
    assert relative_text(RelativePose(pose, True, False)) == 'turned 29° right'
    assert relative_text(RelativePose(pose, False, False)) == 'not known'


def test_hostile_text_stays_text(make_loops):
    hostile = '"><script>alert(1)</script></style>'
    page = render_loop_report(make_loops(
        title=hostile, session=hostile, network=hostile, positions_from=hostile,
        right_means=hostile, settings=((hostile, hostile),),
        provenance=Provenance(hostile, hostile)))
    assert '<script' not in page
    assert page.count('</style>') == 1


def test_the_file_appears_whole(make_loops, tmp_path):
    path = write_loop_report(make_loops(), str(tmp_path / 'loops.html'))
    assert path.read_text(encoding='utf-8') == render_loop_report(make_loops())
    assert [p.name for p in tmp_path.iterdir()] == ['loops.html']


@pytest.mark.parametrize('step', [1, 30])
def test_a_long_session_stays_small(make_loops, closure, step):
    keyframes = 6000
    turns = np.linspace(0, 20 * np.pi, keyframes)
    closures = tuple(closure(k, k - 700) for k in range(700, keyframes, step))
    page = render_loop_report(make_loops(
        place_ids=100 + np.arange(keyframes), stamps_ns=np.arange(keyframes) * 60 * 10**9,
        positions=np.stack([500 * np.cos(turns), 400 * np.sin(turns)], axis=1),
        probabilities=np.full(keyframes, 0.5), closures=closures,
        correct=np.ones(len(closures), bool), revisits=np.ones(keyframes, bool),
        pictures=False))
    assert len(page) < 2_000_000
    # The table of all closures would be too long.
    assert ('<details' in page) == (step > 1)
