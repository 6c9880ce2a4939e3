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
"""Packing from the command line."""

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner
from vpr_ros.cli.train_pack import _bytes
from vpr_ros.cli.train_pack import _size
from vpr_ros.cli.train_pack import pack
from vpr_ros.errors import VprError
from vpr_ros.training.sources.shards import open_shard

app = typer.Typer()
app.command()(pack)


def run(*arguments):
    """Run the command and return what it says; what the user can put right is raised."""
    done = CliRunner(env={'COLUMNS': '200', 'NO_COLOR': '1'}).invoke(app, [*map(str, arguments)])
    if isinstance(done.exception, VprError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def cameras(tmp_path):
    """Return a folder of two cameras with four images each."""
    rng = np.random.default_rng(0)
    for camera in ('north', 'south'):
        (tmp_path / 'cameras' / camera).mkdir(parents=True)
        for number in range(4):
            image = cv2.resize(rng.integers(0, 256, (30, 40, 3), np.uint8), (400, 300))
            cv2.imwrite(str(tmp_path / 'cameras' / camera / f'{number}.png'), image)
    return tmp_path / 'cameras'


def test_folders_become_one_file(cameras, tmp_path):
    out = tmp_path / 'train.tar'
    said = run(cameras, '-o', out)
    size = out.stat().st_size / 1e6
    assert f'8 examples of 8 images in {out} ({size:.1f} MB; JPEG of quality 85)' in said
    assert '8/8' in said
    packed = open_shard(out)
    assert packed.read(0)[0].shape == (240, 320, 3)
    assert packed.region_names == ('north', 'south')
    assert packed.places.tolist() == [0] * 4 + [1] * 4
    # Packed again it is the same table; two tables are one file.
    said = run(out, cameras, '-o', tmp_path / 'both.tar', '--size', '100x200', '--quality', '60')
    assert 'quality 60' in said
    both = open_shard(tmp_path / 'both.tar')
    assert len(both) == 16
    assert both.read(15)[0].shape == (75, 100, 3)


def test_windows_share_their_images(cameras, tmp_path):
    said = run(cameras, '-o', tmp_path / 'train.tar', '--windows', '2')
    assert '32 examples of 8 images' in said
    packed = open_shard(tmp_path / 'train.tar')
    assert packed.read(0)[0].shape == (120, 160, 3)
    assert len(set(packed.places.tolist())) == 8


def test_a_limit_is_kept_and_told(cameras, tmp_path):
    out = tmp_path / 'train.tar'
    run(cameras, '-o', out)
    most = int(out.stat().st_size * 0.9)
    said = run(cameras, '-o', out, '--limit', f'{most}B', '--overwrite')
    assert out.stat().st_size <= most
    assert f'instead of 85 so that the file stays within {most}B' in ' '.join(said.split())
    before = out.read_bytes()
    with pytest.raises(VprError, match='8 images of at most 320 x 240 pixels take about .* even '
                                       'at quality 50'):
        run(cameras, '-o', out, '--limit', '30kB', '--overwrite')
    assert out.read_bytes() == before


@pytest.mark.parametrize(('arguments', 'said'), [
    (['-o', 'x.zip'], "a .tar file, got 'x.zip'"), (['-o', 'here.tar'], '--overwrite'),
    (['-o', 'x.tar', '--size', '320'], 'such as 320x240'),
    (['-o', 'x.tar', '--limit', '60'], 'such as 60MB'),
    (['-o', 'x.tar', 'nowhere'], 'nowhere')])
def test_what_the_user_can_put_right_is_said(cameras, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'here.tar').write_text('')
    with pytest.raises(VprError, match=said):
        run(cameras, *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['cameras', 'here.tar']


def test_sizes_are_read_as_they_are_written():
    assert _size('320x240') == _size(' 320X240 ') == (320, 240)
    for text, wanted in (('60MB', 60_000_000), ('60 mb', 60_000_000), ('1.5GiB', 3 * 2 ** 29),
                         ('200kB', 200_000), ('7B', 7), ('', None)):
        assert _bytes(text) == wanted
    for text in ('60', 'MB', '-1MB', '60TB', '6e9B', '60iB', '1' * 20 + 'B'):
        with pytest.raises(VprError, match='such as 60MB'):
            _bytes(text)
    for text in ('', 'x', '320*240', '-1x2', '1' * 9 + 'x1'):
        with pytest.raises(VprError, match='such as 320x240'):
            _size(text)
