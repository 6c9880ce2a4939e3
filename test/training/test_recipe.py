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
from pathlib import Path

import pytest
from vpr_ros.errors import VprError
from vpr_ros.networks.registry import network_options
from vpr_ros.training.recipe import differing
from vpr_ros.training.recipe import dump_recipe
from vpr_ros.training.recipe import parse_recipe
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.recipe import recipe_about
from vpr_ros.training.recipe import recipe_names
from vpr_ros.training.recipe import recipe_options


@pytest.mark.parametrize('name', recipe_names())
def test_each_recipe_is_read_and_survives_being_written(name):
    recipe = read_recipe(name)
    assert recipe == parse_recipe(dump_recipe(recipe), name)
    assert recipe_options(recipe.options).keys() <= network_options(recipe.network).keys()
    assert recipe_about(name).endswith(('.', 'network.'))


def test_the_papers_numbers():
    """As NETWORKS.md and the papers have them."""
    chen = read_recipe('context_attention')
    assert (chen.objective, chen.classification.images) == ('classification', 64)
    assert (chen.optimiser.rate, chen.optimiser.slow_rate) == (8e-4, 8e-5)
    assert (chen.schedule.steps, chen.schedule.every, chen.schedule.gamma) == (80000, 30000, 0.1)
    seymour = read_recipe('saane')
    assert (seymour.triplet.places, seymour.triplet.images) == (16, 4)
    assert (seymour.triplet.margin, seymour.triplet.scale) == (0.5, 10.0)
    assert (seymour.optimiser.rate, seymour.optimiser.weight_decay) == (5e-5, 5e-4)
    holder = read_recipe('semantic_mask')
    assert (holder.graded.margin, holder.graded.angle_deg, holder.graded.radius) == (0.5, 90, 50)
    assert (holder.optimiser.kind, holder.optimiser.rate, holder.graded.pairs) == ('sgd', 0.1, 32)
    wang = read_recipe('attention_vlad')
    assert wang.ranking.queries == 2
    assert 1 + wang.ranking.positives + wang.ranking.negatives == 24
    assert (wang.ranking.sampled, wang.ranking.negatives, wang.ranking.refresh) == (1000, 10, 1000)
    assert (wang.ranking.margin, wang.ranking.squared) == (0.1, True)
    assert (wang.adaptation.weight, wang.optimiser.rate) == (0.99, 1e-5)
    assert (wang.schedule.epochs, wang.augmentation.crop_smallest) == (25, 0.3)
    zhao = read_recipe('spatiotemporal')
    assert (zhao.ranking.pool, zhao.ranking.refresh, zhao.ranking.margin) == (1000, 1000, 0.1)
    assert (zhao.places.positive, zhao.places.negative, zhao.optimiser.rate) == (10, 25, 1e-5)


def test_assignments_win_and_options_are_merged(tmp_path):
    file = tmp_path / 'mine.yaml'
    file.write_text('network: gem\noptions: {trunk: resnet18, p: 2.0}\nobjective: contrastive\n'
                    'optimiser: {rate: 1e-3}\n')
    recipe = read_recipe(str(file), ['optimiser.rate=5e-4', 'options.p=4.0', 'data=a,b',
                                     'contrastive.places=8', 'run.tensorboard=false'])
    assert recipe.optimiser.rate == 5e-4
    assert recipe_options(recipe.options) == {'trunk': 'resnet18', 'p': 4.0}
    assert (recipe.data, recipe.contrastive.places) == ('a,b', 8)
    assert recipe.run.tensorboard is False
    assert read_recipe(str(file)).optimiser.rate == 1e-3
    replaced = read_recipe(str(file), ['options={trunk: resnet50}', 'options.p=1.0'])
    assert recipe_options(replaced.options) == {'trunk': 'resnet50', 'p': 1.0}


@pytest.mark.parametrize(('assignment', 'message'), [
    ('ranking.margn=0.2', 'ranking.margin'),
    ('ranking.margin=wide', 'must be a number'),
    ('ranking.queries=0', 'greater than or equal to 1'),
    ('triplet.margin=0.2', 'objective=triplet'),
    ('adaptation.weight=0.5', 'give target='),
    ('optimiser.slow_rate=1e-3', 'needs optimiser.slow'),
    ('objective=rank', 'objective'),
    ('ranking.margin', 'name=value'),
    ('ranking={margin: 0.2}', 'group of settings.*ranking.queries='),
    ('options=[1]', 'a mapping'),
])
def test_what_is_wrong_is_said(assignment, message):
    with pytest.raises(VprError, match=message):
        read_recipe('attention_vlad', [assignment])


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(VprError, match='did you mean.*saane'):
        read_recipe('saan')
    with pytest.raises(VprError, match='cannot read the recipe'):
        read_recipe(str(tmp_path / 'none.yaml'))
    (tmp_path / 'list.yaml').write_text('- 1\n')
    with pytest.raises(VprError, match='is no recipe'):
        read_recipe(str(tmp_path / 'list.yaml'))


def test_what_changes_what_is_learnt():
    one = read_recipe('saane', ['out=a', 'run.workers=3', 'run.chunk=2'])
    assert differing(one, read_recipe('saane', ['out=b'])) == []
    other = read_recipe('saane', ['triplet.margin=0.4', 'run.precision=bf16-mixed'])
    assert differing(one, other) == ['triplet.margin', 'run.precision']
    # It shows other parts of images, which a run that goes on would not know again.
    moving = read_recipe('saane', ['run.validation_moves=0.25'])
    assert differing(one, moving) == ['run.validation_moves']


def test_recipes_lie_beside_the_code():
    folder = Path(read_recipe.__code__.co_filename).parent / 'recipes'
    assert sorted(path.stem for path in folder.iterdir()) == recipe_names()
