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


"""The files that an evaluation leaves: a page for people, and tables for papers and programs."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.page import render_comparison
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.table_csv import results_csv
from vpr_ros.evaluation.comparison.table_latex import results_latex
from vpr_ros.evaluation.comparison.table_markdown import results_markdown
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.report_page import write_page
from vpr_ros.evaluation.run import Provenance

__all__ = ['write_comparison_report']


def write_comparison_report(out: Path, results: Sequence[PairResult],
                            protocols: Sequence[Protocol], provenance: Provenance, *,
                            truths: Mapping[str, GroundTruth] | None = None) -> Path:
    """
    Write ``index.html``, ``results.csv``, ``results.md`` and ``results.tex``.

    Each file appears whole or not at all. OSError when the folder cannot be written.

    :param out: the folder of the evaluation; its ``runs/`` has what was made of each result.
    :param protocols: those of the results, at least.
    :param truths: digest of the data of a result -> which references are right: with them
        systems are compared on the same queries.
    :returns: the path of the page.
    :raises ValueError: for results that cannot stand side by side.
    :raises VprError: for pictures, matrices and matches that are damaged.
    """
    comparison = Comparison(out, tuple(results), tuple(protocols), provenance, truths or {})
    paired = comparison.paired
    write_page(results_csv(results, protocols), out / 'results.csv')
    write_page(results_markdown(results, protocols, paired=paired,
                                provenance=provenance), out / 'results.md')
    write_page(results_latex(results, protocols, paired=paired), out / 'results.tex')
    return write_page(render_comparison(comparison), out / 'index.html')
