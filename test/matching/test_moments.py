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

"""What several cameras saw at one moment, when every frame asks a question."""

import numpy as np
from vpr_ros.matching.moments import query_moments
from vpr_ros.types import Frame
from vpr_ros.types import Pose

IMAGE = np.zeros((4, 4, 3), np.uint8)
MS = 1_000_000


def frame(stamp_ms, camera='front'):
    # A robot that stands: no place is new, and all are asked for.
    return Frame(stamp_ms * MS, IMAGE, camera=camera, T_map_base=Pose.identity())


def told(moments):
    return [[(f.camera, f.stamp_ns // MS) for f in moment] for moment in moments]


def test_every_frame_of_one_camera_is_a_moment():
    stamps = [0, 10, 10, 20, 500]
    for cameras in ((), ('front',)):
        assert told(query_moments((frame(s) for s in stamps), cameras, 0.05)) == [
            [('front', s)] for s in stamps]


def test_other_cameras_join_the_leading_one():
    frames = [frame(0), frame(30, 'rear'), frame(100), frame(200), frame(210, 'rear'),
              frame(300), frame(360, 'rear'), frame(400)]
    assert told(query_moments(frames, ('front', 'rear'), 0.05)) == [
        [('front', 0), ('rear', 30)], [('front', 100)], [('front', 200), ('rear', 210)],
        [('front', 300)], [('front', 400), ('rear', 360)]]
    assert told(query_moments(frames, ('front', 'rear'), 0.02)) == [
        [('front', 0)], [('front', 100)], [('front', 200), ('rear', 210)],
        [('front', 300)], [('front', 400)]]
