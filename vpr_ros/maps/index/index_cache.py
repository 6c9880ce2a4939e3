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

"""A FAISS index in a file of the user's cache, and what it was measured to find."""

from __future__ import annotations

import logging
from pathlib import Path
import secrets
from typing import Any

import numpy as np
from vpr_ros.maps.index.approximate_search import ApproximateSearch
from vpr_ros.maps.index.approximate_search import Tuning
from vpr_ros.maps.index.cache_folder import Facts
from vpr_ros.maps.index.cache_folder import is_ours
from vpr_ros.maps.index.cache_folder import read_facts
from vpr_ros.maps.index.cache_folder import write_facts
from vpr_ros.maps.index.cache_folder import write_whole
from vpr_ros.maps.index.kinds import Kind
from vpr_ros.maps.index.kinds import read_index
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.settings import IndexSettings

__all__ = ['read_search', 'write_search']

_LOG = logging.getLogger(__name__)
_VERSION = 1
# An index that is what its file should hold finds nearly all of these again.
_TRIED = 32
_FOUND_AGAIN = 0.9


class _IndexFacts(Facts):
    """
    What lies beside it, and how to search that.

    :param faiss: which version made it, for people.
    :param size: bytes of the file.
    """

    kind: Kind
    faiss: str
    views: int
    dimension: int
    file: str  # noqa: A003
    size: int
    effort: int
    reranked: int
    recall_1: float
    recall_20: float
    queries: int


def _facts_path(folder: Path, settings: IndexSettings) -> Path:
    # One for each wish: those who wish otherwise do not take turns to make it again.
    return folder / f'index-{settings.kind}-{settings.recall:g}.json'


def read_search(folder: Path, settings: IndexSettings,
                views: Views) -> ApproximateSearch | None:
    """Open what :func:`write_search` wrote, or return None where it is not whole and right."""
    path = _facts_path(folder, settings)
    facts = read_facts(path, _IndexFacts, _VERSION)
    if facts is None:
        return None
    file = folder / Path(facts.file).name
    if (facts.views, facts.dimension) != (len(views), views.dimension) or (
            not is_ours(file, facts.size)):
        return None
    tuning = Tuning(facts.effort, facts.reranked, facts.recall_1, facts.recall_20, facts.queries)
    try:
        index = read_index(file, facts.kind)
        if (index.ntotal, index.d) != (len(views), views.dimension):
            raise RuntimeError(f'it holds {index.ntotal} views of {index.d} dimensions')
        search = ApproximateSearch(index, views, tuning)
        _try_out(search, views)
    except RuntimeError as error:  # FAISS knows no other
        _LOG.info('the index %s is made again: %s', file, error)
        return None
    return search


def _try_out(search: ApproximateSearch, views: Views) -> None:
    """Raise RuntimeError where an index does not find views of its own."""
    tried = np.linspace(0, len(views) - 1, _TRIED).round().astype(np.int64)
    asked = views.read(tried)
    found = sum(float(search.search(query, 1)[0].max(initial=-1.0)) >= (query @ query) - 1e-3
                for query in asked)
    if found < _FOUND_AGAIN * _TRIED:
        raise RuntimeError(f'it finds {found} of {_TRIED} of its views')


def write_search(folder: Path, settings: IndexSettings, kind: Kind, index: Any,
                 tuning: Tuning) -> None:
    """Keep an index of all views of a state; OSError where that cannot be done."""
    import faiss

    folder_facts = _facts_path(folder, settings)
    before = read_facts(folder_facts, _IndexFacts, _VERSION)
    file = folder / f'{kind}-{secrets.token_hex(4)}.faiss'
    write_whole(file, lambda opened: faiss.write_index(
        index, faiss.PyCallbackIOWriter(opened.write)))
    write_facts(folder_facts, _IndexFacts(
        version=_VERSION, kind=kind, faiss=faiss.__version__, views=index.ntotal,
        dimension=index.d, file=file.name, size=file.stat().st_size, effort=tuning.effort,
        reranked=tuning.reranked, recall_1=tuning.recall_1, recall_20=tuning.recall_20,
        queries=tuning.queries))
    if before is not None:
        (folder / Path(before.file).name).unlink(missing_ok=True)
