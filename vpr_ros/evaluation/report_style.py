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

"""The look of the report, in light and dark."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --card: #ffffff; --ink: #1c2024; --soft: #5b646d; --line: #dcdfe2;
  --faint: #eceeef; --accent: #1f5f99; --right: #0b7a5c; --wrong: #c2410c; --missed: #6b7280;
  --halo: #ffffff; --plot: #f3f5f6; --truth: #111827;
  --building: #dfe3e6; --green: #e0ebdc; --street: #ffffff; --route: #bcd6ec; --out: #9a5b00;
  --early: #bccfe0; --late: #12395f;
  --s1: #1f5f99; --s2: #7a3e9d; --s3: #8a5200; --s4: #0b6b80; --s5: #b0216b; --s6: #486a00;
  --s7: #4b5563; --s8: #87432b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1b1f23; --ink: #e6e8ea; --soft: #9aa4ad; --line: #33393f;
    --faint: #262b30; --accent: #79b4e8; --right: #4cc9a0; --wrong: #ff8a5c; --missed: #a3abb3;
    --halo: #14171a; --plot: #1f2429; --truth: #f3f4f6;
    --building: #2e353c; --green: #22302a; --street: #15181b; --route: #2a4d6b; --out: #f0b45c;
    --early: #38536e; --late: #b4dbff;
    --s1: #79b4e8; --s2: #cba2f2; --s3: #e2b152; --s4: #5fcbe0; --s5: #f58ac0; --s6: #a9cc5c;
    --s7: #b6bec6; --s8: #e0a084;
  }
  .cells, .ramp { filter: invert(1) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
html { scroll-behavior: auto; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial,
    'Liberation Sans', sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word;
}
a { color: var(--accent); text-underline-offset: 0.2em; text-decoration-thickness: 1px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: 0.5rem 1rem; z-index: 2; }
.page { max-width: 1120px; margin: 0 auto; padding: 0 24px 64px; }
header { padding: 48px 0 20px; }
.over { margin: 0 0 6px; color: var(--soft); font-size: 14px; letter-spacing: 0.02em; }
h1 { margin: 0 0 14px; font-size: clamp(28px, 4vw, 40px); line-height: 1.15; font-weight: 650;
  letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { margin: 0 0 4px; font-size: 22px; line-height: 1.3; font-weight: 650;
  letter-spacing: -0.005em; }
h3 { margin: 28px 0 10px; font-size: 16px; font-weight: 650; }
.lead { max-width: 46em; margin: 0; font-size: 19px; line-height: 1.5; }
.about { max-width: 46em; margin: 0 0 16px; color: var(--soft); }
nav { position: sticky; top: 0; z-index: 1; background: var(--page);
  border-bottom: 1px solid var(--line); }
nav ul { display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 0; padding: 10px 0;
  list-style: none; }
nav a { color: var(--soft); text-decoration: none; font-size: 14px; }
nav a:hover { color: var(--ink); text-decoration: underline; }
section { padding: 40px 0 0; scroll-margin-top: 28px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px;
  margin: 22px 0 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: 14px 16px 15px; }
.card dt { font-size: 14px; color: var(--soft); }
.card dd { margin: 0; }
.card .big { font-size: 31px; line-height: 1.25; font-weight: 650; letter-spacing: -0.02em; }
.card .big small { font-size: 17px; font-weight: 450; color: var(--soft); letter-spacing: 0; }
.card .small { font-size: 14px; line-height: 1.45; color: var(--soft); }
.bar { display: block; width: 100%; height: 22px; margin: 22px 0 10px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 24px; margin: 0; padding: 0; list-style: none;
  font-size: 14px; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend b { color: var(--ink); font-weight: 650; }
.mark { width: 16px; height: 16px; flex: none; vertical-align: -3px; }
figure { margin: 0; }
.scroll { overflow-x: auto; }
.chart { display: block; width: 100%; min-width: 640px; height: auto; }
.chart.square { min-width: 0; max-width: 460px; }
.plot { fill: var(--plot); }
.cells { image-rendering: pixelated; }
.axis, .grid { stroke: var(--line); stroke-width: 1; }
.axis { stroke: var(--soft); }
.tick { font-size: 12px; fill: var(--soft); }
.label { font-size: 13px; fill: var(--ink); }
.truth { fill: none; stroke: var(--truth); stroke-width: 1.1; stroke-linejoin: round;
  opacity: 0.8; }
.trace { fill: none; stroke: var(--line); stroke-width: 1.2; }
.curve { fill: none; stroke: var(--accent); stroke-width: 2.2; stroke-linejoin: round; }
.curve.thin { stroke-width: 1; opacity: 0.55; }
.ideal { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 5 4; }
.whisker { fill: none; stroke: var(--accent); stroke-width: 1.3; opacity: 0.75; }
.bin { fill: var(--accent); stroke: var(--plot); stroke-width: 1; }
.chosen { fill: var(--card); stroke: var(--ink); stroke-width: 2; }
.halo { fill: none; stroke: var(--halo); stroke-width: 3.6; opacity: 0.9; }
.trace ~ .halo, .mark .halo { stroke: none; }
.dot { fill: none; stroke-width: 1.9; }
.dot.right { fill: var(--right); stroke: none; }
.dot.wrong { stroke: var(--wrong); stroke-width: 2.3; stroke-linecap: round; }
.dot.missed { stroke: var(--missed); stroke-width: 1.4; fill: var(--page); }
.dot.rejected { stroke: var(--soft); stroke-width: 2; stroke-linecap: round; }
.fill-right { fill: var(--right); } .fill-wrong { fill: var(--wrong); }
.fill-missed { fill: var(--faint); } .fill-rejected { fill: var(--line); }
.hatch { stroke: var(--soft); stroke-width: 1; fill: none; }
#hatch-wrong .hatch { stroke: var(--page); stroke-width: 1.6; }
figcaption { margin-top: 8px; display: flex; flex-wrap: wrap; gap: 4px 24px; font-size: 14px;
  color: var(--soft); align-items: center; }
.key { display: inline-flex; align-items: center; gap: 6px; }
.key .line { width: 20px; height: 7px; border: 1px solid currentColor; opacity: 0.8; }
.scale { display: inline-flex; align-items: center; gap: 7px; }
.ramp { width: 96px; height: 10px; border-radius: 2px; }
.plans { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 24px; }
.plans.one { grid-template-columns: minmax(0, 720px); }
.plans h3 { margin-top: 4px; }
.chart.plan { min-width: 0; }
.plan .plot { fill: var(--plot); }
.ground.building { fill: var(--building); }
.ground.green { fill: var(--green); }
.ground.street { fill: var(--street); }
.route, .drive, .error { fill: none; stroke-linecap: round; stroke-linejoin: round; }
.route { stroke: var(--route); stroke-width: 11; }
.drive.halo { stroke-width: 6; }
.drive.inside { stroke: var(--accent); stroke-width: 3; }
.drive.outside { stroke: var(--out); stroke-width: 3; stroke-dasharray: 3 6; }
.drive.way { stroke: var(--soft); stroke-width: 0.8; opacity: 0.4; }
.error { stroke: var(--wrong); stroke-width: 0.9; opacity: 0.55; }
.error.end { stroke-width: 4.5; opacity: 1; }
.path, .shadow, .closure { fill: none; stroke-linecap: round; stroke-linejoin: round; }
.path { stroke: var(--accent); }
.path.halo { stroke: var(--plot); }
.shadow { stroke: var(--line); stroke-width: 2; }
.closure { stroke: var(--right); stroke-width: 1; opacity: 0.75; }
.closure.end { stroke-width: 3.6; }
.closure.wrong { stroke: var(--wrong); stroke-width: 1.3; stroke-dasharray: 5 3.5; opacity: 0.9; }
.closure.wrong.end { stroke-width: 5; stroke-dasharray: none; }
.least { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 4; }
.plan .halo.right { stroke: none; }
.plan .dot.rejected { stroke-linecap: butt; }
.dense .halo { stroke: none; }
.dense .dot { stroke-width: 1.1; }
.dense .dot.wrong { stroke-width: 1.5; }
.dense .error { stroke-width: 0.6; }
.dense .error.end { stroke-width: 3; }
.start { fill: var(--ink); stroke: var(--halo); stroke-width: 1.5; stroke-linejoin: round; }
.place { font-size: 13px; font-weight: 650; fill: var(--ink); stroke: var(--halo);
  stroke-width: 3; stroke-linejoin: round; paint-order: stroke; }
.bar-line { fill: none; stroke: var(--soft); stroke-width: 1.2; }
.stroke { width: 34px; height: 16px; flex: none; }
.two { display: grid; grid-template-columns: minmax(0, 460px) minmax(0, 1fr); gap: 24px 48px;
  align-items: start; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
caption { text-align: left; color: var(--soft); font-size: 14px; padding-bottom: 6px; }
th, td { padding: 7px 14px 7px 0; text-align: right; border-bottom: 1px solid var(--line);
  font-weight: 400; white-space: nowrap; }
thead th { color: var(--soft); font-size: 14px; vertical-align: bottom; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { white-space: normal; min-width: 14em; }
th:last-child, td:last-child { padding-right: 0; }
tr.sum th, tr.sum td { font-weight: 650; border-bottom: 0; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(500px, 100%), 1fr));
  gap: 18px; margin: 0; padding: 0; list-style: none; }
.example { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: 12px 14px 13px; height: 100%; }
.example.wrong { border-left: 4px solid var(--wrong); }
.example :is(h3, h4, h5) { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: center;
  margin: 0 0 9px; font-size: 15px; font-weight: 650; }
.example :is(h3, h4, h5) span { font-weight: 400; color: var(--soft); font-size: 14px; }
.strip { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 6px; }
.strip { align-items: start; }
.strip img { display: block; width: 100%; height: auto; border-radius: 3px;
  background: var(--faint); }
.strip figcaption { margin-top: 3px; font-size: 13px; }
.facts { display: flex; flex-wrap: wrap; gap: 0 20px; margin: 9px 0 0; font-size: 14px; }
.facts div { display: flex; gap: 6px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; }
.why { margin: 5px 0 0; font-size: 14px; color: var(--soft); overflow-wrap: anywhere; }
.why b { color: var(--ink); font-weight: 650; }
.origin { display: grid; grid-template-columns: fit-content(38%) minmax(0, 1fr); gap: 6px 24px;
  margin: 12px 0 0; font-size: 15px; }
.origin dt { color: var(--soft); overflow-wrap: anywhere; }
.origin dd { margin: 0; overflow-wrap: anywhere; }
code { font: 13.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono',
  monospace; }
.system { fill: none; stroke-width: 2; stroke-linejoin: round; }
.s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); } .s3 { stroke: var(--s3); }
.s4 { stroke: var(--s4); } .s5 { stroke: var(--s5); } .s6 { stroke: var(--s6); }
.s7 { stroke: var(--s7); } .s8 { stroke: var(--s8); }
.letter { font-size: 13px; font-weight: 700; fill: var(--ink); stroke: var(--plot);
  stroke-width: 4; stroke-linejoin: round; paint-order: stroke; }
.sign { display: inline-flex; align-items: center; gap: 5px; font-weight: 650; flex: none; }
.sign .stroke { width: 30px; }
.who { display: inline-flex; align-items: flex-start; gap: 8px; }
.system-name { min-width: 0; overflow-wrap: anywhere; }
.system-name small, .got small, .results small, .panel small, .numbers small {
  display: block; font-size: 12.5px; line-height: 1.35; font-weight: 400; color: var(--soft); }
.verdicts { max-width: 52em; margin: 8px 0 0; padding-left: 1.1em; }
.verdicts li { margin: 3px 0; overflow-wrap: anywhere; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(500px, 100%), 1fr));
  gap: 20px 40px; margin: 22px 0 12px; }
.panel :is(h3, h4) { display: flex; flex-wrap: wrap; gap: 0 10px; align-items: baseline;
  margin: 0 0 4px; font-size: 15px; font-weight: 650; overflow-wrap: anywhere; }
.ranks, .curve-keys, .notes { margin: 0; padding: 0; list-style: none; }
.ranks li { display: grid; grid-template-columns: minmax(0, 14em) minmax(70px, 1fr) 6.2em;
  gap: 10px; align-items: center; padding: 5px 0; border-top: 1px solid var(--line);
  font-size: 14px; line-height: 1.35; }
.panel:only-child .ranks li { grid-template-columns: minmax(0, 24em) minmax(70px, 1fr) 6.2em; }
.got { text-align: right; }
.got b, .results b { font-weight: 700; }
.track { position: relative; display: block; height: 16px; background: var(--plot);
  border-left: 1px solid var(--soft); border-right: 1px solid var(--line); }
.track i { position: absolute; top: 50%; }
.track .range { height: 4px; margin-top: -2px; background: var(--accent); opacity: 0.42; }
.track .dot { width: 10px; height: 10px; margin: -5px 0 0 -5px; border-radius: 50%;
  background: var(--card); border: 2px solid var(--accent); }
.track .dot.best { background: var(--accent); }
.track .dot.printed { border: 2px dotted var(--soft); }
.track .diamond { width: 8px; height: 8px; margin: -4px 0 0 -4px; background: var(--card);
  border: 1.5px solid var(--ink); transform: rotate(45deg); }
.keys { display: flex; flex-wrap: wrap; gap: 4px 24px; font-size: 14px; color: var(--soft); }
.key .track { width: 34px; border: 0; }
.key .track i { left: 50%; } .key .track .range { left: 4px; width: 26px; }
.dense-ranks { font-size: 14px; table-layout: auto; }
.dense-ranks caption { font-size: 13px; padding-bottom: 2px; }
.dense-ranks :is(th, td) { padding: 3px 0 3px 12px; line-height: 1.3; }
.dense-ranks th:first-child { padding-left: 0; min-width: 9.5em; max-width: 17em;
  white-space: normal; overflow-wrap: anywhere; }
.dense-ranks :is(th, td):nth-child(2) { width: 60%; min-width: 70px; }
.dense-ranks thead th { font-size: 12.5px; }
.dense-ranks thead th > span { display: block; }
.dense-ranks thead .ends { display: flex; justify-content: space-between; }
.dense-ranks .track { background: repeating-linear-gradient(to right, transparent 0
  calc(25% - 1px), var(--line) calc(25% - 1px) 25%), var(--plot); }
.dense-ranks .range { height: 2px; margin-top: -1px; opacity: 0.6; }
.way { width: 12px; height: 12px; flex: none; overflow: visible; fill: var(--card);
  stroke: var(--accent); stroke-width: 1.7; stroke-linejoin: round; }
.way.best { fill: var(--accent); }
.way.aside { stroke: var(--soft); }
.way.printed { stroke: var(--soft); stroke-dasharray: 1.5 1.5; }
.track .way { position: absolute; margin: -6px 0 0 -6px; }
.below { margin-left: 4px; font-size: 11px; color: var(--soft); }
.results { width: auto; min-width: min(100%, 640px); }
.results th, .results td { padding-right: 24px; vertical-align: top; line-height: 1.4; }
.results td { min-width: 6.6em; }
.results tbody th { min-width: 14em; white-space: normal; }
.results tr.unit th { padding-top: 18px; font-weight: 650; }
.results tr.unit small { display: inline; margin-left: 10px; }
.results tr.unit .who { font-weight: 400; }
.results tbody:first-of-type tr.unit th { padding-top: 10px; }
.results tr.printed th, .results tr.printed td { color: var(--soft); }
.results b { border-bottom: 2px solid var(--accent); }
.numbers th { white-space: normal; min-width: 11em; } .numbers .who { text-align: left; }
.pairs { margin-top: 14px; }
.pairs :is(th, td):nth-child(-n+5) { text-align: left; }
sup { font-size: 11px; line-height: 0; margin-left: 2px; }
.notes { margin-top: 10px; font-size: 14px; color: var(--soft); }
.notes sup { margin: 0; }
.numbers .scroll { margin-top: 18px; }
.charts, .matrices { display: grid; gap: 28px 32px;
  grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr)); }
.matrices { grid-template-columns: repeat(auto-fill, minmax(min(240px, 100%), 1fr));
  gap: 20px 24px; }
.chart.small { min-width: 0; max-width: 420px; }
.charts h3 { margin: 0 0 8px; overflow-wrap: anywhere; }
.curve-keys { max-width: 420px; margin-top: 6px; font-size: 14px; line-height: 1.35; }
.curve-keys li { display: flex; gap: 8px; padding: 3px 0; }
.curve-keys .got { margin-left: auto; white-space: nowrap; color: var(--soft); }
.matrices img.cells { display: block; width: 100%; height: auto; background: var(--faint); }
.matrices figcaption { display: block; line-height: 1.35; }
.matrices .who { color: var(--ink); }
.matrices .scale { display: flex; }
.fold { margin-top: 16px; border-top: 1px solid var(--line); padding-top: 10px; }
.fold > summary { font-weight: 650; overflow-wrap: anywhere; }
.fold h4 { margin: 16px 0 8px; font-size: 14px; font-weight: 450; color: var(--soft); }
code.block { display: block; }
details { margin-top: 24px; }
summary { cursor: pointer; color: var(--accent); }
.all { max-height: 520px; overflow: auto; margin-top: 12px; }
.all table { font-size: 14px; }
.all thead th { position: sticky; top: 0; background: var(--page); }
footer { margin-top: 56px; padding-top: 14px; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 14px; }
@media (max-width: 760px) {
  nav { position: static; }
  .ranks li { grid-template-columns: minmax(0, 1fr) auto; gap: 4px 10px; align-items: start; }
  .ranks .got { grid-area: 1 / 2; } .ranks .track { grid-column: 1 / -1; }
  .panel:only-child .ranks li { grid-template-columns: minmax(0, 1fr) auto; }
  .dense-ranks, .dense-ranks :is(thead, tbody) { display: block; }
  .dense-ranks caption { display: block; }
  .dense-ranks tr { display: grid; grid-template-columns: repeat(var(--ways), minmax(0, 1fr));
    border-bottom: 1px solid var(--line); padding: 5px 0; }
  .dense-ranks :is(th, td) { border: 0; padding: 1px 0; text-align: left; }
  .dense-ranks th:first-child, .dense-ranks :is(th, td):nth-child(2) {
    grid-column: 1 / -1; width: auto; min-width: 0; max-width: none; }
  .dense-ranks :is(th, td):nth-child(2) { grid-row: 3; }
  .fold .strip { grid-auto-flow: row; grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .results tbody th { min-width: 11em; } .results th, .results td { padding-right: 14px; }
  .results td { min-width: 5.4em; }
  .two, .plans { grid-template-columns: minmax(0, 1fr); gap: 24px; }
  .page { padding: 0 16px 48px; } header { padding-top: 28px; }
}
@media print {
  nav, .skip, details:not([open]) { display: none; } body { font-size: 11pt; background: #ffffff; }
  .example, .card, .panel, figure, tr { break-inside: avoid; }
  h2, h3, h4, caption, .unit { break-after: avoid; } .scroll { overflow: visible; }
}
"""
