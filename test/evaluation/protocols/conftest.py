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

"""Small folders of images that stand in for data sets, each in the layout it is published in."""

import cv2
import numpy as np
import pytest

# A degree of latitude in St. Lucia is 110,811 m on the ellipsoid, one of longitude 98,812 m.
METRES_EAST = 98_812.0
# And on the equator, where these cities of MSLS lie.
METRES_EQUATOR = 6_378_137.0 * np.pi / 180.0
# And in Oxford.
METRES_OXFORD = float(6_378_137.0 * np.cos(np.radians(51.76)) * np.pi / 180.0)


def _write_images(folder, names, *, size=(8, 6)):
    """Write one small image per name; its red channel is the number of the name in the list."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        bgr = np.zeros((size[1], size[0], 3), np.uint8)
        bgr[:, :, 2] = i
        assert cv2.imwrite(str(folder / name), bgr)


def _write_copies(folder, names, image):
    """Write the same image under many names, which is quicker."""
    folder.mkdir(parents=True, exist_ok=True)
    data = cv2.imencode('.png', image)[1].tobytes()
    for name in names:
        (folder / name).write_bytes(data)


def _st_lucia(root):
    """Write ten drives of 20 s at 8 m a second, each a metre further on than the one before."""
    names = ('180809_1545', '190809_0845', '190809_1410', '210809_1000', '210809_1210',
             '100909_0845', '100909_1000', '100909_1210', '100909_1410', '110909_1545')
    for number, name in enumerate(names):
        frames = [f'{i:06d}.png' for i in range(300)]
        _write_copies(root / name / 'images', frames, np.zeros((6, 8, 3), np.uint8))
        # The receiver has a new fix every 9 lines, 0.6 s.
        lines = [f'27.5,{153.0 + (number + 8.0 * 0.6 * (i // 9)) / METRES_EAST:.9f}'
                 for i in range(300)]
        (root / name / 'fGPS.txt').write_text('\n'.join(lines) + '\n')


def _robotcar(root):
    """Write eight drives of 20 s at 5 m a second, four frames a second."""
    head = ('timestamp,ins_status,latitude,longitude,altitude,northing,easting,down,utm_zone,'
            'velocity_north,velocity_east,velocity_down,roll,pitch,yaw')
    for number, (date, sensor) in enumerate((
            ('2014-12-09-13-21-02', 'centre'), ('2014-12-10-18-10-50', 'centre'),
            ('2015-05-19-14-06-38', 'centre'), ('2015-02-03-08-45-10', 'centre'),
            ('2014-11-18-13-20-12', 'left'), ('2014-12-16-18-44-24', 'left'),
            ('2014-11-14-16-34-33', 'left'), ('2015-07-08-13-37-17', 'left'))):
        stamps_us = [1_418_132_416_000_000 + 250_000 * i for i in range(81)]
        _write_copies(root / date / 'stereo' / sensor, [f'{stamp}.png' for stamp in stamps_us],
                      np.zeros((960, 1280), np.uint8))
        (root / date / 'stereo.timestamps').write_text(
            ''.join(f'{stamp} 1\n' for stamp in stamps_us))
        rows = [f'{stamp},INS_SOLUTION_GOOD,51.76,'
                f'{-1.26 + (number + 1.25 * i) / METRES_OXFORD!r},110.0,1.0,2.0,-3.0,30U,'
                f'1,2,3,0.0,0.0,{np.pi / 2!r}' for i, stamp in enumerate(stamps_us)]
        table = root / date / ('gps/ins.csv' if sensor == 'centre' else 'rtk.csv')
        table.parent.mkdir(exist_ok=True)
        table.write_text('\n'.join([head, *rows]) + '\n')


def _city(root, name, *, database_m, query_m):
    """Write a city of MSLS whose images were taken at these metres east, a sequence each."""
    for group, places in (('database', database_m), ('query', query_m)):
        folder = root / 'train_val' / name / group
        keys = [f'{group[0]}{i:03d}' for i in range(len(places))]
        _write_images(folder / 'images', [f'{key}.jpg' for key in keys])
        tables = {
            'raw': [',key,lon,lat,ca,captured_at,pano', *(
                f'{i},{key},{3.0 + east / METRES_EQUATOR},0.0,90.0,2015-06-01,False'
                for i, (key, east) in enumerate(zip(keys, places, strict=True)))],
            'postprocessed': [',key,easting,northing,night,control_panel,view_direction,'
                              'unique_cluster', *(
                                  f'{i},{key},{500_000.0 + east},20.5,False,False,Forward,{i}'
                                  for i, (key, east) in enumerate(
                                      zip(keys, places, strict=True)))],
            'seq_info': [',key,sequence_key,frame_number', *(
                f'{i},{key},S,{i}' for i, key in enumerate(keys))]}
        for table, lines in tables.items():
            (folder / f'{table}.csv').write_text('\n'.join(lines) + '\n')


def _cross_domain(root):
    _write_images(root / 'gallery', ['1.jpg', '2.jpg', '10.jpg'])
    _write_images(root / 'query', ['010122.jpg', 'B9.png'])
    (root / 'gallery.csv').write_text(
        'file,latitude,longitude,compass\n2.jpg,0,4.0001,90\n10.jpg,0,4,0\n1.jpg,0.01,4,180\n')
    (root / 'matches.csv').write_text('query,gallery\nB9.png,10.jpg\nB9.png,1.jpg\n')


def _spedtest(root):
    for name in ('ref', 'query'):
        (root / name).mkdir(parents=True)
        for number in range(607):
            (root / name / f'{number:07d}.jpg').touch()


def _nordland(root):
    """Write rides of 12 pictures: a stop at 3 to 5 and a tunnel at 8 and 9."""
    for season in ('spring', 'summer', 'winter'):
        (root / season).mkdir(parents=True)
        for number, letter in enumerate('abcccde..fgh', start=1):
            image = np.full((32, 100, 3), 9, np.uint8)
            if letter != '.':
                image[:] = np.random.default_rng(ord(letter)).integers(60, 255, (32, 100, 1))
            cv2.imwrite(str(root / season / f'images-{number:05d}.png'), image)


def _clean_nordland(root):
    """Write two seasons that have 18,200 pictures, all of them in the list of the clean ones."""
    for season in ('spring', 'fall'):
        (root / season).mkdir(parents=True)
        for number in range(1, 18_201):
            (root / season / f'images-{number:05d}.png').touch()
    (root / 'nordland_imageNames_index.txt').write_text(
        ''.join(f'images-{number:05d}.png\n' for number in range(1, 18_201)))


def _amstertime(root):
    for name, suffix in (('new', 'png'), ('old', 'jpg')):
        (root / name).mkdir(parents=True)
        for number in range(1231):
            (root / name / f'{number}.{suffix}').touch()


def _vpr_bench(root):
    for name, count in (('ref', 27_592), ('query', 2_760)):
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f'{number:07d}.jpg').touch()


@pytest.fixture(scope='session')
def write_images():
    """Return a function that writes small images of these names into a folder."""
    return _write_images


@pytest.fixture(scope='session')
def empty_sets(tmp_path_factory):
    """Return a folder of data sets of as many images as were published, all of them empty."""
    root = tmp_path_factory.mktemp('empty_sets')
    _spedtest(root / 'spedtest')
    _amstertime(root / 'AmsterTime')
    _vpr_bench(root / 'Nordland')
    for season in ('summer', 'winter'):
        (root / 'nordland_27592' / season).mkdir(parents=True)
        for number in range(1, 27_593):
            (root / 'nordland_27592' / season / f'images-{number:05d}.png').touch()
    return root


@pytest.fixture(scope='session')
def small_sets(tmp_path_factory):
    """Return two folders of small data sets: all pairs of all papers can be opened with them."""
    one, other = (tmp_path_factory.mktemp(name) for name in ('sets', 'more_sets'))
    _st_lucia(one / 'st_lucia')
    _robotcar(one / 'robotcar')
    _city(one / 'msls', 'cph', database_m=range(0, 400, 20), query_m=range(5, 300, 10))
    _city(one / 'msls', 'sf', database_m=range(0, 200, 20), query_m=[3, 33, 1000])
    _cross_domain(one / 'cross_domain')
    _spedtest(one / 'spedtest')
    _nordland(one / 'nordland')
    _clean_nordland(other / 'nordland')
    return [one, other]
