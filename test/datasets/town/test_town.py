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

"""The town as a data set."""

from dataclasses import replace
from pathlib import Path
import re

import numpy as np
import pytest
from vpr_ros.datasets.dataset import Dataset
from vpr_ros.datasets.folders import SingleFolder
from vpr_ros.datasets.registry import dataset_names
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.drive import mounted_camera
from vpr_ros.datasets.town.drive import T_BASE_GPS
from vpr_ros.datasets.town.renderer import Renderer
from vpr_ros.datasets.town.town import drive_name
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.datasets.town.town import Town
from vpr_ros.errors import VprError


@pytest.fixture(scope='module')
def town():
    return Town()


@pytest.fixture(scope='module')
def traverses(town):
    return {name: town.traverse(name) for name in town.traverses()}


@pytest.fixture(scope='module')
def day(traverses):
    return traverses['day']


def test_it_is_a_data_set(town):
    assert isinstance(town, Dataset)
    assert town.name == 'town'
    assert town.traverses() == list(DRIVES)
    assert 'day' in town.traverses()
    assert 'night' in town.traverses()


@pytest.mark.parametrize('name', DRIVES)
def test_every_traverse_is_there(traverses, name):
    traverse = traverses[name]
    drive = DRIVES[name]
    assert traverse.name == name
    assert len(traverse) > 250
    assert traverse.session == f'town/{name}'
    assert not traverse.stamps_synthetic
    assert traverse.positions() is not None
    assert np.abs(np.diff(traverse.stamps_ns) - 1e9 / drive.rate_hz).max() <= 1
    camera = mounted_camera(drive)
    assert traverse.camera == camera.name
    assert np.array_equal(traverse.calibration.matrix, camera.matrix)
    assert np.array_equal(traverse.calibration.T_base_optical.matrix(),
                          camera.T_base_optical.matrix())
    assert np.array_equal(traverse.T_base_gps.matrix(), T_BASE_GPS.matrix())
    # The other sensors cover the drive.
    for samples in (traverse.odometry, traverse.fixes):
        assert samples[0].stamp_ns == traverse.stamps_ns[0]
        assert samples[-1].stamp_ns > traverse.stamps_ns[-1] - 10**9
    assert len(traverse.odometry) > 5 * len(traverse.fixes)


def test_drives_are_on_different_days(traverses):
    days = {int(t.stamps_ns[0]) // (86_400 * 10**9) for t in traverses.values()}
    assert len(days) == len(traverses)


def test_unknown_names_are_refused(town):
    for wrong in (lambda: town.traverse('dai'), lambda: town.ground_truth('dai', 'night'),
                  lambda: town.ground_truth('night', 'dai')):
        with pytest.raises(VprError, match="traverse of town.*'dai'; did you mean 'day'"):
            wrong()
    with pytest.raises(VprError, match='route through the town'):
        town.drive(Drive(route='lop'))


@pytest.mark.parametrize(('name', 'conditions'), [
    ('day', 'day'), ('night', 'night'), ('night_snow', 'night+snow'), ('fog', 'fog')])
def test_traverses_are_what_they_are_called(name, conditions):
    assert DRIVES[name].condition == parse_condition(conditions)


@pytest.mark.parametrize('query', ['opposite', 'night_snow'])
@pytest.mark.parametrize('tolerance', [None, 30.0])
def test_ground_truth_is_the_distance_of_the_poses(town, traverses, day, query, tolerance):
    truth = town.ground_truth('day', query, tolerance=tolerance)
    queries = traverses[query]
    assert (truth.n_queries, truth.n_references) == (len(queries), len(day))
    apart = np.linalg.norm(queries.positions()[:, None] - day.positions()[None], axis=2)
    # It says itself which radius it took.
    radius = float(re.fullmatch(r'within ([0-9.]+) m', truth.protocol)[1])
    assert tolerance in (None, radius)
    for i, row in enumerate(apart <= radius):
        assert truth.matches(i).tolist() == np.flatnonzero(row).tolist()


def test_most_places_are_found_again_and_a_detour_has_new_ones(town):
    def found(query):
        truth = town.ground_truth('day', query)
        return np.array([len(truth.matches(i)) > 0 for i in range(truth.n_queries)])

    assert found('night').mean() > 0.99
    assert found('another_day').mean() > 0.99
    detour = found('night_snow')
    assert 0.05 < (~detour).mean() < 0.5
    # A stretch, not single frames.
    ends = np.flatnonzero(np.diff(np.concatenate([[0], ~detour, [0]])))
    assert max(ends[1::2] - ends[::2]) > 10


def test_frames_carry_what_is_known(day):
    for index in (0, -1):
        frame = day.frame(index)
        assert frame.image.shape == (480, 640, 3)
        assert frame.calibration is day.calibration
        assert frame.T_map_base is day.poses[index]
        assert frame.stamp_ns == day.stamps_ns[index]
        assert frame.camera == day.camera
    assert day.frame(0).T_odom_base.matrix() == pytest.approx(np.eye(4))


def test_pictures_are_taken_with_the_published_camera_at_the_published_pose(town):
    traverse, drive = town.traverse('night_snow'), DRIVES['night_snow']
    renderer = Renderer(town.plan, drive.condition, seed=drive.seed, years=drive.years)
    for index in (5, 9):
        frame = traverse.frame(index)
        time = (frame.stamp_ns - int(traverse.stamps_ns[0])) / 1e9
        where = frame.T_map_base @ frame.calibration.T_base_optical
        assert np.array_equal(renderer.render(frame.calibration, where, time), frame.image)


def test_a_drive_with_depth(town, day):
    assert day.frame(3).depth is None
    deep = town.drive(replace(DRIVES['day'], depth=True))
    frame = deep[1:8:2].frame(1)
    assert np.array_equal(frame.image, day.frame(3).image)
    renderer = Renderer(town.plan, DRIVES['day'].condition)
    renderer.render(frame.calibration, frame.T_map_base @ frame.calibration.T_base_optical,
                    (frame.stamp_ns - int(day.stamps_ns[0])) / 1e9, T_map_base=frame.T_map_base)
    assert np.array_equal(frame.depth, renderer.depth(), equal_nan=True)
    # By itself, and in any order.
    assert np.array_equal(deep.depths.read_depth(3), frame.depth, equal_nan=True)
    assert deep.name == drive_name(DRIVES['day'])


def test_slices_show_the_same_pictures(town, day):
    part = town.traverse('day')[2:8:2]
    assert len(part) == 3
    assert part.source_indices.tolist() == [2, 4, 6]
    assert np.array_equal(part.frame(2).image, day.frame(6).image)
    assert part.frame(2).stamp_ns == day.stamps_ns[6]
    assert part.label(1) == day.label(4)


def test_labels_are_all_different(day):
    assert len({day.label(i) for i in range(len(day))}) == len(day)


def test_another_seed_is_another_town(day):
    other = Town(1).traverse('day')
    assert not np.array_equal(other.positions()[:10], day.positions()[:10])
    assert np.array_equal(Town(0).traverse('day').positions(), day.positions())


def test_any_drive_can_be_made(town):
    drive = Drive(route='terraces', condition=parse_condition('dusk+rain'), seed=3, rate_hz=10.0,
                  reverse=True)
    traverse = town.drive(drive)
    assert traverse.name == drive_name(drive)
    assert '+' not in traverse.name
    assert traverse.session.startswith('town/')
    assert np.abs(np.diff(traverse.stamps_ns) - 10**8).max() <= 1
    assert town.drive(drive, name='mine').name == 'mine'


def test_names_of_drives_tell_them_apart():
    drives = [Drive(), Drive(seed=1), Drive(reverse=True), Drive(route='tour'),
              Drive(condition=parse_condition('rain')),
              Drive(condition=parse_condition('rain+night'))]
    assert len({drive_name(d) for d in drives}) == len(drives)


@pytest.mark.parametrize('change', [{'lane_offset_m': 3.0}, {'years': 1},
                                    {'camera_yaw_deg': 90.0}], ids=str)
def test_names_tell_all_drives_apart(change):
    assert drive_name(replace(Drive(), **change)) != drive_name(Drive())


def test_it_is_opened_by_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert 'town' in dataset_names()
    assert isinstance(open_dataset('town'), Town)


def test_a_folder_of_that_name_is_a_folder(monkeypatch, tmp_path, write_images):
    write_images(tmp_path / 'town', ['0.png', '1.png'])
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_dataset('./town'), SingleFolder)
    assert len(open_dataset(Path('town')).traverse('town')) == 2
    assert isinstance(open_dataset('town'), Town)


def test_it_lies_in_no_folder(tmp_path):
    with pytest.raises(VprError, match='the town is generated'):
        open_dataset('town', tmp_path)
