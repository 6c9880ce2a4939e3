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

"""Numbers as people read them."""

import pytest
from vpr_ros.evaluation.report_words import count_of
from vpr_ros.evaluation.report_words import file_size
from vpr_ros.evaluation.report_words import percent
from vpr_ros.evaluation.report_words import stamp_text
from vpr_ros.evaluation.report_words import were


@pytest.mark.parametrize(('part', 'whole', 'text'), [
    (0, 3, '0 %'), (3, 3, '100 %'), (1, 3, '33.3 %'), (9999, 10_000, '99.9 %'),
    (1, 10_000, '0.1 %'), (0, 0, '–')])
def test_a_share_is_full_or_nothing_only_when_it_is(part, whole, text):
    assert percent(part, whole) == text


def test_words_agree_with_their_number():
    assert f'{count_of(1, "image")} {were(1)}' == '1 image was'
    assert f'{count_of(0, "image")} {were(2)}' == '0 images were'


def test_sizes_and_stamps_have_units():
    assert [file_size(n) for n in (999, 1000, 2_500_000, 3 * 10**9)] == [
        '999 bytes', '1.0 kB', '2.5 MB', '3.0 GB']
    assert stamp_text(12_345_678_901) == '12.345 s'
    assert stamp_text(1_700_000_000_123_456_789) == '2023-11-14 22:13:20.123 UTC'
