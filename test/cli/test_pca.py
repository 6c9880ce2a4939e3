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

"""Smaller descriptors: fitted, used for a map, and asked for by it."""

from collections.abc import Callable
from pathlib import Path
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner
from vpr_ros.cli.main import app
from vpr_ros.errors import VprError
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.projection import fit_projection
from vpr_ros.networks.projection import read_projection
from vpr_ros.networks.registry import create_network

# Many commands, each of which would load PyTorch: they run in this process.
Run = Callable[..., str]
PICTURES = 'the folder of the morning'


def run(*arguments: object) -> str:
    """Run a command and return what it says; what the user can put right is raised."""
    done = CliRunner(env={'COLUMNS': '200', 'NO_COLOR': '1'}).invoke(app, [*map(str, arguments)])
    if isinstance(done.exception, VprError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope='module')
def made(traverses: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a map of the morning, and two projections that were fitted to it."""
    folder = tmp_path_factory.mktemp('made')
    run('map', 'build', '--images', traverses / 'morning', '-o', folder / 'town.vprmap',
        '--network', 'thumbnail')
    for name, options in (('town8', ('8',)), ('town5', ('5', '--whiten'))):
        run('pca', '--map', folder / 'town.vprmap', '-o', folder / f'{name}.safetensors',
            '--dimension', *options)
    return folder


@pytest.fixture
def town(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that commands run in, with all that was made."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path, dirs_exist_ok=True))
    return tmp_path


@pytest.fixture
def vpr_ros(town: Path) -> Run:
    return run


def test_a_map_gives_its_descriptors(made):
    with PlaceMap.open(made / 'town.vprmap') as place_map:
        descriptors = place_map.snapshot().descriptors
        network = place_map.network
    for file, dimension, whiten in (('town8', 8, False), ('town5', 5, True)):
        projection, fitted_for = read_projection(made / f'{file}.safetensors')
        wanted = fit_projection(descriptors, dimension, whiten)
        np.testing.assert_array_equal(projection.matrix, wanted.matrix)
        assert projection.kind == ('pca_whitened' if whiten else 'pca')
        assert projection.count == 12
        assert fitted_for == network


def test_the_same_images_give_almost_the_same(vpr_ros, town, traverses):
    vpr_ros('pca', '--images', traverses / 'morning', '--dimension', '8', '--network',
            'thumbnail', '-o', 'images.safetensors')
    projection, network = read_projection(town / 'images.safetensors')
    of_map, same = read_projection(town / 'town8.safetensors')
    assert network == same
    # A map holds descriptors rounded to float16.
    np.testing.assert_allclose(projection.matrix, of_map.matrix, atol=5e-3)
    again = vpr_ros('pca', '--images', traverses / 'morning', '-d', '8', '--network', 'thumbnail',
                    '--overwrite', '-o', 'images.safetensors')
    assert f'2048 -> 8 dimensions in images.safetensors: {projection.explained_variance:.1%}' \
           ' of the variance of 12 descriptors' in again
    assert 0.7 < projection.explained_variance < 1.0


def test_whitening_wants_many_descriptors(vpr_ros):
    fit = ('pca', '--map', 'town.vprmap', '-o', NEW, '--overwrite', '-d')
    assert '12 descriptors are few to whiten 2 dimensions' in vpr_ros(*fit, '2', '--whiten')
    assert 'few' not in vpr_ros(*fit, '1', '--whiten')
    assert 'few' not in vpr_ros(*fit, '2')


def test_a_bag_and_a_limit(vpr_ros, town, traverses):
    vpr_ros('bag', 'make', traverses, '--traverse', 'morning', '-o', 'ref.mcap')
    vpr_ros('pca', '--bag', 'ref.mcap', '-d', '2', '--limit', '4', '-o', 'few.safetensors',
            '-p', 'extraction.network:=thumbnail')
    assert read_projection(town / 'few.safetensors')[0].count == 4
    vpr_ros('pca', '--map', 'town.vprmap', '-d', '2', '--limit', '5', '-o', 'five.safetensors')
    assert read_projection(town / 'five.safetensors')[0].count == 5


@pytest.mark.parametrize('file', ['town8.safetensors', 'town5.safetensors'])
def test_places_are_found_by_smaller_descriptors(vpr_ros, town, traverses, file):
    use = ('-p', f'extraction.options:={{projection: {file}}}')
    vpr_ros('map', 'build', '--images', traverses / 'morning', '-o', 'small.vprmap', '--network',
            'thumbnail', *use)
    with PlaceMap.open(town / 'small.vprmap') as place_map:
        assert place_map.network.dimension == int(file[4])
        assert place_map.network.name == 'thumbnail'
        assert place_map.network == create_network(
            'thumbnail', {'projection': str(town / file)}).identity()
    localize = ('localize', '--images', traverses / 'evening', '--map')
    said = vpr_ros(*localize, 'small.vprmap', *use)
    assert 'of 12 images at a known place' in said
    assert not said.strip().splitlines()[-1].startswith('0 of 12')
    with pytest.raises(VprError, match='give the file of the projection .* extraction.options, '
                                       r'"\{projection: FILE\}"'):
        vpr_ros(*localize, 'small.vprmap')
    with pytest.raises(VprError, match='is not the one that made this map'):
        vpr_ros(*localize, 'town.vprmap', *use)
    with pytest.raises(VprError, match="of this 'thumbnail' are projected already"):
        vpr_ros('pca', '--map', 'small.vprmap', '-d', '2', '-o', 'twice.safetensors')


NEW = 'x.safetensors'


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--map', 'town.vprmap', '-d', '4', '-o', 'x.pt'], "a .safetensors file, got 'x.pt'"),
    (['--map', 'town.vprmap', '-d', '4', '-o', 'town8.safetensors'], '--overwrite'),
    (['--map', 'town.vprmap', '-d', '12', '-o', NEW], 'can be brought to 1 to 11 dimensions'),
    (['--map', 'none.vprmap', '-d', '4', '-o', NEW], 'no map at none.vprmap'),
    (['--map', 'town8.safetensors', '-d', '4', '-o', NEW], 'town8.safetensors'),
    (['-d', '4', '-o', NEW], '--map MAP, --bag FILE, or --images FOLDER'),
    (['--map', 'town.vprmap', '--network', 'compact', '-d', '4', '-o', NEW], 'leave out --bag'),
    (['--map', 'town.vprmap', '--images', '.', '-d', '4', '-o', NEW], 'leave out --bag'),
    (['--images', PICTURES, '--network', 'thumbnal', '-d', '4', '-o', NEW], "mean 'thumbnail'")])
def test_what_the_user_can_put_right_is_said(vpr_ros, town, traverses, arguments, said):
    before = {p.name: p.stat().st_size for p in town.iterdir()}
    arguments = [traverses / 'morning' if each is PICTURES else each for each in arguments]
    with pytest.raises(VprError, match=said):
        vpr_ros('pca', *arguments)
    assert {p.name: p.stat().st_size for p in town.iterdir()} == before


def test_the_help_has_an_example(vpr_ros):
    assert 'vpr_ros pca --map town.vprmap --dimension 128' in vpr_ros('pca', '--help')
