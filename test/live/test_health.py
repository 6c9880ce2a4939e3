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

"""Diagnostics over a clock that the test sets."""

from collections import Counter
from itertools import pairwise

import pytest
from vpr_ros.live.health import Health
from vpr_ros.live.health import Level
from vpr_ros.live.health import Status

MS = 1_000_000


class Clock:

    def __init__(self) -> None:
        self.now_s = 1000.25

    def __call__(self) -> float:
        return self.now_s


class Robot:
    """A host that listens to a camera and to odometry."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.health = Health(clock=self.clock)
        self.publishers = Counter({'/front/image': 1, '/odom': 1})
        self.warnings: list[str] = []
        self.health.listen('image front', '/front/image', 'sensor_msgs/msg/Image',
                           parameter='cameras')
        self.health.listen('odometry', '/odom', 'Odometry')

    def drive(self, seconds: float, *, image_hz: float = 0.0, odometry_hz: float = 0.0) -> None:
        """Let time go by in steps of 5 ms; silence is looked for once a second, as nodes do."""
        began = self.clock.now_s
        for step in range(1, round(seconds * 200) + 1):
            self.clock.now_s = began + step / 200
            for name, rate in (('image front', image_hz), ('odometry', odometry_hz)):
                if rate and step % round(200 / rate) == 0:
                    self.health.heard(name)
            if step % 200 == 0:
                self.warnings += self.health.silence(5.0, self.publishers.__getitem__)

    def told(self, **values: object) -> dict[str, Status]:
        statuses = self.health.statuses(**{
            'dropped': 0, 'state': 'active', 'facts': {}, 'problems': [], **values})
        return {status.name: status for status in statuses}


@pytest.fixture
def robot() -> Robot:
    return Robot()


def test_each_input_has_a_status_and_the_work_one_after_them(robot):
    assert list(robot.told()) == [
        'input image front', 'input odometry', 'localization']
    mapper = Health(task='mapping', clock=robot.clock)
    status, = mapper.statuses(dropped=0, state='active', facts={}, problems=[])
    assert status.name == 'mapping'


@pytest.mark.parametrize('seconds', [3.0, 9.7, 40.0])
def test_rates_are_of_the_last_ten_seconds(robot, seconds):
    robot.drive(seconds, image_hz=20, odometry_hz=200)
    told = robot.told()
    assert float(told['input image front'].values['rate (Hz)']) == pytest.approx(20, rel=.02)
    assert float(told['input odometry'].values['rate (Hz)']) == pytest.approx(200, rel=.02)
    assert told['input odometry'].message.endswith(' Hz on /odom')
    assert told['input odometry'].values['received'] == str(round(seconds * 200))
    robot.drive(10.0, odometry_hz=200)
    assert robot.told()['input image front'].values['rate (Hz)'] == '0'


def test_a_rate_falls_when_images_come_less_often(robot):
    robot.drive(20.0, image_hz=20)
    rates = []
    for _ in range(12):
        robot.drive(1.0, image_hz=2)
        rates.append(float(robot.told()['input image front'].values['rate (Hz)']))
    assert all(after < before or after == rates[-1] for before, after in pairwise(rates))
    assert rates[-1] == pytest.approx(2, rel=.1)


def test_one_message_after_a_moment_is_no_high_rate(robot):
    robot.clock.now_s += 0.001
    robot.health.heard('odometry')
    assert robot.told()['input odometry'].values['rate (Hz)'] == '1'


def test_what_is_kept_does_not_grow_with_the_rate(robot):
    robot.drive(30.0, odometry_hz=200)
    assert len(robot.health._inputs['odometry'].rate._seconds) == 10


def test_silence_is_warned_of_once_and_again_after_it_was_broken(robot):
    robot.drive(20.0, odometry_hz=50)
    assert robot.warnings == [
        'no image on /front/image for 5 s; 1 publishes it: is it Image, and is their QoS '
        'compatible?']
    robot.health.heard('image front')
    robot.publishers['/front/image'] = 0
    robot.drive(20.0)
    assert robot.warnings[1:] == [
        'no image on /front/image for 5 s; nobody publishes it: set the parameter cameras',
        'no odometry on /odom for 5 s; 1 publishes it: is it Odometry, and is their QoS '
        'compatible?']


def test_a_compressed_twin_that_is_published_is_named(robot):
    robot.publishers['/front/image'] = 0
    robot.publishers['/front/image/compressed'] = 1
    robot.drive(7.0, odometry_hz=50)
    assert robot.warnings == [
        'no image on /front/image for 5 s; nobody publishes it, but /front/image/compressed: set '
        'the parameter compressed']


def test_the_parameter_is_the_first_word_of_a_name_unless_another_is_named(robot):
    robot.health.listen('pose', '/pose', 'Odometry')
    robot.publishers['/pose'] = 0
    robot.drive(5.0, image_hz=20, odometry_hz=20)
    assert robot.warnings == [
        'no pose on /pose for 5 s; nobody publishes it: set the parameter pose']


def test_silence_shows_how_long_it_has_lasted(robot):
    robot.drive(2.0, image_hz=20)
    robot.drive(8.0, odometry_hz=50)
    told = robot.told()
    silent = told['input image front']
    assert silent.level is Level.WARN
    assert silent.message.startswith('no image on /front/image for 8 s; 1 publishes it')
    assert float(silent.values['since the last (s)']) == pytest.approx(8.0)
    assert silent.values['publishers'] == '1'
    assert told['input odometry'].level is Level.OK
    assert told['localization'].level is Level.WARN
    assert told['localization'].message == silent.message
    robot.drive(0.5, image_hz=20)
    assert {status.level for status in robot.told().values()} == {Level.OK}


def test_what_is_not_needed_may_be_silent(robot):
    robot.health.listen('camera_info front', '/front/camera_info', 'CameraInfo', needed=False)
    robot.publishers['/front/camera_info'] = 0
    robot.drive(60.0, image_hz=20, odometry_hz=20)
    assert robot.warnings == []
    status = robot.told()['input camera_info front']
    assert (status.level, status.message) == (Level.OK, 'nothing yet on /front/camera_info')
    assert status.values['publishers'] == '0'


def test_a_shorter_silence_may_be_asked_for(robot):
    robot.drive(2.0)
    assert robot.health.silence(3.0, robot.publishers.__getitem__) == []
    assert len(robot.health.silence(1.0, robot.publishers.__getitem__)) == 2


def test_messages_that_cannot_be_used_are_counted_with_the_reason(robot):
    robot.drive(1.0, image_hz=20, odometry_hz=20)
    robot.health.left_out('odometry', 'first reason')
    robot.health.left_out('odometry', 'a quaternion of zeros')
    status = robot.told()['input odometry']
    assert status.level is Level.WARN
    assert status.message == ('2 messages of the last 10 s were left out, the last because: a '
                              'quaternion of zeros')
    assert status.values['left out'] == '2'
    robot.drive(11.0, image_hz=20, odometry_hz=20)
    status = robot.told()['input odometry']
    assert status.level is Level.OK
    assert status.values['left out'] == '2'
    assert status.values['last left out because'] == 'a quaternion of zeros'


def test_a_publisher_that_does_not_fit_is_named_until_another_is_heard(robot):
    robot.health.incompatible('odometry', 'RELIABILITY')
    status = robot.told()['input odometry']
    assert status.level is Level.WARN
    assert 'its QoS differs in RELIABILITY' in status.message
    robot.drive(6.0, image_hz=20)
    assert robot.warnings == [
        'no odometry on /odom for 5 s; 1 publishes it: is it Odometry, and is their QoS '
        'compatible? '
        'A publisher does not fit: RELIABILITY']
    robot.publishers['/odom'] = 0
    robot.drive(1.0, image_hz=20)
    assert robot.told()['input odometry'].message == (
        'no odometry on /odom for 7 s; nobody publishes it: set the parameter odometry')
    robot.drive(1.0, image_hz=20, odometry_hz=20)
    status = robot.told()['input odometry']
    assert status.level is Level.OK
    assert status.values['QoS of a publisher that does not fit'] == 'RELIABILITY'


def test_stages_and_ages_are_told_in_milliseconds(robot):
    robot.health.worked({'describe': 90 * MS}, age_ns=1000 * MS)
    robot.drive(20.0, image_hz=20, odometry_hz=20)
    for describe, search in ((10, 1), (20, 2), (30, 6)):
        robot.health.worked({'describe': describe * MS, 'search': search * MS},
                            age_ns=(describe + search) * MS)
        robot.health.known(describe > 10)
    robot.health.outcome('unknown place: nothing looks like it')
    status = robot.told(dropped=7, facts={'map': 'town.vprmap'})['localization']
    assert status.level is Level.OK
    assert status.message == 'unknown place: nothing looks like it'
    assert dict(status.values) == {
        'state': 'active', 'answers': '4', 'answers (Hz)': status.values['answers (Hz)'],
        'dropped': '7', 'age mean (ms)': '23', 'age max (ms)': '36', 'describe mean (ms)': '20',
        'describe max (ms)': '30', 'search mean (ms)': '3', 'search max (ms)': '6',
        'known (%)': '66.67', 'last answer': 'unknown place: nothing looks like it',
        'map': 'town.vprmap'}
    assert float(status.values['answers (Hz)']) == pytest.approx(0.3, abs=0.05)


def test_nothing_answered_is_said(robot):
    status = robot.told()['localization']
    assert (status.level, status.message) == (Level.OK, 'nothing has been answered yet')


@pytest.mark.parametrize('state', ['paused', 'inactive'])
def test_who_rests_is_told_so_and_has_no_fault(robot, state):
    robot.drive(30.0)
    for status in robot.told(state=state).values():
        assert (status.level, status.message) == (Level.OK, state)
    assert robot.told(state=state)['input odometry'].values['received'] == '0'


def test_problems_are_told_in_any_state_and_before_silence(robot):
    robot.drive(6.0, odometry_hz=20)
    wrong = ['camera front has no calibration', 'no pose has been certain enough']
    status = robot.told(problems=wrong)['localization']
    assert status.level is Level.WARN
    assert status.message.startswith('; '.join(wrong) + '; no image on /front/image')
    rests = robot.told(problems=wrong, state='inactive')['localization']
    assert (rests.level, rests.message) == (Level.WARN, '; '.join(wrong))


def test_inputs_are_watched_anew_or_no_more(robot):
    robot.drive(20.0)
    robot.health.listen('odometry', '/odom', 'Odometry')
    robot.drive(4.0, image_hz=20)
    assert len(robot.warnings) == 2
    assert robot.told()['input odometry'].level is Level.OK
    robot.health.forget_inputs()
    assert list(robot.told()) == ['localization']
    assert robot.health.silence(1.0, robot.publishers.__getitem__) == []


def test_levels_are_those_of_diagnostics():
    assert [int(level) for level in Level] == [0, 1, 2, 3]
    assert [level.name for level in Level] == ['OK', 'WARN', 'ERROR', 'STALE']
