"""The commands of nodes where there is no ROS."""

from pathlib import Path
import subprocess
import sys

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> subprocess.CompletedProcess:
    # None in sys.modules makes an import fail, also where ROS is sourced.
    return subprocess.run(
        [sys.executable, '-c', f'import sys; sys.modules["rclpy"] = None; {code}'], cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=60)


def test_without_ros_the_command_says_so_in_one_line():
    done = run('from vpr_ros.nodes.run import localizer; localizer()')
    assert done.returncode == 1
    assert done.stdout == ''
    assert len(done.stderr.splitlines()) == 1
    assert 'localizer is a ROS 2 node' in done.stderr
    assert 'source its setup file' in done.stderr


def test_the_module_needs_nothing_of_ros():
    done = run('import vpr_ros.nodes.run; print(callable(vpr_ros.nodes.run.localizer))')
    assert done.stdout.strip() == 'True', done.stderr
