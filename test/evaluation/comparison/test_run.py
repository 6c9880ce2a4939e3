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

"""Networks and lists on the pairs of protocols."""

from contextlib import contextmanager
import json
from pathlib import Path
import shutil

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.datasets.images import ImageFiles
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
from vpr_ros.evaluation.comparison.examples import choose_examples
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.result_folder import result_folder
from vpr_ros.evaluation.comparison.run import Case
from vpr_ros.evaluation.comparison.run import evaluate_list
from vpr_ros.evaluation.comparison.run import evaluate_network
from vpr_ros.evaluation.comparison.run import measured_before
from vpr_ros.evaluation.comparison.run import Ways
from vpr_ros.evaluation.comparison.systems import ListedSystem
from vpr_ros.evaluation.comparison.systems import NetworkSystem
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.metrics import recalls_at
from vpr_ros.evaluation.protocols.opening import open_pair
from vpr_ros.evaluation.protocols.protocol import read_protocol
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings

PLACES = 14
THUMBNAIL = NetworkSystem('thumbnail', ExtractionSettings(network='thumbnail', device='cpu'))
COMPACT = NetworkSystem('compact', ExtractionSettings(network='compact', device='cpu'))
PROTOCOL = """
title: Some places twice
pairs:
- name: dark
  data: folder
  reference: morning
  query: evening
  group: both
  truth: {frames: 1}
- name: bright
  data: folder
  reference: evening
  query: morning
  group: both
  truth: {frames: 1}
"""


def draw(folder: Path, light: float) -> None:
    folder.mkdir(parents=True)
    for place in range(PLACES):
        coarse = np.random.default_rng(place).integers(0, 256, (6, 8, 3), np.uint8)
        image = cv2.resize(coarse, (640, 320), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f'{place:03d}.png'), (image * light).astype(np.uint8))


@pytest.fixture(scope='module')
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('places')
    draw(root / 'data' / 'morning', 1.0)
    draw(root / 'data' / 'evening', 0.4)
    (root / 'twice.yaml').write_text(PROTOCOL)
    return root


class Seen:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.results: list[tuple[str, str, bool]] = []
        self.frames: list[tuple[int, int]] = []

    @contextmanager
    def doing(self, what):
        self.done.append(what)
        yield lambda done, total: self.frames.append((done, total))

    def measured(self, result, *, before):
        self.results.append((result.pair, result.method, before))


def cases(root: Path) -> list[Case]:
    protocol = read_protocol(root / 'twice.yaml')
    return [Case(protocol, open_pair(pair, [root / 'data'], protocol=protocol))
            for pair in protocol.pairs]


def run(root: Path, out: Path, *, system=THUMBNAIL, ways=None, cache=None):
    seen = Seen()
    results = evaluate_network(system, cases(root), ways or Ways(), out=out, watcher=seen,
                               cache=DescriptionCache(cache or out / 'cache'))
    return results, seen


def numbers(results):
    """Return all numbers that do not depend on the clock."""
    return [{name: number for name, number in r.numbers.items() if '_ms@' not in name}
            for r in results]


def test_single_images_are_measured_as_by_hand(originals, tmp_path):
    results, seen = run(originals, tmp_path)
    assert [(r.pair, r.method, r.statistics) for r in results] == [
        ('dark', 'single image', 'none'), ('bright', 'single image', 'none')]
    assert seen.done == [
        'thumbnail: data/morning', 'thumbnail: data/evening',
        'thumbnail: data/evening', 'thumbnail: data/morning']
    opened = cases(originals)[0].opened
    extractor = make_extractor(THUMBNAIL.settings)
    morning, evening = (np.stack([d.descriptor for _, d in extractor.describe_all(traverse)])
                        for traverse in (opened.reference, opened.query))
    by_hand = recalls_at(rank(evening @ morning.T, 10), opened.truth, (1, 5, 10))
    first = results[0]
    assert [first.numbers[f'recall@{n}'].value for n in (1, 5, 10)] == [r.value for r in by_hand]
    assert first.counts.queries == first.counts.references == first.counts.with_place == PLACES
    assert first.truth == 'within 1 frame'
    assert json.loads(first.network)['name'] == 'thumbnail'
    assert first.numbers['describe_ms@mean'].count == PLACES


def test_each_result_lies_in_its_folder_with_matches_matrix_and_pictures(originals, tmp_path):
    (first, _), _ = run(originals, tmp_path, system=COMPACT, cache=originals / 'kept')
    folder = result_folder(tmp_path, protocol='twice', pair='dark', label='compact',
                           method='single image', statistics='none')
    assert folder.read() == first
    assert folder.read_matrix().levels.shape == (PLACES, PLACES)
    assert len(folder.matches_path.read_text().splitlines()) == 1 + PLACES * PLACES
    assert first.examples
    for example in first.examples:
        assert example.kind == ('best' if example.correct else 'worst')
        for kind in ('query', 'attention', 'match'):
            picture = cv2.imdecode(np.frombuffer(folder.read_picture(example.query, kind),
                                                 np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape == (240, 480, 3)
        right = folder.read_picture(example.query, 'right')
        assert (right is None) == example.correct


def test_a_second_call_finds_all_and_describes_nothing(originals, tmp_path):
    ways = Ways(('none', 'past', 'whole traverse'), over_time=True)
    first, before = run(originals, tmp_path, ways=ways)
    shutil.rmtree(tmp_path / 'cache')
    again, after = run(originals, tmp_path, ways=ways)
    assert again == first
    assert [known for _, _, known in before.results] == [False] * 8
    assert [known for _, _, known in after.results] == [True] * 8
    assert after.done == []
    assert [(r.method, r.statistics) for r in first[:4]] == [
        ('single image', 'none'), ('single image', 'past'), ('single image', 'whole traverse'),
        ('over time', 'none')]


def test_a_damaged_result_is_measured_again_and_told(originals, tmp_path, caplog):
    first, _ = run(originals, tmp_path)
    path = tmp_path / 'runs' / 'twice' / 'dark' / 'thumbnail.single-image' / 'result.json'
    path.write_text(path.read_text()[:100])
    again, seen = run(originals, tmp_path)
    assert again == first
    assert [known for _, _, known in seen.results] == [False, True]
    assert 'is no result of an evaluation' in caplog.text
    assert 'measured again' in caplog.text


def test_a_result_that_could_not_be_replaced_is_not_believed(originals, tmp_path):
    run(originals, tmp_path, system=COMPACT)
    folder = result_folder(tmp_path, protocol='twice', pair='dark', label='compact',
                           method='single image', statistics='none')
    matches = folder.matches_path.read_bytes()
    # As where a run is killed while it writes what another network answered.
    (folder.path / 'matrix.png').unlink()
    (folder.path / 'matrix.png').mkdir()
    with pytest.raises(VprError, match='cannot be written'):
        run(originals, tmp_path, system=NetworkSystem('compact', THUMBNAIL.settings))
    assert folder.read() is None
    (folder.path / 'matrix.png').rmdir()
    again, seen = run(originals, tmp_path, system=COMPACT)
    assert [known for _, _, known in seen.results] == [False, True]
    assert folder.matches_path.read_bytes() == matches


def test_nothing_of_an_older_result_stays_beside_a_newer_one(originals, tmp_path):
    thumbnail = NetworkSystem('mine', THUMBNAIL.settings)
    run(originals, tmp_path / 'new', system=thumbnail)
    run(originals, tmp_path / 'again', system=NetworkSystem('mine', COMPACT.settings))
    assert list((tmp_path / 'again' / 'runs').glob('**/*.attention.jpg'))
    run(originals, tmp_path / 'again', system=thumbnail)
    there = [sorted(path.relative_to(runs) for path in runs.glob('**/*')) for runs in (
        tmp_path / 'new' / 'runs', tmp_path / 'again' / 'runs')]
    assert there[0] == there[1]


def test_what_is_asked_for_later_is_added(originals, tmp_path):
    run(originals, tmp_path)
    results, seen = run(originals, tmp_path, ways=Ways(('none', 'whole traverse')))
    assert [known for _, _, known in seen.results] == [True, False, True, False]
    assert len({json.dumps(n, default=str) for n in numbers(results)}) > 1


def test_the_same_numbers_come_out_without_what_was_kept(originals, tmp_path):
    ways = Ways(over_time=True)
    first, _ = run(originals, tmp_path / 'a', ways=ways, system=COMPACT,
                   cache=originals / 'kept')
    second, _ = run(originals, tmp_path / 'b', ways=ways, system=COMPACT)
    assert numbers(first) == numbers(second)
    assert [r.examples for r in first] == [r.examples for r in second]


def test_over_time_says_what_it_knows_and_how_long_it_took(originals, tmp_path):
    results, seen = run(originals, tmp_path, ways=Ways((), over_time=True), system=COMPACT,
                        cache=originals / 'kept')
    found = results[0].numbers
    assert {'localization_rate', 'known_precision', 'brier', 'match_ms@95', 'describe_ms@mean',
            'geometry_ms@50', 'search_ms@99'} <= set(found)
    assert 'compact: dark, over time' in seen.done
    assert (PLACES, PLACES) in seen.frames
    assert found['match_ms@50'].value >= found['search_ms@50'].value > 0.0


def test_a_changed_image_is_measured_anew(originals, tmp_path):
    shutil.copytree(originals, tmp_path / 'copy')
    run(tmp_path / 'copy', tmp_path / 'out')
    cv2.imwrite(str(tmp_path / 'copy/data/evening/004.png'), np.zeros((320, 640, 3), np.uint8))
    results, seen = run(tmp_path / 'copy', tmp_path / 'out')
    assert [known for _, _, known in seen.results] == [False, False]
    assert results[0].numbers['recall@1'].value < 1.0


def test_another_rule_or_other_weights_are_measured_anew_another_name_of_a_group_is_not(
        originals, tmp_path):
    shutil.copytree(originals, tmp_path / 'copy')
    file = tmp_path / 'copy' / 'twice.yaml'
    run(tmp_path / 'copy', tmp_path / 'out')
    file.write_text(PROTOCOL.replace('group: both', 'group: light'))
    results, seen = run(tmp_path / 'copy', tmp_path / 'out')
    assert [known for _, _, known in seen.results] == [True, True]
    assert [r.group for r in results] == ['light', 'light']
    file.write_text(PROTOCOL.replace('frames: 1', 'frames: 0', 1))
    results, seen = run(tmp_path / 'copy', tmp_path / 'out')
    assert [known for _, _, known in seen.results] == [False, True]
    assert results[1].protocol_hash == read_protocol(file).hash
    other = NetworkSystem('thumbnail', ExtractionSettings(
        network='thumbnail', device='cpu', options='{patch: 4}'))
    _, seen = run(tmp_path / 'copy', tmp_path / 'out', system=other)
    assert [known for _, _, known in seen.results] == [False, False]


def test_our_own_matches_read_back_to_the_same_numbers(originals, tmp_path):
    ways = Ways(('none', 'whole traverse'), over_time=True)
    results, _ = run(originals, tmp_path, system=COMPACT, ways=ways, cache=originals / 'kept')
    for result in results:
        path = result_folder(
            tmp_path, protocol='twice', pair=result.pair, label='compact', method=result.method,
            statistics=result.statistics).matches_path
        listed, = evaluate_list(
            ListedSystem('theirs', {('twice', result.pair): path}), cases(originals),
            out=tmp_path / 'theirs', watcher=Seen())
        assert numbers([listed]) == numbers([result])
        assert listed.curves == result.curves
        assert listed.examples == result.examples
        assert listed.method == 'listed'


def test_queries_without_an_answer_are_told(originals, tmp_path):
    (tmp_path / 'theirs.csv').write_text('query,reference\n000.png,000.png\n3,\n')
    with pytest.raises(VprError, match="theirs.csv line 3: there is no query image '3'"):
        evaluate_list(ListedSystem('x', {('twice', 'dark'): tmp_path / 'theirs.csv'}),
                      cases(originals), out=tmp_path, watcher=Seen())
    (tmp_path / 'theirs.csv').write_text('query,reference\n0,0\n1,1\n2,9\n3,\n')
    result, = evaluate_list(ListedSystem('x', {('twice', 'dark'): tmp_path / 'theirs.csv'}),
                            cases(originals), out=tmp_path, watcher=Seen())
    assert '11 of 14 queries have no answer in the list' in result.notes
    assert result.numbers['recall@1'].value == 2 / 14
    assert set(result.numbers) == {'recall@1', 'map@1'}


def test_the_best_are_from_all_over_the_drive_and_the_worst_are_sure_and_apart():
    count = 60
    references = np.arange(count)[:, None]
    scores = np.linspace(0.3, 0.9, count)[:, None]
    wrong = [10, 50, 51, 52, 30]
    references[wrong] = 0
    references[5], scores[5] = -1, -np.inf
    truth = GroundTruth.from_frame_tolerance(count, count, 1)
    found = choose_examples(Matches(references, scores), truth, 4)
    best = [e.query for e in found if e.kind == 'best']
    assert len(best) == 4
    assert all(e.correct and e.right == e.reference for e in found if e.kind == 'best')
    assert np.diff(best).min() > 8
    assert best[-1] == count - 1
    # 51 and 50 are beside 52, which is the surest.
    assert [e.query for e in found if e.kind == 'worst'] == [52, 30, 10, 51]
    # Each in the middle of what is right.
    assert [e.right for e in found if e.kind == 'worst'] == [52, 30, 10, 51]


def test_nothing_right_and_nothing_answered_leave_no_examples():
    truth = GroundTruth.from_frame_tolerance(3, 3, 0)
    silent = Matches(np.full((3, 1), -1), np.full((3, 1), -np.inf))
    assert choose_examples(silent, truth) == ()


def test_odometry_is_told_where_there_is_some(tmp_path):
    protocol = read_protocol('town_another_day')
    opened = open_pair(protocol.pairs[0], [], protocol=protocol)
    part = opened.query.select(np.arange(6))
    assert len(part.odometry)
    assert ('over time with odometry', 'none') in Ways(odometry=True).of(opened)
    images = ImageFiles([tmp_path / 'none.png'])
    without = type(opened)(opened.pair, opened.reference, Traverse.of(images, name='x'),
                           opened.truth, '')
    assert Ways(('past',), odometry=True).of(without) == [('single image', 'past')]


def test_a_folder_that_cannot_be_written_says_what_to_do(originals, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'runs').write_text('a file in the way')
    with pytest.raises(VprError, match=r'cannot be written \(.*another folder with --out'):
        run(originals, tmp_path / 'out', cache=tmp_path / 'cache')


def test_other_systems_of_the_same_pairs_stand_in_the_tables_too(originals, tmp_path):
    root = tmp_path / 'root'
    shutil.copytree(originals, root)
    first, _ = run(root, tmp_path / 'out')
    table = root / 'theirs.csv'
    table.write_text('query,reference\n' + ''.join(f'{i},{i}\n' for i in range(PLACES)))
    listed = evaluate_list(ListedSystem('theirs', {('twice', 'dark'): table}), cases(root),
                           out=tmp_path / 'out', watcher=Seen())
    others = measured_before(cases(root), listed, tmp_path / 'out')
    assert [(r.label, r.pair) for r in others] == [('thumbnail', 'dark'), ('thumbnail', 'bright')]
    assert others == first
    assert measured_before(cases(root), [*listed, *first], tmp_path / 'out') == []
    # By another rule they are other numbers.
    changed = (root / 'twice.yaml').read_text().replace('frames: 1', 'frames: 2')
    (root / 'twice.yaml').write_text(changed)
    assert measured_before(cases(root), [], tmp_path / 'out') == []


def test_what_is_damaged_copied_or_of_other_images_stands_in_no_table(originals, tmp_path, caplog):
    root = tmp_path / 'root'
    shutil.copytree(originals, root)
    first, _ = run(root, tmp_path / 'out')
    pairs = tmp_path / 'out' / 'runs' / 'twice'
    shutil.copytree(pairs / 'dark' / 'thumbnail.single-image', pairs / 'dark' / 'a copy')
    assert measured_before(cases(root), [], tmp_path / 'out') == first
    damaged = pairs / 'dark' / 'thumbnail.single-image' / 'result.json'
    damaged.write_text(damaged.read_text()[:100])
    assert measured_before(cases(root), [], tmp_path / 'out') == first[1:]
    assert 'is no result of an evaluation' in caplog.text
    image = cv2.imread(str(root / 'data' / 'morning' / '003.png'))
    cv2.imwrite(str(root / 'data' / 'morning' / '003.png'), 255 - image)
    assert measured_before(cases(root), [], tmp_path / 'out') == []
    assert 'bright/thumbnail.single-image was measured on other images' in caplog.text
