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

"""What verifying candidates needs of a map, view by view as it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
import sqlite3
from types import TracebackType

from vpr_ros.errors import VprError
from vpr_ros.maps import database
from vpr_ros.maps.feature_rows import FEATURE_COLUMNS
from vpr_ros.maps.feature_rows import features_from
from vpr_ros.maps.rows import CALIBRATION_COLUMNS
from vpr_ros.maps.rows import calibration_from
from vpr_ros.types import Camera
from vpr_ros.types import LocalFeatures

__all__ = ['FeatureStore']

# Views that stay in memory: a robot is shown about the same places for a while.
_VIEWS_KEPT = 256


class FeatureStore:
    """
    Local features and calibrations of a map, which others may change meanwhile.

    Opened in one thread it may be used in another, by one at a time. Use as a context manager, or
    call :meth:`close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = database.connect(path, writeable=False, any_thread=True)
        self._features = lru_cache(_VIEWS_KEPT)(self._read_features)
        self._calibrations = lru_cache(_VIEWS_KEPT)(self._read_calibration)

    def features(self, place_id: int, camera: str) -> LocalFeatures | None:
        """Return what a camera saw of a place; None where the map has none of it, or no more."""
        return self._features(place_id, camera)

    def calibration(self, session: str, camera: str) -> Camera | None:
        """Return what is known of a camera on a traverse, if anything is."""
        return self._calibrations(session, camera)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _read_features(self, place_id: int, camera: str) -> LocalFeatures | None:
        with self._reading():
            row = self._connection.execute(
                f'SELECT {FEATURE_COLUMNS} FROM local_features WHERE place = ? AND camera = '
                '(SELECT number FROM camera WHERE name = ?)', (place_id, camera)).fetchone()
            return None if row is None else features_from(row)

    def _read_calibration(self, session: str, camera: str) -> Camera | None:
        with self._reading():
            row = self._connection.execute(
                f'SELECT {CALIBRATION_COLUMNS} FROM calibration WHERE '
                'session = (SELECT number FROM session WHERE name = ?) AND '
                'camera = (SELECT number FROM camera WHERE name = ?)',
                (session, camera)).fetchone()
            return None if row is None else calibration_from(camera, row)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
            raise VprError(f'local features of the map {self._path} cannot be read, it may be '
                           f'damaged ({error}); see "vpr_ros map check"') from error
