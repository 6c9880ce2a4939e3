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
The pages as people use them, in a real browser that nobody sees.

Without a mouse, on a telephone, by night, and without a network.
"""

from collections.abc import Callable
from collections.abc import Iterator
import json
from pathlib import Path
import shutil
from typing import Any

import numpy as np
import pytest
from vpr_ros.evaluation.calibration_report import CalibrationReport
from vpr_ros.evaluation.calibration_report import write_calibration_report
from vpr_ros.evaluation.comparison.report import write_comparison_report
from vpr_ros.evaluation.comparison.result import Example
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result import QUERY_STATISTICS
from vpr_ros.evaluation.comparison.result_folder import PICTURES
from vpr_ros.evaluation.comparison.result_folder import result_folder
from vpr_ros.evaluation.comparison.result_folder import StoredMatrix
from vpr_ros.evaluation.loop_report import write_loop_report
from vpr_ros.evaluation.pictures import encode_jpeg
from vpr_ros.evaluation.plan import Plan
from vpr_ros.evaluation.report import write_report
from vpr_ros.evaluation.run import MapSummary
from vpr_ros.evaluation.run import Provenance

webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')

PAGES = ('comparison', 'many', 'run', 'loops', 'calibration')
WIDE, NARROW = 1280, 360
HEIGHT = 800
# WCAG 2.2, 1.4.3: contrast of text.
LEAST_CONTRAST = 4.5


@pytest.fixture(scope='module')
def driver() -> Iterator[Any]:
    """Yield a browser without a window and without a network."""
    browser = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which(
        'google-chrome')
    beside = shutil.which('chromedriver')
    if browser is None or beside is None:
        pytest.skip('no chromium with chromedriver (Debian: chromium and chromium-driver)')
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ('--headless=new', '--no-sandbox', '--disable-gpu',
                     '--disable-dev-shm-usage', '--force-device-scale-factor=1'):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(beside))
    started.execute_cdp_cmd('Network.enable', {})
    started.execute_cdp_cmd('Network.emulateNetworkConditions', {
        'offline': True, 'latency': 0, 'downloadThroughput': 0, 'uploadThroughput': 0})
    yield started
    started.quit()


@pytest.fixture
def show(driver: Any, pages: Callable[[str], Path]) -> Callable[..., Any]:
    """Return what opens a page, as wide and as dark as told, with all that is folded unfolded."""
    def open_page(name: str, *, width: int = WIDE, scheme: str = 'light') -> Any:
        driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
            {'name': 'prefers-color-scheme', 'value': scheme}]})
        driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
            'width': width, 'height': HEIGHT, 'deviceScaleFactor': 1, 'mobile': width < 500})
        # What was said of the page before is not said of this one.
        for kind in ('browser', 'performance'):
            driver.get_log(kind)
        driver.get(pages(name).as_uri())
        driver.execute_script('document.querySelectorAll("details").forEach(d => d.open = true)')
        return driver

    return open_page


@pytest.fixture
def pages(tmp_path: Path, make_report: Callable, make_loops: Callable,
          comparison: Callable[..., Path]) -> Callable[[str], Path]:
    """Return what writes the page of a name."""
    def write(name: str) -> Path:
        path = tmp_path / f'{name}.html'
        if name in ('comparison', 'many'):
            return comparison(tmp_path, many=name == 'many')
        if name == 'run':
            drive = np.arange(16.0).reshape(8, 2)
            return write_report(make_report(plan=Plan(drive, drive[:6])), path)
        if name == 'loops':
            return write_loop_report(make_loops(), path)
        return write_calibration_report(_calibration(), path)

    return write


def _calibration() -> CalibrationReport:
    rng = np.random.default_rng(0)
    in_map = np.arange(200) % 50 < 40
    after = np.where(in_map, rng.uniform(0.4, 1.0, 200), rng.uniform(0.0, 0.5, 200))
    return CalibrationReport(
        title='Calibration of a town', map=MapSummary('map-uuid', 3, 'compact', 60, 256, 123_456),
        protocol='leave one traverse out', correct=(rng.random(200) < after) & in_map,
        after=after, before=after ** 0.25, in_map=in_map,
        traverses=('day',) * 120 + ('night',) * 80, right_means='within 10 m', model='isotonic',
        source='map', provenance=Provenance('vpr_ros map calibrate a.vprmap', '9.8.7', 'today', 4))


@pytest.fixture
def comparison(make_result: Callable[..., PairResult], protocol: Any) -> Callable[..., Path]:
    """Return what writes a comparison of many systems into a folder."""
    picture = encode_jpeg(np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8))

    def write(out: Path, *, many: bool = False) -> Path:
        more = [(label, 'single image', kind) for label in ('another_network', 'x' * 60)
                for kind in QUERY_STATISTICS] if many else []
        examples = (Example('best', 3, 4, True, 0.9, 4), Example('worst', 9, 70, False, 0.8, 10))
        results = [
            make_result(0.9 - k / 16, 0.8 - k / 20, pair=pair, label=label, method=method,
                        statistics=statistics, examples=examples,
                        notes=('random weights',) if label == 'long' * 20 else ())
            for pair in ('left', 'rain', 'snow')
            for k, (label, method, statistics) in enumerate([
                ('compact', 'single image', 'none'), ('compact', 'single image', 'past'),
                ('compact', 'single image', 'whole traverse'), ('compact', 'over time', 'none'),
                ('gem{weights: imagenet}', 'single image', 'none'),
                ('long' * 20, 'single image', 'none'), ('Theirs', 'listed', 'not known'), *more])]
        for result in results:
            folder = result_folder(
                out, protocol='campus', pair=result.pair, label=result.label,
                method=result.method, statistics=result.statistics)
            folder.write_matrix(StoredMatrix(np.eye(30, dtype=np.uint8) * 255, 0.1, 0.9, 200, 210))
            for example in examples:
                for kind in PICTURES:
                    folder.write_picture(example.query, kind, picture)
        return write_comparison_report(out, results, [protocol], Provenance(
            'vpr_ros evaluate --out ' + 'folder/' * 30, '9.8.7', 'today', 0))

    return write


@pytest.mark.parametrize('name', PAGES)
def test_a_page_loads_by_itself_without_a_network(show, name, pages):
    driver = show(name)
    said = [entry['message'] for entry in driver.get_log('browser')]
    assert said == []
    told = [json.loads(entry['message'])['message'] for entry in driver.get_log('performance')]
    asked = {message['params']['request']['url'] for message in told
             if message['method'] == 'Network.requestWillBeSent'}
    others = [url for url in asked if not url.startswith('data:')]
    assert others == [pages(name).as_uri()]
    broken = driver.execute_async_script("""
        const done = arguments[0], images = [...document.images];
        images.forEach(image => { image.loading = "eager"; });
        Promise.allSettled(images.map(image => image.decode())).then(() =>
            done(images.filter(image => !image.naturalWidth).map(image => image.alt)));""")
    assert broken == []
    assert driver.execute_script('return document.images.length') or name == 'calibration'


REACHED = """
    const all = [...document.querySelectorAll("a[href], summary, [tabindex]")];
    return all.filter(e => e.checkVisibility({visibilityProperty: true}));"""
FOCUS = """
    const e = document.activeElement, look = getComputedStyle(e), at = e.getBoundingClientRect();
    const nav = document.querySelector("nav"), bar = nav.getBoundingClientRect();
    const stuck = getComputedStyle(nav).position === "sticky" && bar.top <= 0;
    const covered = stuck && !nav.contains(e) && at.top < bar.bottom - 1;
    return [look.outlineStyle, parseFloat(look.outlineWidth),
            at.bottom > 0 && at.top < innerHeight && at.right > 0 && at.left < innerWidth,
            covered && at.height < innerHeight - bar.bottom];"""


@pytest.mark.parametrize('width', [WIDE, NARROW])
@pytest.mark.parametrize('name', PAGES)
def test_everything_is_reached_and_seen_without_a_mouse(show, name, width):
    driver = show(name, width=width)
    expected = driver.execute_script(REACHED)
    assert len(expected) > 5
    keys = webdriver.common.keys.Keys
    for element in expected:
        driver.switch_to.active_element.send_keys(keys.TAB)
        assert driver.switch_to.active_element == element, element.get_attribute('outerHTML')[:200]
        style, outline_px, inside, covered = driver.execute_script(FOCUS)
        what = element.get_attribute('aria-label') or element.text
        assert style != 'none', what
        assert outline_px >= 2, what
        assert inside, what
        assert not covered, what


@pytest.mark.parametrize('name', PAGES)
def test_the_first_tab_leads_past_the_navigation(show, name):
    driver = show(name)
    keys = webdriver.common.keys.Keys
    driver.switch_to.active_element.send_keys(keys.TAB)
    skip = driver.switch_to.active_element
    assert skip.text == 'Skip to the summary'
    skip.send_keys(keys.ENTER)
    assert driver.execute_script('return location.hash') == '#summary'
    # The next thing that Tab reaches lies in the summary or behind it.
    driver.switch_to.active_element.send_keys(keys.TAB)
    assert not driver.execute_script('return !!document.activeElement.closest("nav, .skip")')


@pytest.mark.parametrize('name', PAGES)
def test_folds_open_and_close_by_keyboard(show, name):
    driver = show(name)
    folds = driver.find_elements('css selector', 'details')
    assert bool(folds) == (name != 'calibration')
    for fold in folds:
        fold.find_element('css selector', 'summary').send_keys(
            webdriver.common.keys.Keys.ENTER)
        assert fold.get_attribute('open') is None


@pytest.mark.parametrize('width', [WIDE, NARROW])
@pytest.mark.parametrize('name', PAGES)
def test_the_page_never_scrolls_sideways_and_what_does_can_be_reached(show, name, width):
    driver = show(name, width=width)
    page = 'document.documentElement'
    assert driver.execute_script('return innerWidth') == width
    assert driver.execute_script(f'return {page}.scrollWidth - {page}.clientWidth') == 0
    unreached = driver.execute_script("""
        return [...document.querySelectorAll("body *")].filter(e =>
            e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX)
            && !(e.tabIndex === 0 && e.role === "region" && e.ariaLabel)).map(e => e.outerHTML);
        """)
    assert unreached == []
    # Nothing is cut off either: what is too wide lies in something that scrolls.
    cut = driver.execute_script("""
        return [...document.querySelectorAll("main *")].filter(
            e => !e.closest(".scroll, .all, svg")
            && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML);""")
    assert cut == []


CONTRAST = r"""
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    function rgba(colour) {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
    }
    function over(top, below) {
        return [0, 1, 2].map(k => top[k] * top[3] + below[k] * (1 - top[3])).concat(1);
    }
    function light(colour) {
        const [r, g, b] = colour.slice(0, 3).map(v => { v /= 255;
            return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }
    function contrast(one, other) {
        const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    }
    function below(e) {
        const layers = [];
        for (; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
        return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
    }
    function seen(e) {
        let opacity = 1;
        for (; e; e = e.parentElement) opacity *= getComputedStyle(e).opacity;
        return opacity;
    }
    const found = [], root = getComputedStyle(document.documentElement);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const e = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
        if (!text || !e.checkVisibility() || e.closest("title, desc, style")) continue;
        const drawn = e instanceof SVGElement, look = getComputedStyle(e);
        const grounds = [below(drawn ? e.closest("svg").parentElement : e)];
        // Text of a chart may stand on the plot or beside it.
        if (drawn) grounds.push(rgba(root.getPropertyValue("--plot")));
        for (const ground of grounds) {
            const ink = rgba(drawn ? look.fill : look.color);
            const colour = over([...ink.slice(0, 3), ink[3] * seen(e)], ground);
            found.push([contrast(colour, ground), text.slice(0, 40), e.className.baseVal
                        ?? e.className]);
        }
    }
    return found.sort((a, b) => a[0] - b[0]);"""


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('name', PAGES)
def test_text_can_be_read_by_day_and_by_night(show, name, scheme):
    driver = show(name, scheme=scheme)
    found = driver.execute_script(CONTRAST)
    assert len(found) > 50
    faint = [line for line in found if line[0] < LEAST_CONTRAST]
    assert faint == []
    # The measure can tell: text in the colour of lines cannot be read.
    driver.execute_script('document.querySelector(".lead").style.color = "var(--line)"')
    assert driver.execute_script(CONTRAST)[0][0] < LEAST_CONTRAST


@pytest.mark.parametrize('name', PAGES)
def test_by_night_the_page_is_dark(show, name):
    ground = 'return getComputedStyle(document.body).backgroundColor'
    by_day = show(name).execute_script(ground)
    by_night = show(name, scheme='dark').execute_script(ground)
    assert by_day == 'rgb(251, 251, 249)'
    assert by_night == 'rgb(20, 23, 26)'


@pytest.mark.parametrize('name', PAGES)
def test_who_hears_the_page_finds_the_way(show, name):
    driver = show(name)
    levels = driver.execute_script("""
        return [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(h => +h.tagName[1]);
        """)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    unnamed = driver.execute_script("""
        const named = e => e.getAttribute("aria-label") || document.getElementById(
            e.getAttribute("aria-labelledby"))?.textContent.trim();
        return [...document.querySelectorAll("section, nav, [role]")].filter(e => !named(e))
            .concat([...document.querySelectorAll("img:not([alt])")])
            .concat([...document.querySelectorAll("th:not([scope])")])
            .concat([...document.querySelectorAll("table")].filter(t => !t.caption))
            .concat([...document.querySelectorAll("svg:not([aria-hidden], svg svg)")].filter(
                s => !named(s)))
            .map(e => e.outerHTML.slice(0, 200));""")
    assert unnamed == []
    names = driver.execute_script("""
        return [...document.querySelectorAll("[role=region]")].map(e => e.ariaLabel);""")
    assert len(names) == len(set(names))


def test_names_of_many_systems_break_between_words_and_no_mark_leaves_its_row(show):
    driver = show('many')
    heights = driver.execute_script("""
        return [...document.querySelectorAll(".dense-ranks tbody th")].filter(
            e => e.textContent === "another_network").map(e => {
                const all = document.createRange(); all.selectNodeContents(e);
                return all.getClientRects().length; });""")
    assert heights == [1] * 4
    outside = driver.execute_script("""
        return [...document.querySelectorAll(".dense-ranks .track > *")].filter(e => {
            const at = e.getBoundingClientRect(), row = e.closest("tr").getBoundingClientRect();
            return at.top < row.top || at.bottom > row.bottom || !at.width; }).length;""")
    assert outside == 0


def test_the_letters_of_the_comparison_are_never_smaller_than_a_telephone_shows(show):
    driver = show('comparison', width=NARROW)
    sizes = driver.execute_script("""
        return [...document.querySelectorAll("svg.chart text")].map(e => {
            const chart = e.ownerSVGElement;
            return parseFloat(getComputedStyle(e).fontSize)
                * chart.getBoundingClientRect().width / chart.viewBox.baseVal.width; });""")
    assert len(sizes) > 30
    assert min(sizes) >= 11
