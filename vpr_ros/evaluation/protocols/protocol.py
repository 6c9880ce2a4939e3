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

"""
What a table of the field compares, as a YAML file.

A protocol has pairs of traverses, and for each the rule by which a reference shows the place of a
query. It may name the networks that a paper compares, and the numbers that it printed. Its hash
covers what decides which answers are right, and nothing else: numbers of one hash were measured by
one rule.
"""

from __future__ import annotations

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from typing import Any

import pydantic
from vpr_ros.config import read_yaml
from vpr_ros.datasets import crop
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.meanings import measure_named

__all__ = ['Crop', 'NetworkRow', 'Pair', 'Protocol', 'protocol_file', 'protocol_names',
           'read_protocol', 'TruthRule']

_FOLDER = Path(__file__).parent
_HASH_DIGITS = 12
_NEAREST_METRES = 25.0


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra='forbid', strict=True,
                                       allow_inf_nan=False)


class Crop(_Part):
    """
    What is cut off each image, as shares of its width or height.

    The same as :class:`vpr_ros.datasets.crop.Crop`, in a file.

    :param left: share of the width on the left; likewise ``right``.
    :param top: share of the height at the top; likewise ``bottom``.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    @pydantic.model_validator(mode='after')
    def _leaves_something(self) -> Crop:
        self.parts()
        return self

    def parts(self) -> crop.Crop:
        """Return what cuts images."""
        return crop.Crop(self.left, self.top, self.right, self.bottom)


class TruthRule(_Part):
    """
    When a reference shows the place of a query; just one of these.

    :param frames: their numbers in the whole traverses differ by at most so many.
    :param metres: they were taken at most so far apart in the plane.
    :param nearest_frames: the reference is at most so many of the compared frames from the one
        that was taken nearest to the query, which is at most ``nearest_metres`` away.
    :param nearest_metres: see ``nearest_frames``.
    :param lists: a CSV file with the columns ``query`` and ``reference``, names of images; it lies
        beside the protocol's file, or where its path leads from there.
    :param published: as the reader of the data set has it.
    """

    frames: int | None = pydantic.Field(default=None, ge=0)
    metres: float | None = pydantic.Field(default=None, gt=0.0)
    nearest_frames: int | None = pydantic.Field(default=None, ge=0)
    nearest_metres: float = pydantic.Field(default=_NEAREST_METRES, gt=0.0)
    lists: str = ''
    published: bool = False

    @pydantic.model_validator(mode='after')
    def _just_one(self) -> TruthRule:
        given = [name for name, value in (
            ('frames', self.frames is not None), ('metres', self.metres is not None),
            ('nearest_frames', self.nearest_frames is not None), ('lists', bool(self.lists)),
            ('published', self.published)) if value]
        if len(given) != 1:
            raise ValueError('expected just one of frames, metres, nearest_frames, lists and '
                             f'published, got {" and ".join(given) or "none"}')
        if self.nearest_frames is None and self.nearest_metres != _NEAREST_METRES:
            raise ValueError('nearest_metres says nothing without nearest_frames: leave it out')
        return self


class Pair(_Part):
    """
    A reference traverse, a query traverse, and when two of their frames show one place.

    :param name: of the pair in its protocol; letters, digits, ``_``, ``-`` and ``.``.
    :param data: name of the data set, as ``vpr_ros data list`` has it, or ``town``; ``folder`` is
        a folder of traverses that is no published set.
    :param reference: the traverse that stands for the map.
    :param query: the traverse whose places are looked for.
    :param truth: when a reference shows the place of a query.
    :param options: how it is read, as ``name:=value``.
    :param part: the number of the first frame of both whole traverses that is compared, and the
        number behind the last; without it, all of them.
    :param reference_every_m: so many metres between references, 0 for every frame; likewise
        ``query_every_m``.
    :param reference_every_s: one reference in so many seconds, 0 for every frame; likewise
        ``query_every_s``.
    :param reference_crop: what is cut off each reference; likewise ``query_crop``.
    :param group: pairs of one group also get their mean and their worst; empty for none.
    """

    name: str = pydantic.Field(pattern=r'^[A-Za-z0-9_.-]+$')
    data: str
    reference: str
    query: str
    truth: TruthRule
    options: tuple[str, ...] = ()
    part: tuple[int, int] | None = None
    reference_every_m: float = pydantic.Field(default=0.0, ge=0.0)
    reference_every_s: float = pydantic.Field(default=0.0, ge=0.0)
    query_every_m: float = pydantic.Field(default=0.0, ge=0.0)
    query_every_s: float = pydantic.Field(default=0.0, ge=0.0)
    reference_crop: Crop = Crop()
    query_crop: Crop = Crop()
    group: str = ''

    @pydantic.model_validator(mode='after')
    def _part_is_some(self) -> Pair:
        if self.part is not None and not 0 <= self.part[0] < self.part[1]:
            raise ValueError('part holds the number of the first frame, from 0, and the number '
                             f'behind the last, got {self.part}')
        return self

    @property
    def hash(self) -> str:  # noqa: A003
        """Return the digest of the rule: all but the names of pair and group."""
        return _digest(self.model_dump(mode='json', exclude={'name', 'group'},
                                       exclude_defaults=True))


class NetworkRow(_Part):
    """
    A network of a paper's table.

    :param label: what the table calls it.
    :param network: its name here, as ``vpr_ros networks`` has it.
    :param options: of the network, those that differ from its own.
    :param note: what a reader should know, such as which weights the paper used.
    """

    label: str
    network: str
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    note: str = ''


class Protocol(_Part):
    """
    What is compared, and how.

    :param name: that of its file.
    :param title: in a few words.
    :param pairs: what is compared with what.
    :param about: in sentences: what a reader of its numbers should know.
    :param source: the paper and the table that it comes from, empty for our own.
    :param measures: those that the table prints, the most important first; see
        :mod:`vpr_ros.evaluation.comparison.meanings`.
    :param networks: those that the paper compares, for who has their weights.
    :param published: label of a row -> pair or group -> measure -> the number that was printed,
        percent as a share. Of a group the number is its mean; ``MEASURE worst`` is that of its
        worst pair.
    :param folder: where its file lies, and the lists that it names.
    """

    name: str
    title: str
    pairs: tuple[Pair, ...] = pydantic.Field(min_length=1)
    measures: tuple[str, ...] = pydantic.Field(
        default=('recall@1', 'recall@5', 'recall@10', 'auc'), min_length=1)
    about: str = ''
    source: str = ''
    networks: tuple[NetworkRow, ...] = ()
    published: dict[str, dict[str, dict[str, float]]] = pydantic.Field(default_factory=dict)
    folder: Path = pydantic.Field(default=Path(), exclude=True, repr=False)

    @pydantic.model_validator(mode='after')
    def _names_differ(self) -> Protocol:
        for what, names in (('pairs', [pair.name for pair in self.pairs]),
                            ('networks', [row.label for row in self.networks])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f'two {what} are called {twice[0]!r}')
        return self

    @pydantic.model_validator(mode='after')
    def _published_of_something(self) -> Protocol:
        pairs, groups = [pair.name for pair in self.pairs], self.groups()
        both = sorted({*pairs} & {*groups})
        if both:
            raise ValueError(f'{both[0]!r} is called both a pair and a group')
        for label, numbers in self.published.items():
            for of in numbers:
                if of not in pairs and of not in groups:
                    raise ValueError(f'numbers are published of {label} on {of!r}, which is '
                                     f'neither a pair nor a group ({", ".join(pairs)})')
        return self

    @pydantic.model_validator(mode='after')
    def _measures_exist(self) -> Protocol:
        try:
            for name in self.measures:
                measure_named(name)
            for label, of in self.published.items():
                for what, numbers in of.items():
                    for name, value in numbers.items():
                        known = measure_named(name.removesuffix(' worst'))
                        if known.kind == 'share' and not 0.0 <= value <= 1.0:
                            raise ValueError(f'{name} of {label} on {what!r} is a share, from 0 '
                                             f'to 1, got {value}: is it in percent?')
        except VprError as error:
            raise ValueError(str(error)) from error
        return self

    def groups(self) -> dict[str, list[Pair]]:
        """Return the groups in the order of their first pairs, each with its pairs."""
        found: dict[str, list[Pair]] = {}
        for pair in self.pairs:
            if pair.group:
                found.setdefault(pair.group, []).append(pair)
        return found

    @property
    def hash(self) -> str:  # noqa: A003
        """Return the digest of the rules of all pairs, in their order."""
        return _digest([pair.hash for pair in self.pairs])


def protocol_names() -> list[str]:
    """Return the names of the protocols that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob('*.yaml'))


def protocol_file(protocol: str | Path) -> Path:
    """Return the file of a protocol as :func:`read_protocol` takes it; it may be missing."""
    path = Path(protocol)
    if path.suffix in ('.yaml', '.yml'):
        return path
    if str(protocol) not in protocol_names():
        raise unknown_name('protocol', str(protocol), protocol_names())
    return _FOLDER / f'{protocol}.yaml'


def read_protocol(protocol: str | Path) -> Protocol:
    """
    Read a protocol.

    :param protocol: the name of one of the package's, or a YAML file, which is named by itself.
    :raises VprError: for a name that is not known, and for a file that is none, saying where.
    """
    path = protocol_file(protocol)
    document = read_yaml(path, 'protocol')
    if not isinstance(document, Mapping):
        raise VprError(f'{path} is no protocol: expected title, pairs and so on, as in '
                       '"vpr_ros protocols gardens_point_day_night --yaml"')
    return _validated({**document, 'name': path.stem, 'folder': str(path.parent)}, path)


def _validated(document: Mapping[str, Any], path: Path) -> Protocol:
    try:
        # YAML has lists where records have tuples, and integers where numbers are meant.
        found = Protocol.model_validate_json(json.dumps(document))
    except (pydantic.ValidationError, TypeError, ValueError) as error:
        raise VprError(f'{path} is no protocol: {_problems(error)}') from error
    lists = [pair.truth.lists for pair in found.pairs if pair.truth.lists]
    for name in lists:
        if not (path.parent / name).is_file():
            raise VprError(f'{path}: there is no file {path.parent / name}, which truth.lists '
                           'names')
    return found


def _problems(error: Exception) -> str:
    if not isinstance(error, pydantic.ValidationError):
        return str(error)
    return '; '.join(
        f"{'.'.join(str(part) for part in e['loc']) or 'it'}: {e['msg'][:1].lower()}{e['msg'][1:]}"
        + (f", got {e['input']!r}" if e['loc'] and e['type'] != 'missing' else '')
        for e in error.errors())


def _digest(told: Any) -> str:
    text = json.dumps(told, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
