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

"""Settings of a training: what a recipe file may say."""

from __future__ import annotations

from typing import Literal

from vpr_ros.config import setting
from vpr_ros.config import Settings
from vpr_ros.training.augmentation.settings import AugmentationSettings

__all__ = ['IN_BATCH', 'Objective', 'RecipeSettings']

Objective = Literal['classification', 'triplet', 'multi_similarity', 'contrastive', 'graded',
                    'ranking']
#: Those whose steps are a few images each of several places.
IN_BATCH: tuple[Objective, ...] = ('triplet', 'multi_similarity', 'contrastive')


class PlaceSettings(Settings):
    """Which images are examples, and which examples show one place."""

    windows: int = setting(
        1, 'Cut each image of a fixed camera into n x n windows, each a place of its own.', ge=1)
    overlap: float = setting(
        0.0, 'Share of its side that each of these windows has in common with its neighbour.',
        ge=0.0, lt=1.0)
    sequence_stride: int = setting(
        1, 'For networks of sequences: how many images later the next sequence begins.', ge=1)
    sequence_gap: float = setting(
        0.0, 'A sequence has no two neighbours farther apart than this; 0 for any.', ge=0.0)
    positive: float = setting(
        10.0, 'Two images within this distance show one place: metres, or frames where traverses '
        'are aligned frame by frame.', ge=0.0)
    negative: float = setting(
        25.0, 'Two images beyond this distance show two places; in between they are neither.',
        ge=0.0)
    heading_deg: float = setting(
        40.0, 'How far the headings of one place may differ; 180 for any.', gt=0.0, le=180.0)
    across: bool = setting(
        True, 'Match positions of different traverses only: a drive beside itself teaches '
        'nothing about change.')
    shares: str = setting(
        '', 'Of the places per step, how many are of each source of data, in their order, joined '
        'by "+"; empty for any of all, of which a large source has the most.')
    held_out: float = setting(
        0.2, 'Share of the places that only tell how well the network learns, where no other '
        'data is given in validation.', gt=0.0, lt=1.0)
    held_out_regions: str = setting(
        '', 'Instead of a share: names of regions (cameras, cities) to hold out, joined by "+".')


class ClassificationSettings(Settings):
    """Places as classes (Chen et al. 2018)."""

    images: int = setting(64, 'Images per step.', ge=1)


class InBatchSettings(Settings):
    """A batch of a few images each of several places."""

    places: int = setting(16, 'Places per step.', ge=2)
    images: int = setting(4, 'Images of each.', ge=2)
    neighbours: int = setting(
        1, 'Draw places by so many that are beside each other, which are the hardest to tell '
        'apart: windows of one camera, single images along one drive, positions not far beyond '
        'places.negative.', ge=1)


class TripletSettings(InBatchSettings):
    """Triplets by distance-weighted sampling (Wu et al. 2017; Seymour et al. 2019)."""

    margin: float = setting(0.5, 'Between the two distances, at the scale below.', gt=0.0)
    scale: float = setting(10.0, 'Length of descriptors in the loss (alpha).', gt=0.0)
    squared: bool = setting(False, 'Compare squared distances.')
    cutoff: float = setting(0.5, 'Negatives nearer than this, at unit length, weigh no more.',
                            ge=0.0)
    nonzero_cutoff: float = setting(1.4, 'Negatives farther than this are not drawn.', gt=0.0)


class MultiSimilaritySettings(InBatchSettings):
    """Multi-similarity loss and miner (Wang et al., CVPR 2019)."""

    alpha: float = setting(1.0, 'Sharpness for positives.', gt=0.0)
    beta: float = setting(50.0, 'Sharpness for negatives.', gt=0.0)
    base: float = setting(0.0, 'Similarity at which a pair begins to count (lambda).')
    epsilon: float = setting(0.1, 'Margin of the miner.')


class ContrastiveSettings(InBatchSettings):
    """Supervised contrastive loss (Khosla et al. 2020)."""

    temperature: float = setting(0.07, 'Of similarities.', gt=0.0)


class GradedSettings(Settings):
    """Pairs of graded similarity (Leyva-Vallina et al. 2021; Holder et al. 2023)."""

    pairs: int = setting(32, 'Pairs per step.', ge=1)
    margin: float = setting(0.5, 'Distance beyond which two places may lie anywhere (tau).',
                            gt=0.0)
    angle_deg: float = setting(90.0, 'Field of view from which overlap is computed.', gt=0.0,
                               le=360.0)
    radius: float = setting(50.0, 'How far the camera sees, in the unit of positions.', gt=0.0)


class RankingSettings(Settings):
    """Weakly supervised ranking with cached hard negatives (Wang 2019; Zhao 2023)."""

    queries: int = setting(2, 'Queries per step, each with its positives and negatives.', ge=1)
    positives: int = setting(1, 'Potential positives of a query, the nearest in the cache; the '
                             'loss takes the nearest of them.', ge=1)
    negatives: int = setting(10, 'Hardest negatives of a query.', ge=1)
    sampled: int = setting(1000, 'Negatives drawn from the cache to choose the hardest from.',
                           ge=1)
    refresh: int = setting(1000, 'The cache is computed anew after so many queries.', ge=1)
    pool: int = setting(0, 'References encoded for the cache (partial mining); 0 for all.', ge=0)
    margin: float = setting(0.1, 'Of the triplet ranking loss.', gt=0.0)
    squared: bool = setting(True, 'Compare squared distances.')


class AdaptationSettings(Settings):
    """MK-MMD to the unlabelled images of target (Wang et al. 2019)."""

    weight: float = setting(0.99, 'Of the term (alpha).', gt=0.0)
    images: int = setting(12, 'Images of the target per step.', ge=2)
    squared: bool = setting(False, 'Square the norm.')
    reduction: Literal['sum', 'mean'] = setting('sum', 'Over the locations of the map.')


class TeacherSettings(Settings):
    """Another network whose similarities are to be learnt."""

    network: str = setting('', 'Name of the network; empty for none.')
    options: str = setting('', 'Its options, a YAML mapping.')
    weight: float = setting(1.0, 'Of the term.', gt=0.0)
    cache: str = setting('', "Folder for its features; empty for the user's cache.")


class OptimiserSettings(Settings):
    """How parameters move."""

    kind: Literal['sgd', 'adam', 'adamw'] = setting('adam', 'Which optimiser.')
    rate: float = setting(1e-4, 'Learning rate.', gt=0.0)
    slow: str = setting('', 'Parameters with a rate of their own: patterns such as "trunk.*".')
    slow_rate: float = setting(0.0, 'Their learning rate; 0 for the same.', ge=0.0)
    momentum: float = setting(0.0, 'Of sgd.', ge=0.0, lt=1.0)
    weight_decay: float = setting(0.0, 'Pull towards zero.', ge=0.0)
    clip: float = setting(0.0, 'Longest gradient; 0 for any.', ge=0.0)


class ScheduleSettings(Settings):
    """How learning rates change, and when training ends."""

    steps: int = setting(0, 'Steps of the training; 0 to count epochs.', ge=0)
    epochs: float = setting(1.0, 'Passes over the places, where steps is 0.', gt=0.0)
    kind: Literal['constant', 'step', 'cosine', 'linear'] = setting(
        'constant', 'How rates change: not, by steps, or to zero in a curve or a line.')
    every: int = setting(1000, 'Steps between two drops of the step schedule.', ge=1)
    every_epochs: float = setting(0.0, 'Epochs between two drops instead; 0 to count steps.',
                                  ge=0.0)
    gamma: float = setting(0.1, 'Factor of each drop.', gt=0.0)
    warm_up: int = setting(0, 'Steps in which rates rise from zero.', ge=0)


class FreezeSettings(Settings):
    """What training leaves as it is."""

    parameters: str = setting('', 'Patterns of names, such as "trunk.* tokeniser.*".')
    stages: str = setting('', 'For semantic_mask: train the first X and last Y stages, "X-Y".')
    steps: int = setting(0, 'Free them after so many steps; 0 for never.', ge=0)


class RunSettings(Settings):
    """Where and how a training runs: of what is learnt it changes rounding alone."""

    accelerator: Literal['auto', 'cpu', 'gpu'] = setting('auto', 'What computes.')
    precision: Literal['32-true', 'bf16-mixed', '16-mixed'] = setting(
        '32-true', 'Mixed precision computes the network in half precision, losses and weights '
        'in single.')
    chunk: int = setting(0, 'Examples in memory at once, of each process: gradients of the whole '
                         'batch are accumulated exactly, at the price of a second pass; 0 for '
                         'all.', ge=0)
    workers: int = setting(-1, 'Processes that read images; -1 for what the machine has, at '
                           'most 8.', ge=-1)
    checkpoint_every: int = setting(100, 'Steps between checkpoints.', ge=1)
    validate_every: int = setting(100, 'Steps between validations.', ge=1)
    validation_times: int = setting(8, 'Images of each held-out place that are compared.', ge=2)
    validation_moves: float = setting(
        0.0, 'Let held-out cameras move: of each image of a labelled place a part is compared '
        'that is smaller by this share, and lies up to as far to the left or right.', ge=0.0,
        lt=1.0)
    log_every: int = setting(10, 'Steps between lines of the logs.', ge=1)
    half_weights: bool = setting(False, 'Keep trained weights, but for vectors such as biases, in '
                                 'half precision, at half the size; the checkpoint stays exact.')
    tensorboard: bool = setting(True, 'Also write logs for TensorBoard.')


class RecipeSettings(Settings):
    """All of a training; a recipe file gives what differs from these defaults."""

    network: str = setting('compact', 'Network to train: one of "vpr_ros networks".')
    options: str = setting('', 'Its options, a YAML mapping.')
    objective: Objective = setting('multi_similarity', 'What is trained for.')
    data: str = setting('', 'Images to train on: packed files, folders or town, separated by '
                        'commas.')
    validation: str = setting('', 'Other images that tell how well it learns; empty to hold out '
                              'some of the places.')
    target: str = setting('', 'Unlabelled images of another domain to adapt to.')
    out: str = setting('', 'Folder of the run; empty for the name of the recipe.')
    seed: int = setting(0, 'Of all random numbers but for first weights, which options.seed '
                        'sets.', ge=0)
    clusters: int = setting(0, 'Start VLAD from clusters of so many local features, unless '
                            'options.weights names a trained network; 0 not to.', ge=0)
    discriminants: int = setting(0, 'Start the linear maps of compact from the discriminants of '
                                 'so many training images, where options.trunk_weights gives a '
                                 'trunk to train it upon; 0 not to.', ge=0)
    places: PlaceSettings = PlaceSettings()
    classification: ClassificationSettings = ClassificationSettings()
    triplet: TripletSettings = TripletSettings()
    multi_similarity: MultiSimilaritySettings = MultiSimilaritySettings()
    contrastive: ContrastiveSettings = ContrastiveSettings()
    graded: GradedSettings = GradedSettings()
    ranking: RankingSettings = RankingSettings()
    adaptation: AdaptationSettings = AdaptationSettings()
    teacher: TeacherSettings = TeacherSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    freeze: FreezeSettings = FreezeSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    run: RunSettings = RunSettings()
