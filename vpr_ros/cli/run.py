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

"""Localizing one source in one map, with a progress line: what several commands do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.cli.console import progress
from vpr_ros.cli.sources import FrameSource

if TYPE_CHECKING:
    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.matching.localizer import Localizer
    from vpr_ros.settings import LocalizeSettings
    from vpr_ros.types import Description
    from vpr_ros.types import Localization
    from vpr_ros.types import Pose

__all__ = ['Answer', 'localize_source', 'Run']


@dataclass(frozen=True)
class Answer:
    """
    What was seen at one moment (by the leading camera) and what was said about it.

    :param description: without local features: of an hour of images they fill a computer.
    :param T_map_base: where the robot truly was, when the source knows; no answer used it.
    """

    description: Description
    localization: Localization
    T_map_base: Pose | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """One source localized in one map."""

    map_path: Path
    snapshot: Snapshot
    answers: list[Answer]


def localize_source(source: FrameSource, settings: LocalizeSettings, *, out: Path | None = None,
                    overwrite: bool = False) -> Run:
    """Localize every frame of a source, with a progress line, and write the answers."""
    from vpr_ros.matching.localizer import open_localizer
    from vpr_ros.matching.moments import query_moments

    map_path = Path(settings.map)

    def stream(localizer: Localizer) -> Iterator[Answer]:
        known = 0
        with progress('localizing', source.count) as line:
            frames = line.passing(source.frames())
            for moment in query_moments(frames, source.cameras, settings.camera_tolerance_s):
                described, localization = localizer.localize_moment(moment)
                known += localization.known
                line.note(f'{known} known')
                lead = replace(described[0], local_features=None)
                yield Answer(lead, localization, moment[0].T_map_base)

    with open_localizer(map_path, settings.extraction, settings.matching,
                        settings.index) as localizer:
        answers = stream(localizer)
        if out is not None:
            answers = _recorded(answers, out, settings, source, overwrite)
        return Run(map_path, localizer.snapshot, list(answers))


def _recorded(answers: Iterator[Answer], out: Path, settings: LocalizeSettings,
              source: FrameSource, overwrite: bool) -> Iterator[Answer]:
    """Write answers as they pass, under the topics that the node uses."""
    from vpr_ros.answers import answer_messages
    from vpr_ros.answers import ANSWER_TYPES
    from vpr_ros.bags.writer import BagWriter
    from vpr_ros.maps.place_map import PlaceMap

    with PlaceMap.open(Path(settings.map)) as place_map:
        datum = place_map.datum
    with BagWriter(out, overwrite=overwrite) as bag:
        for answer in answers:
            for topic, message in answer_messages(bag.factory, answer.localization,
                                                  session=source.label, settings=settings,
                                                  datum=datum):
                bag.write(f'/localizer/{topic}', ANSWER_TYPES[topic], message,
                          answer.localization.stamp_ns)
            yield answer
