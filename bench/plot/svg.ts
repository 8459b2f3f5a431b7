/** A bar chart as SVG text: one bar a ratio, its spread, and the line that is wanted. Pure; no library draws so little. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The least and the most of the rounds. */
  readonly low: number;
  readonly high: number;
  /** Where the line of the target stands. */
  readonly target?: number;
  /** Where the mark of the least program for the same job stands. */
  readonly floor?: number;
  readonly kept: boolean;
}

export interface Chart {
  readonly title: string;
  /** What 1 on the axis is. */
  readonly subtitle: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 890;
const LABELS = 360;
const VALUES = 120;
const ROW = 26;
const BAR = 12;
/** Half of the floor's mark. */
const FLOOR = 5;
const HEAD = 58;
const GROUP_GAP = 26;
const FOOT = 30;
/** The axis ends at a value of at least this, so that 1 is always on it. */
const AXIS_LEAST = 1.2;
/** A ratio of twenty would make all others invisible: its bar is cut off there, and its figure says what it is. */
const AXIS_MOST = 6;

/** Readable on white and on black alike: a page of GitHub has either. */
const STYLE = `
  text { font: 13px ui-sans-serif, system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .quiet { fill: #59636e; }
  .kept { fill: #1a7f37; } .missed { fill: #cf5c0a; } .plain { fill: #4d7fc4; }
  .spread { stroke: #1f2328; stroke-width: 1.2; opacity: .65; }
  .target { stroke: #1f2328; stroke-width: 2; }
  .floor { fill: #fff; stroke: #1f2328; stroke-width: 1.5; }
  .one { stroke: #818b98; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .quiet { fill: #9198a1; }
    .kept { fill: #3fb950; } .missed { fill: #f0883e; } .plain { fill: #6ea8fe; }
    .floor { fill: #0d1117; }
    .spread, .target, .floor { stroke: #e6edf3; } .one { stroke: #656c76; }
  }`;

/** The charts below one another in one picture. */
export function drawCharts(charts: readonly Chart[]): string {
  let y = 0;
  const parts: string[] = [];
  for (const chart of charts) {
    parts.push(`<g transform="translate(0 ${y})">${drawChart(chart)}</g>`);
    y += HEAD + chart.bars.length * ROW + GROUP_GAP;
  }
  const height = y + FOOT;
  const legend = `<text class="quiet" x="16" y="${height - 12}">thin line: all rounds · stroke: what is wanted · diamond: the least program for the job · dashed: equal · at the right edge a bar is cut off</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(charts.map(({ title }) => title).join(", "))}">
<style>${STYLE}
</style>
${parts.join("\n")}
${legend}
</svg>
`;
}

function drawChart({ title, subtitle, bars }: Chart): string {
  const most = Math.max(AXIS_LEAST, ...bars.flatMap(({ high, target, floor }) => [high, target ?? 0, floor ?? 0]));
  const axis = Math.min(AXIS_MOST, most * 1.05);
  const room = WIDTH - LABELS - VALUES;
  const x = (value: number): number => LABELS + (Math.min(value, axis) / axis) * room;
  const bottom = HEAD + bars.length * ROW;
  const rows = bars.map((bar, index) => drawBar(bar, HEAD + index * ROW, x));
  return [
    `<text class="title" x="16" y="24">${escape(title)}</text>`,
    `<text class="quiet" x="16" y="44">${escape(subtitle)}</text>`,
    line("one", x(1), HEAD - 4, x(1), bottom),
    ...rows,
  ].join("\n");
}

function drawBar(
  { label, value, low, high, target, floor, kept }: Bar,
  y: number,
  x: (value: number) => number,
): string {
  const middle = y + ROW / 2;
  const look = target === undefined ? "plain" : kept ? "kept" : "missed";
  const parts = [
    `<text x="${LABELS - 10}" y="${middle + 4}" text-anchor="end">${escape(label)}</text>`,
    `<rect class="${look}" x="${LABELS}" y="${middle - BAR / 2}" width="${round(x(value) - LABELS)}" height="${BAR}" rx="2"/>`,
    line("spread", x(low), middle, x(high), middle),
  ];
  if (target !== undefined) parts.push(line("target", x(target), middle - BAR, x(target), middle + BAR));
  if (floor !== undefined) parts.push(diamond("floor", x(floor), middle));
  const wanted = target === undefined ? "" : ` of ${target}`;
  parts.push(
    `<text x="${WIDTH - VALUES + 12}" y="${middle + 4}">${value.toFixed(2)}<tspan class="quiet">${wanted}</tspan></text>`,
  );
  return parts.join("");
}

function line(name: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${name}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function diamond(name: string, x: number, y: number): string {
  const points = [x, y - FLOOR, x + FLOOR, y, x, y + FLOOR, x - FLOOR, y].map((value) => round(value));
  return `<path class="${name}" d="M${points.slice(0, 2).join(" ")}L${points.slice(2).join(" ")}Z"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
