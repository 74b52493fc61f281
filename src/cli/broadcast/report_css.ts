/** How a report looks. Eight colours that people with any colour vision can tell apart (Okabe and Ito 2008). */

const LIGHT =
  `--bg:#fff;--fg:#1b1f24;--dim:#5b6470;--rule:#d8dde3;--good:#116b3a;--bad:#b3261e;--one:#0072b2;--last:#c25700;
--s0:#0072b2;--s1:#c25700;--s2:#00795a;--s3:#a8527f;--s4:#8a6d00;--s5:#2b8fc4;--s6:#5b3fa8;--s7:#444`;

const DARK =
  `--bg:#14171a;--fg:#e6e9ec;--dim:#9aa4af;--rule:#333a42;--good:#5fd08f;--bad:#ff8a80;--one:#56b4e9;--last:#ffb454;
--s0:#56b4e9;--s1:#ffb454;--s2:#35c8a0;--s3:#e79ac2;--s4:#f0e442;--s5:#8fd0ff;--s6:#b9a3ff;--s7:#ccc`;

const COLOURS = Array.from({ length: 8 }, (_, i) => `.s${i}{--c:var(--s${i})}`).join("");

/** The style sheet of a report. */
export const REPORT_CSS = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
@media print{:root{color-scheme:light;${LIGHT}}}
body{margin:2rem auto;max-width:62rem;padding:0 1rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
.verdict{font-size:1.1rem;margin:0 0 1rem}.good{color:var(--good)}.bad{color:var(--bad)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.5rem 1.5rem;margin:0}
dt{color:var(--dim);font-size:.85rem}dd{margin:0}
figure{margin:0}svg{display:block;width:100%;height:auto}
svg text{fill:var(--dim);font:13px system-ui,sans-serif}
.grid{stroke:var(--rule);fill:none}
.line{fill:none;stroke:var(--c,var(--one));stroke-width:2;stroke-linejoin:round}
.one{--c:var(--one)}.last{--c:var(--last)}.failed{--c:var(--bad)}
.line.one{stroke-width:1;stroke-opacity:.35}.line.failed{stroke-width:1.5;stroke-opacity:.8}
.bound{stroke:var(--fg);stroke-width:1.5;stroke-dasharray:6 4;fill:none}.even{stroke:var(--dim);stroke-width:1.5;stroke-dasharray:1.5 4;fill:none}svg .bound-text{fill:var(--fg)}
${COLOURS}
figcaption{font-size:.9rem;color:var(--dim)}
.key{display:inline-block;margin-right:1.2rem}.key i{display:inline-block;width:1.4rem;margin-right:.4rem;
vertical-align:middle;border-top:3px solid var(--c)}.key i.bound{border-top:2px dashed var(--fg)}.key i.even{border-top:2px dotted var(--dim)}
table{border-collapse:collapse;width:100%;font-size:.95rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--dim);font-weight:600}th:nth-child(n+3):nth-child(-n+5),td:nth-child(n+3):nth-child(-n+5){text-align:right;
white-space:nowrap}
td:nth-child(2){white-space:nowrap}tr.failed td:nth-child(2){color:var(--bad)}tr.done td:nth-child(2){color:var(--good)}
@media print{body{margin:0;max-width:none;font-size:11pt}thead{display:table-header-group}tr,figure{break-inside:avoid}}
`;
