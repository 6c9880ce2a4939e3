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

"""Pairs are opened wherever their data sets lie."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.protocols.opening import MissingData
from vpr_ros.evaluation.protocols.opening import open_pair
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import read_protocol


def make_pair(**changes):
    values = {'name': 'p', 'data': 'gardens_point', 'reference': 'day_left',
              'query': 'night_right', 'truth': {'frames': 1}, **changes}
    return Pair.model_validate(values, strict=False)


def write_campus(root, write_images, *, frames=6, names=('day_left', 'day_right', 'night_right')):
    for name in names:
        write_images(root / name, [f'Image{i:03d}.jpg' for i in range(frames)])
    return root


@pytest.fixture
def campus(tmp_path, write_images):
    """Write three traverses of Gardens Point, six frames each."""
    return write_campus(tmp_path / 'data' / 'gardens_point', write_images)


def write_drives(root, write_images, **drives):
    """Write folders of images at these x; None for a drive without places."""
    for name, x in drives.items():
        files = [f'{i}.png' for i in range(len(x))]
        write_images(root / name, files)
        lines = [f'{file},{1 + i},{at},0,{7 * i}' for i, (file, at) in enumerate(
            zip(files, x, strict=True))]
        if None not in x:
            (root / name / 'poses.csv').write_text('\n'.join(['file,stamp_s,x,y,z', *lines]))
    return root


def matches(found):
    return [found.truth.matches(query).tolist() for query in range(found.truth.n_queries)]


@pytest.mark.parametrize('above', [0, 1])
def test_a_folder_is_that_of_the_set_or_one_that_holds_it(campus, above):
    folder = [campus, *campus.parents][above]
    found = open_pair(make_pair(), [folder])
    assert (found.reference.name, found.query.name) == ('day_left', 'night_right')
    assert matches(found) == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5]]
    assert found.truth.protocol == 'within 1 frame'
    assert found.reference.frame(3).image.shape == (6, 8, 3)


def test_real_images_lie_below_benchmark(campus):
    shared = campus.parent / 'shared'
    shared.mkdir()
    (campus.parent / 'gardens_point').rename(shared / 'gardens_point')
    shared.rename(campus.parent / 'benchmark')
    assert len(open_pair(make_pair(), [campus.parent]).query) == 6


def test_the_first_folder_with_both_traverses_is_taken(tmp_path, write_images):
    half = write_campus(tmp_path / 'half' / 'gardens_point', write_images,
                        names=('day_left', 'day_right'))
    whole = write_campus(tmp_path / 'whole' / 'gardens_point', write_images)
    longer = write_campus(tmp_path / 'longer' / 'gardens_point', write_images, frames=8)
    assert len(open_pair(make_pair(), [half.parent, whole.parent, longer.parent]).query) == 6
    assert len(open_pair(make_pair(), [half, longer, whole]).query) == 8


def test_what_is_missing_is_told_and_where_it_comes_from(tmp_path, write_images):
    write_campus(tmp_path / 'gardens_point', write_images, names=('day_left', 'day_right'))
    protocol = read_protocol('gardens_point_day_night')
    with pytest.raises(MissingData) as caught:
        open_pair(protocol.pairs[0], [tmp_path], protocol=protocol)
    told = str(caught.value)
    assert told.startswith('gardens_point_day_night, day_night: day_left and night_right of '
                           f'Gardens Point are needed, and are in none of these folders: '
                           f'{tmp_path} ({tmp_path}/gardens_point has day_left, day_right alone)')
    assert 'it comes from Gardens Point Walking, A. Glover' in told
    assert told.endswith('Say with --data where it lies')
    with pytest.raises(MissingData, match='^p: .* needed, and no folder with data sets is given'):
        open_pair(make_pair(), [])


def test_a_folder_that_is_not_there_is_no_missing_data(tmp_path):
    with pytest.raises(VprError, match='there is no folder .*typo') as caught:
        open_pair(make_pair(), [tmp_path / 'typo'])
    assert not isinstance(caught.value, MissingData)


def test_damaged_data_is_no_missing_data(campus):
    (campus / 'day_left' / 'Image002.jpg').unlink()
    with pytest.raises(VprError, match='^p: .*Image002.jpg is missing') as caught:
        open_pair(make_pair(), [campus])
    assert not isinstance(caught.value, MissingData)


def test_a_set_that_cannot_even_be_opened_is_damaged_unless_another_is_there(tmp_path):
    (tmp_path / 'bad').mkdir()
    (tmp_path / 'bad' / 'nordland_64x32.npz').write_bytes(b'half of a fi')
    pair = make_pair(data='nordland_64x32', reference='summer', query='winter')
    with pytest.raises(VprError, match='cannot read .*nordland_64x32.npz') as caught:
        open_pair(pair, [tmp_path / 'bad'])
    assert not isinstance(caught.value, MissingData)
    (tmp_path / 'good').mkdir()
    images = np.zeros((4, 32, 64), np.uint8)
    np.savez(tmp_path / 'good' / 'nordland_64x32.npz', summer=images, winter=images)
    assert len(open_pair(pair, [tmp_path / 'bad', tmp_path / 'good']).query) == 4


def test_what_is_there_in_place_of_a_traverse_is_told_in_short(small_sets):
    pair = make_pair(data='robotcar', reference='overcast_autumn', query='2015-01-01-00-00-00',
                     truth={'metres': 5.0})
    with pytest.raises(MissingData, match='robotcar has 2014-11-14-16-34-33, .* and 2 more.; exp'):
        open_pair(pair, small_sets)


def test_another_set_is_not_taken_for_this_one(tmp_path):
    # Both are folders ref and query of numbered images.
    for name in ('ref', 'query'):
        folder = tmp_path / 'spedtest' / name
        folder.mkdir(parents=True)
        for number in range(607):
            (folder / f'{number:07d}.jpg').touch()
    pair = make_pair(data='corridor', reference='ref', query='query')
    with pytest.raises(MissingData, match='ref and query of Corridor are needed'):
        open_pair(pair, [tmp_path / 'spedtest'])


def test_options_are_those_of_the_set(campus):
    with pytest.raises(VprError, match="unknown parameter 'every'") as caught:
        open_pair(make_pair(options=['every:=2']), [campus])
    assert not isinstance(caught.value, MissingData)
    found = open_pair(make_pair(options=['every_s:=2.0']), [campus])
    assert found.query.source_indices.tolist() == [0, 2, 4]
    # Numbers are those of the whole traverses: only its own reference is within one frame.
    assert matches(found) == [[0], [1], [2]]


def test_an_unknown_set_is_told(campus):
    with pytest.raises(VprError, match="unknown data set 'garden'; did you mean 'gardens_point'"):
        open_pair(make_pair(data='garden'), [campus])


def test_references_and_queries_are_thinned_out_apart(campus):
    found = open_pair(make_pair(reference_every_s=3.0, query_every_s=2.0), [campus])
    assert found.reference.source_indices.tolist() == [0, 3]
    assert found.query.source_indices.tolist() == [0, 2, 4]
    assert matches(found) == [[0], [1], [1]]
    assert found.notes == (
        '6 frames where the published traverse has 200: results do not compare with published '
        'ones', 'day_left: 2 of 6 frames are kept', 'night_right: 3 of 6 frames are kept')


def test_a_part_of_both_traverses_is_compared(campus):
    found = open_pair(make_pair(part=[1, 5], query_every_s=2.0), [campus])
    assert found.reference.source_indices.tolist() == [1, 2, 3, 4]
    assert found.query.source_indices.tolist() == [1, 3]
    assert matches(found) == [[0, 1], [1, 2, 3]]
    assert found.query.label(1) == 'Image003.jpg'
    for behind in 7, 10:
        with pytest.raises(VprError, match=f'frames 5 to {behind - 1} are compared, but day_left '
                                           'has 6'):
            open_pair(make_pair(part=[5, behind]), [campus])


def test_traverses_of_another_length_do_not_match_by_number(tmp_path, write_images):
    root = write_campus(tmp_path, write_images)
    (root / 'night_right' / 'Image005.jpg').unlink()
    with pytest.raises(VprError, match='day_left has 6 frames but night_right has 5'):
        open_pair(make_pair(), [root])
    drives = write_drives(tmp_path / 'own', write_images, a=[None] * 3, b=[None] * 4)
    pair = make_pair(data='folder', reference='a', query='b')
    with pytest.raises(VprError, match='a has 3 frames but b has 4, so frames of one number do'):
        open_pair(pair, [drives])


def test_own_folders_match_by_number_too(tmp_path, write_images):
    drives = write_drives(tmp_path, write_images, a=[None] * 4, b=[None] * 4)
    pair = make_pair(data='folder', reference='a', query='b', query_every_s=2.0)
    assert matches(open_pair(pair, [drives])) == [[0, 1], [1, 2, 3]]


def test_metres_are_in_the_plane(tmp_path, write_images):
    # Their heights differ by 7 m a frame.
    drives = write_drives(tmp_path, write_images, a=[0, 10, 20, 30], b=[31, 12])
    pair = make_pair(data='folder', reference='a', query='b', truth={'metres': 2.5})
    found = open_pair(pair, [drives])
    assert matches(found) == [[3], [1]]
    assert found.truth.protocol == 'within 2.5 m'


def test_frames_are_thinned_out_by_the_way(tmp_path, write_images):
    drives = write_drives(tmp_path, write_images, a=[0, 1, 2, 3, 60, 61], b=[1, 60])
    pair = make_pair(data='folder', reference='a', query='b', truth={'metres': 1.5},
                     reference_every_m=20.0)
    # The height counts for the way that is driven: 21 m up is as far.
    found = open_pair(pair, [drives])
    assert found.reference.source_indices.tolist() == [0, 3, 4]
    assert matches(found) == [[0], [2]]


def test_unknown_places_have_no_metres(tmp_path, write_images):
    drives = write_drives(tmp_path, write_images, a=[0, 1], b=[None, None])
    pair = make_pair(data='folder', reference='a', query='b', truth={'metres': 5.0})
    with pytest.raises(VprError, match='where 2 of the 2 frames of b were taken is not known, and '
                                       'the truth of the pair is measured in metres'):
        open_pair(pair, [drives])


def test_places_in_degrees_and_in_metres_share_no_frame(tmp_path, write_images):
    drives = write_drives(tmp_path, write_images, a=[0, 1], b=[0, 1])
    (drives / 'b' / 'poses.csv').write_text(
        'file,stamp_s,latitude,longitude,altitude\n0.png,1,51.7,-1.2,60\n1.png,2,51.8,-1.2,60\n')
    pair = make_pair(data='folder', reference='a', query='b', truth={'metres': 5.0})
    with pytest.raises(VprError, match='the poses of a and b are of two map frames'):
        open_pair(pair, [drives])


def test_sequences_of_kitti_share_no_frame(tmp_path, write_images):
    camera = 'P0: 7e2 0 6e2 0 0 7e2 2e2 0 0 0 1 0'
    for name in ('00', '01'):
        folder = tmp_path / 'sequences' / name
        write_images(folder / 'image_2', ['000000.png', '000001.png'])
        (folder / 'calib.txt').write_text(
            ''.join(camera.replace('P0', f'P{number}') + '\n' for number in range(4)))
        (folder / 'times.txt').write_text('0.0\n0.1\n')
        (tmp_path / 'poses').mkdir(exist_ok=True)
        (tmp_path / 'poses' / f'{name}.txt').write_text(
            '1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 9\n')
    pair = make_pair(data='kitti', reference='00', query='01', truth={'metres': 5.0})
    with pytest.raises(VprError, match='the poses of 00 and 01 are of two map frames'):
        open_pair(pair, [tmp_path])
    same = make_pair(data='kitti', reference='00', query='00', truth={'metres': 5.0})
    assert matches(open_pair(same, [tmp_path])) == [[0], [1]]


def test_frames_around_the_nearest_reference(tmp_path, write_images):
    rng = np.random.default_rng(5)
    there, here = np.cumsum(rng.uniform(1, 9, 40)), rng.uniform(-30, 240, 25)
    drives = write_drives(tmp_path, write_images, a=there.tolist(), b=here.tolist())
    pair = make_pair(data='folder', reference='a', query='b',
                     truth={'nearest_frames': 2, 'nearest_metres': 6.0})
    found = open_pair(pair, [drives])
    for query, x in enumerate(here):
        nearest = min(range(40), key=lambda i: abs(there[i] - x))
        right = [i for i in range(40) if abs(i - nearest) <= 2]
        assert found.truth.matches(query).tolist() == (
            right if abs(there[nearest] - x) <= 6.0 else [])
    assert 0 < found.truth.has_match().sum() < 25
    assert found.truth.protocol == 'within 2 frames of the nearest, within 6 m'


def test_a_list_lies_beside_its_protocol(tmp_path, write_images):
    drives = write_drives(tmp_path / 'drives', write_images, a=[None] * 3, b=[None] * 3)
    folder = tmp_path / 'mine'
    folder.mkdir()
    (folder / 'right.csv').write_text('query,reference\n2.png,0.png\n0.png,2.png\n2.png,1.png\n')
    (folder / 'own.yaml').write_text(
        'title: mine\npairs:\n- {name: p, data: folder, reference: a, query: b, '
        'truth: {lists: right.csv}, query_every_s: 2.0}\n')
    protocol = read_protocol(folder / 'own.yaml')
    found = open_pair(protocol.pairs[0], [drives], protocol=protocol)
    assert matches(found) == [[2], [0, 1]]
    assert found.truth.protocol == 'listed in right.csv'
    (folder / 'right.csv').write_text('query,reference\n9.png,0.png\n')
    with pytest.raises(VprError, match="^own, p: .*line 2: there is no query image '9.png'"):
        open_pair(protocol.pairs[0], [drives], protocol=protocol)


def test_what_the_set_publishes_is_taken(campus):
    found = open_pair(make_pair(truth={'published': True}), [campus])
    assert matches(found)[0] == [0, 1, 2, 3]


def test_a_folder_that_tells_no_truth_is_refused(tmp_path, write_images):
    drives = write_drives(tmp_path, write_images, a=[None] * 2, b=[None] * 2)
    pair = make_pair(data='folder', reference='a', query='b', truth={'published': True})
    with pytest.raises(VprError, match='does not tell which frames of a and b show one place'):
        open_pair(pair, [drives])


def test_drives_through_two_places_are_refused(tmp_path, write_images):
    drives = write_drives(tmp_path, write_images, a=[0, 1], b=[500, 501])
    pair = make_pair(data='folder', reference='a', query='b', truth={'metres': 5.0})
    with pytest.raises(VprError, match='no reference of a shows the place of any query of b'):
        open_pair(pair, [drives])


def test_the_town_needs_no_folder():
    found = open_pair(make_pair(data='town', reference='day', query='night',
                                truth={'metres': 10.0}, reference_every_m=20.0), [])
    apart = np.diff(found.reference.positions()[:, :2], axis=0)
    assert (np.linalg.norm(apart, axis=1) > 12.0).all()
    assert found.truth.has_match().mean() > 0.9


def test_a_part_of_an_image_keeps_its_calibration(tmp_path):
    whole = open_pair(make_pair(data='town', reference='day', query='dusk',
                                truth={'metres': 10.0}), [])
    cut = open_pair(make_pair(data='town', reference='day', query='dusk', truth={'metres': 10.0},
                              query_crop={'left': 0.25, 'bottom': 0.5}), [])
    assert cut.reference.calibration.width == 640
    assert (cut.query.calibration.width, cut.query.calibration.height) == (480, 240)
    image = whole.query.frame(3).image
    assert (cut.query.frame(3).image == image[:240, 160:]).all()
    assert (cut.query.frame(3).calibration.matrix[0, 2]
            == whole.query.calibration.matrix[0, 2] - 160)
    assert cut.digest == whole.digest


def test_the_digest_is_of_frames_and_truth_alone(tmp_path, write_images, campus):
    moved = write_campus(tmp_path / 'elsewhere', write_images)
    one = open_pair(make_pair(), [campus]).digest
    assert one == open_pair(make_pair(name='q', group='g'), [moved]).digest
    others = [make_pair(truth={'frames': 2}), make_pair(query_every_s=2.0),
              make_pair(reference_every_s=2.0), make_pair(query='day_right', truth={'frames': 0})]
    digests = {one, *(open_pair(pair, [campus]).digest for pair in others)}
    assert len(digests) == 5
    assert all(len(digest) == 12 for digest in digests)


def test_the_digest_knows_a_place_that_moved(tmp_path, write_images):
    pair = make_pair(data='folder', reference='a', query='b', truth={'metres': 5.0})

    def digest(name, reference, query):
        drives = write_drives(tmp_path / name, write_images, a=[reference, 10], b=[query, 10])
        return open_pair(pair, [drives]).digest

    # What differs in the last bits between two machines is the same.
    assert digest('one', 0.0, 0.0) == digest('two', 1e-9, -1e-9)
    assert len({digest('one', 0.0, 0.0), digest('three', 0.5, 0.0), digest('four', 0.0, 0.5),
                digest('five', 0.5, 0.5)}) == 4


@pytest.mark.parametrize('drive', ['a', 'b'])
@pytest.mark.parametrize(('other', 'is_same'), [
    ('file,stamp_s,x,y,z\n0.png,1,0,0,0\n1.png,2,9,0,7\n', True),
    ('file,stamp_s,x,y,z\n0.png,1,0,0,0\n1.png,3,9,0,7\n', False)])
def test_the_digest_knows_when_frames_were_taken(tmp_path, write_images, drive, other, is_same):
    pair = make_pair(data='folder', reference='a', query='b', truth={'metres': 5.0})
    drives = write_drives(tmp_path / 'data', write_images, a=[0, 9], b=[0, 9])
    before = open_pair(pair, [drives]).digest
    (drives / drive / 'poses.csv').write_text(other)
    assert (open_pair(pair, [drives]).digest == before) == is_same


@pytest.mark.parametrize('drive', ['a', 'b'])
def test_the_digest_knows_which_frames_were_taken(tmp_path, write_images, drive):
    pair = make_pair(data='folder', reference='a', query='b', truth={'frames': 1})
    for name in 'a', 'b':
        write_images(tmp_path / 'data' / name, ['0.png', '1.png'])
    before = open_pair(pair, [tmp_path / 'data']).digest
    (tmp_path / 'data' / drive / '1.png').rename(tmp_path / 'data' / drive / '2.png')
    assert open_pair(pair, [tmp_path / 'data']).digest != before


def test_a_traverse_against_itself_is_told(campus):
    itself = open_pair(make_pair(query='day_left'), [campus])
    assert any('each finds itself' in note for note in itself.notes)
    assert not any('itself' in note for note in open_pair(make_pair(), [campus]).notes)
