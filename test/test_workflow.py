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

"""What runs elsewhere, read here: the workflow, the images, and the script that both use."""

from __future__ import annotations

from pathlib import Path
import re
import subprocess

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILES = ('docker/Dockerfile', 'docker/Dockerfile.cuda')


def commands_of_the_script() -> set[str]:
    text = (ROOT / '.ci/ros').read_text()
    return set(re.findall(r'^  ([a-z-]+)\)$', text, flags=re.MULTILINE))


def test_the_workflow_builds_and_tests_on_every_distribution():
    workflow = yaml.safe_load((ROOT / '.github/workflows/ros.yml').read_text())
    job = workflow['jobs']['ros']
    assert job['strategy']['matrix']['distribution'] == ['humble', 'jazzy', 'kilted', 'lyrical']
    assert '${{ matrix.distribution }}' in job['container']
    runs = [step['run'] for step in job['steps'] if 'run' in step]
    assert runs == ['.ci/ros install', '.ci/ros build', '.ci/ros test']


def test_what_was_not_run_is_marked_so():
    text = (ROOT / '.github/workflows/ros.yml').read_text()
    for distribution in ('humble', 'jazzy', 'kilted', 'lyrical'):
        assert re.search(rf'- {distribution} +# not run yet', text), distribution
    assert 'not yet built here' in (ROOT / 'docker/README.md').read_text()


def test_the_script_is_shell_and_does_what_is_asked_of_it():
    subprocess.run(['bash', '-n', str(ROOT / '.ci/ros')], check=True)
    asked = set()
    for file in (*DOCKERFILES, '.github/workflows/ros.yml'):
        asked |= set(re.findall(r'\.ci/ros ([a-z-]+)', (ROOT / file).read_text()))
    assert asked == commands_of_the_script()


def test_the_script_says_what_it_knows_where_it_is_asked_for_something_else():
    asked = subprocess.run([str(ROOT / '.ci/ros'), 'fly'], capture_output=True, text=True,
                           check=False, env={'PATH': '/usr/bin:/bin'})
    assert asked.returncode == 2
    for command in commands_of_the_script():
        assert f'.ci/ros {command} ' in asked.stderr


def test_the_script_tests_folders_that_are_there():
    text = (ROOT / '.ci/ros').read_text()
    folders = re.findall(r'\btest/[\w./]+', text)
    assert {'test/nodes', 'test/launch'} <= set(folders)
    assert [folder for folder in folders if not (ROOT / folder).exists()] == []


@pytest.mark.parametrize('file', DOCKERFILES)
def test_an_image_copies_what_is_there_and_runs_as_no_root(file):
    lines = (ROOT / file).read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines
              if line.startswith('COPY') and '--from' not in line]
    for source in (source for sources in copied for source in sources):
        assert (ROOT / source).exists(), source
    froms = [line for line in lines if line.startswith('FROM')]
    assert len(froms) == 2
    assert all('ros:${ROS_DISTRO}-ros-base' in line for line in froms)
    users = [line.split()[1] for line in lines if line.startswith('USER')]
    assert users == ['robot']


def test_the_images_differ_in_what_they_must():
    cpu, cuda = (set((ROOT / file).read_text().splitlines()) for file in DOCKERFILES)
    assert any('NVIDIA_VISIBLE_DEVICES' in line for line in cuda - cpu)
    assert {line.split()[0] for line in cpu ^ cuda if line} <= {'#', 'ARG', 'ENV'}
