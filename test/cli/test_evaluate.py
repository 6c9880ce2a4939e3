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

"""Command: vpr_ros evaluate."""

import csv
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
from vpr_ros.cli.main import app
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.result import read_result

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = """
title: Some places twice
measures: [recall@1, recall@5, auc]
pairs:
- {name: dark, data: folder, reference: morning, query: evening, truth: {frames: 1}}
- {name: far, data: folder, reference: morning, query: evening, truth: {metres: 15}}
- {name: absent, data: gardens_point, reference: day_left, query: night_right,
   truth: {frames: 3}}
"""
ROWS = """
title: Of a paper
networks:
- {label: Trained elsewhere, network: gem, options: {trunk: mobilenet_v2}}
- {label: Baseline, network: thumbnail}
pairs:
- {name: dark, data: folder, reference: morning, query: evening, truth: {frames: 1}}
"""


@pytest.fixture
def twice(tmp_path: Path, traverses: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the options that name a protocol and its data; nothing is kept of the user."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'home'))
    monkeypatch.delenv('VPR_ROS_DATA', raising=False)
    (tmp_path / 'twice.yaml').write_text(PROTOCOL.lstrip())
    (tmp_path / 'paper.yaml').write_text(ROWS.lstrip())
    return ['evaluate', '--protocol', 'twice.yaml', '--data', traverses]


def results(out: Path) -> dict[str, dict[str, float]]:
    """Return all numbers that were written, but for times."""
    return {str(path.parent.relative_to(out)): {
        name: number.value for name, number in read_result(path).numbers.items()
        if '_ms@' not in name} for path in sorted(out.rglob('result.json'))}


def test_a_table_a_page_and_all_results_are_written(vpr_ros, twice, tmp_path):
    done = vpr_ros(*twice, '--networks', 'thumbnail,Fine=thumbnail{patch: 4}', '--out', 'report',
                   '--statistics', 'none,whole', '--over-time')
    out = tmp_path / 'report'
    assert 'Some places twice' in done.stdout
    assert '12 results; tables and pictures: report/index.html' in done.stdout
    assert 'left out: twice, absent: ' in done.stderr
    assert '--data' in done.stderr
    assert '<html' in (out / 'index.html').read_text()
    with open(out / 'results.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert {row['label'] for row in rows} == {'thumbnail', 'Fine'}
    found = results(out)
    assert len(found) == 12
    numbers = found['runs/twice/dark/thumbnail.single-image']
    line = next(line for line in done.stdout.splitlines()
                if line.startswith('thumbnail') and 'dark' in line and 'none' in line)
    told = f'{100 * numbers["recall@1"]:.1f}'.removesuffix('.0')
    assert told in line.replace('.0', '')
    again = vpr_ros(*twice, '--networks', 'thumbnail,Fine=thumbnail{patch: 4}', '--out', 'report',
                    '--statistics', 'none,whole', '--over-time')
    assert '12 results, all measured before' in again.stdout
    assert results(out) == found


def test_matches_of_another_program_are_judged_beside_networks(vpr_ros, twice, tmp_path):
    (tmp_path / 'theirs.csv').write_text('query,reference,score\n' + ''.join(
        f'{i:03d}.png,{min(i + i % 3, 11):03d}.png,{20 - i}\n' for i in range(12)))
    done = vpr_ros(*twice, '--matches', 'dark=theirs.csv', '--label', 'Theirs', '--networks',
                   'thumbnail', '--out', 'report', '--no-cache')
    assert 'Theirs' in done.stdout
    assert not (tmp_path / 'home').exists()
    found = results(tmp_path / 'report')
    assert found['runs/twice/dark/Theirs.listed']['recall@1'] == pytest.approx(9 / 12)
    # What was measured into one folder stands in one table.
    beside = vpr_ros(*twice, '--matches', 'dark=theirs.csv', '--label', 'Again', '--out', 'report')
    assert '1 result, and 3 that were there; tables' in beside.stdout
    table = (tmp_path / 'report' / 'results.md').read_text()
    assert all(label in table for label in ('Again', 'Theirs', 'thumbnail'))
    alone = vpr_ros(*twice, '--matches', 'twice/dark=theirs.csv', '--out', 'alone')
    assert '1 result; tables' in alone.stdout
    assert results(tmp_path / 'alone') == {
        'runs/twice/dark/listed.listed': found['runs/twice/dark/Theirs.listed']}


def test_rows_of_a_paper_need_weights_and_random_ones_are_told(vpr_ros, twice, tmp_path):
    paper = ['paper.yaml' if each == 'twice.yaml' else each for each in twice]
    done = vpr_ros(*paper, '--out', 'report')
    assert "left out: paper: there are no weights for 'Trained elsewhere'" in done.stderr
    assert list(results(tmp_path / 'report')) == ['runs/paper/dark/Baseline.single-image']
    lacking = vpr_ros(*paper, '--networks', 'Trained elsewhere', '--out', 'report', ok=False)
    assert 'Trained elsewhere.safetensors' in lacking.stderr
    wild = vpr_ros(*paper, '--networks', 'Trained elsewhere', '--allow-random', '--out', 'wild')
    assert 'Trained elsewhere (random weights)' in wild.stdout
    assert 'random weights' in (tmp_path / 'wild' / 'results.md').read_text()
    refused = vpr_ros(*paper, '--networks', 'gem{weights: random}', '--out', 'no', ok=False)
    assert "'gem{weights: random}' would run on random weights" in refused.stderr
    assert not (tmp_path / 'no').exists()


def test_weights_in_a_folder_are_those_of_the_row(vpr_ros, twice, tmp_path):
    from vpr_ros.networks.registry import create_network
    from vpr_ros.networks.weights import write_weights

    network = create_network('gem', {'trunk': 'mobilenet_v2', 'weights': 'random'})
    write_weights(tmp_path / 'weights' / 'Trained elsewhere.safetensors', network.state_dict(), {})
    paper = ['paper.yaml' if each == 'twice.yaml' else each for each in twice]
    done = vpr_ros(*paper, '--out', 'report', '--weights', 'weights')
    assert 'no weights' not in done.stderr
    assert 'random' not in done.stdout
    assert sorted(results(tmp_path / 'report')) == [
        'runs/paper/dark/Baseline.single-image', next(
            name for name in results(tmp_path / 'report') if 'Trained' in name)]


@pytest.mark.parametrize('options, words', [
    (['evaluate'], 'say what is compared: --protocol NAME'),
    (['evaluate', '--protocol', 'corider'], "unknown protocol 'corider'; did you mean 'corridor'"),
    (['evaluate', '--protocol', 'corridor'], 'say where the results go: --out FOLDER'),
    (['evaluate', '--protocol', 'corridor', '--out', 'o'], 'Say with --data where it lies'),
    (['evaluate', '--protocol', 'twice.yaml', '--out', 'twice.yaml'], 'twice.yaml is a file'),
    (['evaluate', '--protocol', 'twice.yaml', '--out', 'o', '--data', 'nowhere'],
     'there is no folder nowhere'),
    ([..., '--out', 'o', '--networks', 'thumpnail'], "did you mean 'thumbnail'"),
    ([..., '--out', 'o', '--networks', '=thumbnail'], "expected LABEL=name, got '=thumbnail'"),
    ([..., '--out', 'o', '--networks', 'thumbnail,thumbnail'], "two systems are called 'thumb"),
    ([..., '--out', 'o', '--networks', 'A=thumbnail', '--matches', 'dark=twice.yaml', '--label',
      'A'], "two systems are called 'A'"),
    ([..., '--out', 'o', '--statistics', 'wole'], "unknown statistics 'wole'; did you mean"),
    ([..., '--out', 'o', '--weights', 'nowhere'], 'there is no folder nowhere'),
    ([..., '--out', 'o', '--matches', 'twice.yaml'], '3 are compared'),
    ([..., '--out', 'o', '--matches', 'dark=none.csv'], 'there is no file none.csv'),
    ([..., '--out', 'o', '--matches', 'dusk=twice.yaml'], "unknown pair 'dusk'"),
    ([..., '--out', 'o', '--matches', 'absent=twice.yaml'], 'nothing was measured'),
    ([..., '--out', 'o', '--matches', 'dark=twice.yaml'], 'line 1: expected the columns query'),
    ([..., '--out', 'o', '--cache', 'c', '--no-cache'], 'leave one out'),
    ([..., '--out', 'o', '--networks', 'thumbnail', '--cache', 'twice.yaml'],
     'descriptions cannot be kept in twice.yaml'),
    ([..., '--out', 'o', '--matches', 'dark=twice.yaml', '--over-time'],
     'only --matches is given'),
    ([..., '--out', 'o', '-p', 'extraction.network:=gem'], 'extraction.network is of one'),
])
def test_what_is_mistyped_is_said(twice, tmp_path, monkeypatch, options, words):
    # Within this process: each command of its own would load the libraries anew.
    monkeypatch.chdir(tmp_path)
    arguments = [*twice, *options[1:]] if options[0] is ... else options
    with pytest.raises(VprError) as error:
        app([str(each) for each in arguments], standalone_mode=False)
    assert words in str(error.value)


def test_a_mistake_is_one_line_and_comes_before_the_work(vpr_ros, twice, tmp_path):
    done = vpr_ros(*twice, '--out', 'o', '--matches', 'dark=twice.yaml', '--networks', 'compact',
                   ok=False)
    assert [line for line in done.stderr.splitlines() if not line.startswith('note: ')] == [
        'error: twice.yaml line 1: expected the columns query, reference, but query, reference '
        'missing (got title: Some places twice)']
    assert done.stdout == ''
    assert not list((tmp_path / 'home').rglob('*.npz'))


def test_a_page_that_cannot_be_written_is_said_and_the_results_are_kept(
        vpr_ros, twice, tmp_path):
    (tmp_path / 'report' / 'index.html').mkdir(parents=True)
    arguments = [*twice, '--networks', 'thumbnail', '--out', 'report']
    done = vpr_ros(*arguments, ok=False)
    assert 'error: tables and pictures cannot be written into report (' in done.stderr
    (tmp_path / 'report' / 'index.html').rmdir()
    assert '2 results, all measured before' in vpr_ros(*arguments).stdout


def test_the_environment_names_the_data(vpr_ros, twice, traverses, tmp_path, monkeypatch):
    monkeypatch.setenv('VPR_ROS_DATA', f'{tmp_path}{os.pathsep}{traverses}')
    vpr_ros('evaluate', '--protocol', 'twice.yaml', '--networks', 'thumbnail', '--out', 'report')
    assert len(results(tmp_path / 'report')) == 2


def test_a_run_that_is_killed_goes_on_and_comes_to_the_same_numbers(
        vpr_ros, twice, tmp_path, traverses):
    arguments = [*map(str, twice), '--networks', 'thumbnail,compact', '--over-time']
    process = subprocess.Popen(
        [sys.executable, '-m', 'vpr_ros.cli.main', *arguments, '--out', 'killed', '--cache',
         'kept'], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    began = time.monotonic()
    # In the middle: thumbnail is done and compact has described one of the two traverses.
    while not list((tmp_path / 'kept').glob('compact-*/*/*.npz')):
        assert process.poll() is None, 'it ended before it could be killed'
        assert time.monotonic() - began < 300
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / 'kept').rglob('*.npz')}
    before = results(tmp_path / 'killed')
    assert 4 <= len(before) < 8
    assert not (tmp_path / 'killed' / 'index.html').exists()
    done = vpr_ros(*arguments, '--out', 'killed', '--cache', 'kept')
    assert f'8 results, {len(before)} of them measured before' in done.stdout
    for path, written_ns in kept.items():
        assert path.stat().st_mtime_ns == written_ns
    vpr_ros(*arguments, '--out', 'fresh', '--no-cache')
    assert results(tmp_path / 'killed') == results(tmp_path / 'fresh')


def test_gardens_point_gives_the_numbers_of_the_readme(vpr_ros, shared_data, tmp_path,
                                                       monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'home'))
    vpr_ros('evaluate', '--protocol', 'gardens_point_day_night', '--networks', 'thumbnail',
            '--data', shared_data, '--out', 'report', '--over-time')
    found = results(tmp_path / 'report')
    single = found['runs/gardens_point_day_night/day_night/thumbnail.single-image']
    over_time = found['runs/gardens_point_day_night/day_night/thumbnail.over-time']
    assert [round(single[f'recall@{n}'], 3) for n in (1, 5, 10)] == [0.1, 0.21, 0.335]
    assert round(over_time['recall@1'], 3) == 0.375
