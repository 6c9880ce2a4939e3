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

"""Install vpr_ros with pip or colcon: what cannot be said in setup.cfg is said here."""

from pathlib import Path
import sys

from setuptools import setup

ROOT = Path(__file__).resolve().parent
PACKAGE = 'vpr_ros'

REQUIREMENTS = [
    'faiss-cpu >= 1.11',
    'numpy >= 1.21',
    'opencv-python-headless >= 4.5.4',
    'pydantic >= 2',
    'pymap3d >= 2.9',
    'pyyaml >= 5.4',
    'rich >= 12',
    'rosbags >= 0.11',
    'safetensors >= 0.4',
    'torch >= 2.1',
    'torchvision >= 0.16',
    'typer >= 0.12',
]


def package_data() -> list[str]:
    """Return every file of the package that is not code: texts, settings, weights, templates."""
    # Listed by hand because setuptools before 62.3 does not know '**' in package_data.
    folder = ROOT / PACKAGE
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file() and path.suffix not in {'.py', '.pyc'}
    )


def share(pattern: str) -> tuple[str, list[str]]:
    """Return where the files of a folder go under share/, and which they are."""
    files = sorted(path.relative_to(ROOT) for path in ROOT.glob(pattern))
    folder = Path('share', PACKAGE, *Path(pattern).parts[:-1])
    return str(folder), [str(path) for path in files]


def built_for_ros() -> bool:
    """Tell whether colcon or a distribution builds: they install, where pip asks for a wheel."""
    return not {'develop', 'install'}.isdisjoint(sys.argv)


setup(
    # Here because colcon cannot read it from setup.cfg, where setuptools makes an object of it.
    python_requires='>=3.10',
    # Under ROS package.xml names what is needed, and OpenCV and others come from packages of the
    # distribution. Their names are not those of wheels, so a command installed by colcon would
    # miss opencv-python-headless as soon as anything imports pkg_resources.
    install_requires=[] if built_for_ros() else REQUIREMENTS,
    package_data={PACKAGE: package_data()},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        share('package.xml'),
        share('launch/*.launch.py'),
        share('config/*.yaml'),
        share('config/*.rviz'),
        share('config/*.json'),
    ],
)
