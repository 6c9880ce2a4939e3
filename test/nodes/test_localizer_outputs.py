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

"""What the node says, on a real ROS 2: skipped where there is none."""

import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no ROS 2 is sourced')
pytest.importorskip('vpr_msgs.msg', reason='vpr_msgs is not built and sourced')

from rclpy.qos import DurabilityPolicy  # noqa: E402, I100
from rclpy.qos import QoSProfile  # noqa: E402
from rclpy.qos import ReliabilityPolicy  # noqa: E402
from vpr_msgs.msg import PlaceMatch  # noqa: E402
from vpr_ros.maps.datum import Datum  # noqa: E402
from vpr_ros.messages.geometry import odometry_message  # noqa: E402
from vpr_ros.messages.geometry import pose_from_transform  # noqa: E402
from vpr_ros.messages.geometry import StampedPose  # noqa: E402
from vpr_ros.messages.geometry import tf_message  # noqa: E402
from vpr_ros.messages.images import image_message  # noqa: E402
from vpr_ros.messages.sensors import camera_info_message  # noqa: E402
from vpr_ros.types import Camera  # noqa: E402
from vpr_ros.types import Pose  # noqa: E402

SECOND = 10 ** 9
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def subscribe(robot, kind, topic, qos=10):
    heard = []
    robot.node.create_subscription(kind, topic, heard.append, qos)
    return heard


def test_a_map_that_lies_on_earth_gives_fixes(robot, start, make_map, tmp_path):
    path = make_map(tmp_path / 'earth.vprmap', datum=Datum(51.75, -1.25, 100.0))
    start(map=path, image='/camera/image_raw')
    robot.drive(list(range(5, 12)), first_ns=100 * SECOND)
    robot.wait(lambda: [f for f in robot.heard['fix'] if f.header.stamp.sec == 106], 'a fix')
    fix = robot.heard['fix'][-1]
    assert fix.latitude == pytest.approx(51.75, abs=1e-6)
    # 110 m east of the datum, at that latitude.
    assert fix.longitude == pytest.approx(-1.25 + 110.0 / 68_985.0, abs=2e-6)
    assert fix.position_covariance[0] > 0.0


def test_markers_and_attention_are_made_for_those_who_look(robot, start, map_path):
    from sensor_msgs.msg import Image
    from visualization_msgs.msg import MarkerArray

    start(map=map_path, image='/camera/image_raw')
    robot.drive([5, 6, 7], first_ns=100 * SECOND)
    markers = subscribe(robot, MarkerArray, 'localizer/markers')
    pictures = subscribe(robot, Image, 'localizer/attention')
    robot.spin(1.0)
    robot.drive([8, 9, 10], first_ns=103 * SECOND)
    robot.wait(lambda: len(markers) > 0, 'markers')
    assert {m.header.frame_id for a in markers for m in a.markers} <= {'map', ''}
    assert any(m.text for m in markers[-1].markers)
    # The thumbnail attends to nothing in particular.
    robot.spin(0.5)
    assert not pictures


def test_attention_of_a_network_that_has_it(robot, start, tmp_path):
    from sensor_msgs.msg import Image

    pictures = subscribe(robot, Image, 'localizer/attention')
    # Between keyframes nothing is looked at: half a second apart they are keyframes all.
    start(online=True, image='/camera/image_raw')
    robot.wait(lambda: robot.images.get_subscription_count() > 0, 'a subscription to images')
    for step in range(100):
        robot.show(step, (100 + step) * SECOND)
        robot.spin(0.3)
        if pictures:
            break
    assert (pictures[0].encoding, pictures[0].width) == ('rgb8', 160)
    assert pictures[0].header.stamp.sec >= 100


def test_diagnostics_say_how_it_is_and_why_nothing_comes(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw', silence_s=1.0, diagnostics_s=0.2)
    robot.wait(lambda: robot.diagnostics and 'no image on' in robot.status(
        'input image').message, 'the reason for silence')
    silent = robot.status('input image')
    assert silent.level == b'\x01'
    robot.drive([5, 6, 7], first_ns=100 * SECOND)
    robot.wait(lambda: robot.status('input image').level == b'\x00', 'images to be noticed')
    values = {v.key: v.value for v in robot.status('localization').values}
    assert values['answers'] == '3'
    assert values['places'] == '30'
    assert float(values['describe mean (ms)']) > 0.0
    assert float(values['age max (ms)']) > float(values['describe mean (ms)'])
    assert 'no calibration' in values['calibration'] or 'nothing came' in values['calibration']


def test_a_failure_to_configure_is_in_diagnostics_too(robot, start, tmp_path):
    start(map=tmp_path / 'none.vprmap', diagnostics_s=0.2)
    robot.wait(lambda: len(robot.diagnostics) > 0, 'diagnostics')
    status = robot.status('node')
    assert status.level == b'\x02'
    assert 'none.vprmap' in status.message


def test_quality_of_service_that_does_not_fit_is_said(robot, start, map_path, tmp_path, said):
    # A subscription that wants reliable images, and a camera that is not.
    override = 'qos_overrides./camera/best_effort.subscription.reliability:=reliable'
    from sensor_msgs.msg import Image

    unreliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = robot.node.create_publisher(Image, '/camera/best_effort', unreliable)
    process = start('-p', override, map=map_path, image='/camera/best_effort', silence_s=1.0,
                    diagnostics_s=0.2)
    robot.wait(lambda: robot.diagnostics and 'RELIABILITY' in str(
        robot.status('input image')), 'the misfit')
    for _ in range(15):
        publisher.publish(image_message(robot.factory, np.zeros((120, 160, 3), np.uint8),
                                        stamp_ns=SECOND, frame_id='camera'))
        robot.spin(0.1)
    assert not robot.matches
    told = said(process)
    assert 'is their QoS compatible?' in told
    assert 'RELIABILITY' in told


def test_the_transform_to_odometry_follows_from_a_known_pose(robot, start, map_path):
    from tf2_msgs.msg import TFMessage

    transforms = subscribe(robot, TFMessage, '/tf', 100)
    statics = robot.node.create_publisher(TFMessage, '/tf_static', LATCHED)
    start(map=map_path, image='/camera/image_raw', odometry='/odom', publish_tf=True,
          tf_sigma_m=10.0, tf_sigma_rad=3.0, odometry_wait_s=0.0, diagnostics_s=0.2)
    robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'a subscription to odometry')

    def drive(numbers, second):
        for step, number in enumerate(numbers):
            stamp_ns = (second + step) * SECOND
            # Odometry set out 3 m to the left of the map, and follows a frame 1 m below the robot.
            robot.odometry.publish(odometry_message(robot.factory, StampedPose(
                stamp_ns, 'odom_a', 'base_footprint',
                Pose(np.array([10.0 * number, -3.0, 0.0])))))
            robot.spin(0.2)
            robot.drive([number], first_ns=stamp_ns)

    drive([3, 4, 5, 6, 7], 50)
    robot.spin(0.5)
    # Where base_footprint is on the robot nobody has said: refused, not taken for identity.
    assert not transforms
    robot.wait(lambda: 'base_footprint' in robot.status('localization').message, 'the reason')
    statics.publish(tf_message(robot.factory, [StampedPose(
        0, 'base_footprint', 'base_link', Pose(np.array([0.0, 0.0, 1.0])))]))
    robot.spin(0.5)
    drive([8, 9], 55)
    robot.wait(lambda: len(transforms) > 3, 'transforms')
    (sent,) = transforms[-1].transforms
    assert (sent.header.frame_id, sent.child_frame_id) == ('map', 'odom_a')
    # T_map_odom = T_map_base T_odom_base^-1
    assert pose_from_transform(sent.transform).position == pytest.approx([0.0, 3.0, -1.0])
    # Repeated, dated a little ahead of the clock.
    now = robot.node.get_clock().now().nanoseconds
    ahead = sent.header.stamp.sec * SECOND + sent.header.stamp.nanosec - now
    assert -0.5e9 < ahead <= 0.1e9
    count = len(transforms)
    robot.spin(1.0)
    assert 10 <= len(transforms) - count <= 30


def test_a_pose_that_is_too_uncertain_corrects_nothing(robot, start, map_path):
    from tf2_msgs.msg import TFMessage

    transforms = subscribe(robot, TFMessage, '/tf', 100)
    start(map=map_path, image='/camera/image_raw', odometry='/odom', publish_tf=True,
          odometry_wait_s=0.0, diagnostics_s=0.2)
    robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'a subscription to odometry')
    for step in range(5):
        robot.measure((50 + step) * SECOND, 10.0 * step)
        robot.spin(0.2)
        robot.drive([step], first_ns=(50 + step) * SECOND)
    assert robot.matches[-1].decision == PlaceMatch.KNOWN_PLACE
    robot.wait(lambda: 'is not corrected' in robot.status('localization').message,
               'the reason')
    assert not transforms


def test_several_cameras_see_one_place(robot, start, map_path, image_of):
    rear = robot.publisher('sensor_msgs/msg/Image', 'rear/image_raw', 5)
    start('-p', 'cameras:=[front=/camera/image_raw, rear=/rear/image_raw]', map=map_path)
    robot.wait(lambda: rear.get_subscription_count() > 0, 'a subscription to the rear camera')
    robot.wait(lambda: robot.images.get_subscription_count() > 0, 'one to the front camera')
    for step in range(6):
        stamp_ns = (50 + step) * SECOND
        heard = len(robot.matches)
        # What the leading camera sees is nowhere in the map; the other one sees its places.
        robot.show(2000 + step, stamp_ns)
        rear.publish(image_message(robot.factory, image_of(5 + step), stamp_ns=stamp_ns + 10 ** 7,
                                   frame_id='rear'))
        robot.wait(lambda heard=heard: len(robot.matches) > heard, 'an answer')
    assert robot.matches[-1].camera == 'front'
    assert robot.matches[-1].decision == PlaceMatch.KNOWN_PLACE
    assert robot.matches[-1].candidates[0].stamp.sec == 11


def test_a_calibrated_camera_is_known_to_diagnostics(robot, start, map_path):
    from tf2_msgs.msg import TFMessage

    infos = robot.publisher('sensor_msgs/msg/CameraInfo', 'camera/camera_info', 5)
    statics = robot.node.create_publisher(TFMessage, '/tf_static', LATCHED)
    statics.publish(tf_message(robot.factory, [StampedPose(
        0, 'base_link', 'camera', Pose(np.array([1.0, 0.0, 1.5])))]))
    start(map=map_path, image='/camera/image_raw', diagnostics_s=0.2)
    robot.wait(lambda: infos.get_subscription_count() > 0, 'a subscription to camera_info')
    camera = Camera('front', 160, 120, np.array([[90.0, 0.0, 80.0], [0.0, 90.0, 60.0],
                                                 [0.0, 0.0, 1.0]]))
    for _ in range(10):
        infos.publish(camera_info_message(robot.factory, camera, stamp_ns=time.time_ns(),
                                          frame_id='camera'))
        robot.spin(0.05)
    robot.drive([5], first_ns=50 * SECOND)

    def calibration():
        return {v.key: v.value for v in robot.status('localization').values}['calibration']

    robot.wait(lambda: calibration() == 'known', 'the calibration')


def test_two_robots_in_one_graph_hear_their_own(make_robot, start, map_path):
    first, second = (make_robot(f'/{name}/localizer', name) for name in ('r1', 'r2'))
    for name in ('r1', 'r2'):
        start('-r', f'__ns:=/{name}', map=map_path, image='camera/image_raw')
    first.drive([3, 4, 5, 6], first_ns=50 * SECOND)
    second.drive([13, 14, 15, 16], first_ns=50 * SECOND)
    assert [len(r.matches) for r in (first, second)] == [4, 4]
    assert [r.matches[-1].candidates[0].stamp.sec for r in (first, second)] == [7, 17]
    for robot, name in ((first, 'r1'), (second, 'r2')):
        robot.wait(lambda robot=robot: len(robot.diagnostics) > 0, 'diagnostics')
        assert all(s.name.startswith(f'{name}/localizer: ')
                   for s in robot.diagnostics[-1].status)


def test_online_it_tells_new_places_and_closes_loops(robot, start, tmp_path):
    start('-p', 'extraction.network:=thumbnail', '-p', 'loops.exclude_s:=5.0',
          '-p', 'loops.exclude_m:=5.0', online=True, image='/camera/image_raw')
    robot.wait(lambda: robot.images.get_subscription_count() > 0, 'a subscription to images')
    for step in range(45):
        places = len(robot.heard['new_place'])
        robot.show(step % 30, (100 + step) * SECOND)
        robot.wait(lambda places=places: len(robot.heard['new_place']) > places, 'a new place')
    robot.wait(lambda: len(robot.closures) > 3, 'loop closures')
    ids = {p.place_id: p.header.stamp.sec for p in robot.heard['new_place']}
    assert len(ids) == 45
    for closure in robot.closures:
        assert ids[closure.query_place_id] == closure.query_stamp.sec
        assert ids[closure.match_place_id] == closure.query_stamp.sec - 30
    path = tmp_path / 'online.vprmap'
    saved = robot.call('vpr_msgs/srv/SaveMap', 'save_map', path=str(path))
    assert (saved.success, saved.places) == (True, 45)


def test_a_bag_that_loops_begins_anew(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    robot.drive([3, 4, 5, 6, 7], first_ns=50 * SECOND)
    robot.drive([3, 4, 5, 6, 7], first_ns=50 * SECOND)
    first, again = robot.matches[:5], robot.matches[5:]
    assert [m.probability for m in first] == pytest.approx([m.probability for m in again])


def test_images_that_cannot_be_read_are_left_out_with_a_reason(robot, start, map_path, said):
    process = start(map=map_path, image='/camera/image_raw', diagnostics_s=0.2)
    robot.drive([3, 4], first_ns=50 * SECOND)
    broken = image_message(robot.factory, np.zeros((12, 16, 3), np.uint8), stamp_ns=53 * SECOND,
                           frame_id='camera')
    broken.encoding = 'rgb7'
    for _ in range(3):
        robot.images.publish(broken)
        robot.spin(0.3)
    robot.wait(lambda: 'rgb7' in robot.status('input image').message, 'the reason')
    robot.drive([5, 6], first_ns=54 * SECOND)
    assert robot.matches[-1].decision == PlaceMatch.KNOWN_PLACE
    # Once in ten seconds, not as often as a camera sends.
    assert said(process).count('an image was left out') == 1
