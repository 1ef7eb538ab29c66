// Charts, by Plotly: which columns are the axes and the series is found as the portal finds it, colours and order are the workbook's.
/** @param {string} name */
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** @param {string} kind */
const isNumber = (kind) => kind === "long" || kind === "real";
/** @type {Record<string, number>} */
const HEIGHTS = { 0: 320, 1: 240, 2: 460, 3: 340, 4: 190 };
const BARS = ["categoricalbar", "barchart", "unstackedbar"];
/** @type {Record<string, string>} */
const KINDS = { piechart: "Pie chart", linechart: "Line chart", timechart: "Line chart", areachart: "Area chart", scatterchart: "Scatter chart" };
/** What tells series apart without their colours. */
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
const MARKS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon"];
/**
 * How the portal adds up the points of a series, by the number that it gives each way.
 * @type {Record<string, string>}
 */
const SUMS = { 1: "sum", 2: "min", 3: "max", 4: "average", 7: "count" };

/**
 * The columns that stand for x, the series and the values.
 * @param {Content} content
 * @param {Column[]} columns
 * @returns {{ x: string, y: string[], group?: string }}
 */
function rolesOf(content, columns) {
  const settings = content.chartSettings || {};
  const names = columns.map(([name]) => name);
  const kinds = Object.fromEntries(columns);
  const time = columns.find(([, kind]) => kind === "datetime")?.[0];
  const texts = columns.filter(([, kind]) => kind === "string" || kind === "bool" || kind === "dynamic").map(([name]) => name);
  const x = settings.xAxis && names.includes(settings.xAxis) ? settings.xAxis : (time ?? texts[0] ?? names[0]);
  const chosenY = (settings.yAxis || []).filter((/** @type {string} */ name) => names.includes(name));
  const y = chosenY.length ? chosenY : names.filter((name) => name !== x && isNumber(kinds[name]));
  const group = settings.group && names.includes(settings.group) ? settings.group : texts.find((name) => name !== x);
  return { x, y, group };
}

/** Series beyond the largest `most` as one. @param {Points[]} listed @param {number | undefined} most */
function othersAsOne(listed, most) {
  if (!most || listed.length <= most) return listed;
  const size = (/** @type {Points} */ series) => series.y.reduce((sum, one) => sum + Number(one), 0);
  const large = new Set([...listed].sort((a, b) => size(b) - size(a)).slice(0, most));
  const sums = new Map();
  for (const series of listed.filter((one) => !large.has(one))) series.x.forEach((x, at) => sums.set(x, (sums.get(x) ?? 0) + Number(series.y[at])));
  return [...listed.filter((one) => large.has(one)), { key: "Other", x: [...sums.keys()], y: [...sums.values()] }];
}

/** What the workbook says of single series. @param {Content} content @returns {Record<string, any>[]} */
const labelsOf = (content) => content.chartSettings?.seriesLabelSettings || [];

/**
 * Name, label and colour of each series, with its points, in the order of the rows.
 * @param {Content} content
 * @param {Result} result
 * @returns {Series[]}
 */
function seriesOf(content, result) {
  const { x, y, group } = rolesOf(content, result.columns);
  const [records, kinds] = recordsOf(result);
  const settings = new Map(labelsOf(content).map((one) => [one.seriesName, one]));
  const found = new Map();
  for (const record of records) {
    for (const column of y) {
      const name = group ? plain(record[group], kinds[group]) : column;
      const key = group && y.length > 1 ? `${name}, ${column}` : name;
      const series = found.get(key) || found.set(key, { key, x: [], y: [] }).get(key);
      series.x.push(kinds[x] === "datetime" ? record[x] : plain(record[x], kinds[x]));
      series.y.push(record[column]);
    }
  }
  // The portal gives its colours in turn to those that have none of their own.
  return othersAsOne([...found.values()], content.chartSettings?.createOtherGroup).map((series, at) => {
    const setting = settings.get(series.key);
    const color = COLORS[setting?.color] ?? setting?.color ?? (series.key === "Other" ? COLORS.gray : SERIES[at % SERIES.length]);
    return { ...series, label: setting?.label || series.key, color };
  });
}

/** @param {Record<string, any> | undefined} settings */
function axis(settings, extra = {}) {
  const format = settings?.numberFormatSettings;
  return {
    gridcolor: css("--line"), linecolor: css("--line"), zeroline: false, automargin: true, tickfont: { size: 11 }, fixedrange: true,
    title: settings?.label ? { text: settings.label, font: { size: 11 } } : undefined,
    range: settings && Number.isFinite(settings.min) && Number.isFinite(settings.max) ? [settings.min, settings.max] : undefined,
    rangemode: "tozero", ticksuffix: UNITS[format?.unit] ?? "", ...extra,
  };
}

/** The only time of a chart, if there is but one. @param {string} x @param {Result} result */
function loneTime(x, result) {
  const at = result.columns.findIndex(([name, kind]) => name === x && kind === "datetime");
  const times = new Set(result.rows.map((row) => row[at]));
  return at >= 0 && times.size === 1 ? String([...times][0]) : undefined;
}

/** @param {Content} content @param {Result} result */
function layoutOf(content, result) {
  const settings = content.chartSettings || {};
  const kind = content.visualization;
  const isTime = ["timechart", "linechart", "areachart", "barchart"].includes(kind);
  const made = {
    height: HEIGHTS[content.size ?? 0] ?? 320,
    margin: { l: 8, r: 12, t: 8, b: 8, pad: 2 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: css("--font"), size: 12, color: css("--text") },
    showlegend: false,
    hoverlabel: { font: { family: css("--font"), size: 12 } },
    hovermode: isTime ? "x unified" : "closest",
    dragmode: content.timeBrushParameterName ? "select" : false, selectdirection: "h",
    xaxis: axis(settings.xSettings, { showgrid: false, fixedrange: !content.timeBrushParameterName, rangemode: "normal" }),
    yaxis: axis(settings.ySettings),
    barmode: kind === "unstackedbar" ? "group" : "stack", bargap: 0.3, uniformtext: { mode: "hide", minsize: 10 },
  };
  const day = isTime ? loneTime(rolesOf(content, result.columns).x, result) : undefined;
  // Around one point there is no scale: it would be one of milliseconds.
  if (day) Object.assign(made.xaxis, { tickvals: [day], ticktext: [day.slice(0, 10)], range: [-0.6, 0.6].map((days) => Date.parse(day) + days * DAY) });
  if (BARS.includes(kind) && !result.columns.some(([, one]) => one === "datetime")) {
    // Each series has a part of the categories only; their order is that of the rows.
    const at = result.columns.findIndex(([name]) => name === rolesOf(content, result.columns).x);
    Object.assign(made.xaxis, { type: "category", categoryorder: "array", categoryarray: [...new Set(result.rows.map((row) => row[at]))] });
  }
  return made;
}

/**
 * The parts of a pie, each as a series of one point.
 * @param {Content} content
 * @param {Result} result
 * @returns {Series[]}
 */
function partsOf(content, result) {
  const [whole] = seriesOf({ ...content, chartSettings: { ...content.chartSettings, group: undefined } }, result);
  const settings = new Map(labelsOf(content).map((one) => [one.seriesName, one]));
  return (whole?.x ?? []).map((name, at) => {
    const setting = settings.get(name);
    return { key: name, label: setting?.label || name, color: COLORS[setting?.color] ?? setting?.color ?? SERIES[at % SERIES.length], x: [name], y: [whole.y[at]] };
  });
}

/** @param {Series[]} listed @param {string} kind */
function tracesOf(listed, kind) {
  if (kind === "piechart") {
    const [labels, values, colors] = [listed.map((one) => one.label), listed.map((one) => one.y[0]), listed.map((one) => one.color)];
    return [{ type: "pie", hole: 0.6, labels, values, marker: { colors, line: { color: css("--back"), width: 2 } }, textinfo: "label+value", textposition: "outside", automargin: true, sort: false, direction: "clockwise", hovertemplate: "%{label}: %{value} (%{percent})<extra></extra>" }];
  }
  const isLone = new Set(listed.flatMap((one) => one.x)).size === 1;
  return listed.map(({ x, y, label, color }, nth) => {
    const isTime = x.length > 0 && /^\d{4}-\d\d-\d\dT/.test(String(x[0]));
    const common = { name: label, hovertemplate: `${escaped(label)}: %{y:,.4~g}<extra></extra>` };
    if (BARS.includes(kind)) {
      // The series' name stands in a bar that has room for it.
      const named = listed.length > 1 ? { text: y.map((one) => (Number(one) ? escaped(label) : "")), textposition: "inside", insidetextanchor: "middle", textangle: 0, insidetextfont: { color: inkOn(color), size: 11 } } : {};
      return { type: "bar", ...common, ...named, x, y, marker: { color, line: { color: css("--soft"), width: 0.5 } }, ...(isTime && isLone ? { width: 0.4 * DAY } : {}), hovertemplate: isTime ? common.hovertemplate : `%{x}, ${common.hovertemplate}` };
    }
    const order = x.map((_, at) => at).sort((a, b) => (x[a] < x[b] ? -1 : 1));
    const points = { x: isTime ? order.map((at) => x[at]) : x, y: isTime ? order.map((at) => y[at]) : y };
    const symbol = MARKS[nth % MARKS.length];
    if (kind === "scatterchart") return { type: "scatter", mode: "markers", ...common, ...points, marker: { color, size: 8, symbol } };
    return {
      type: "scatter", mode: points.x.length > 40 ? "lines" : "lines+markers", ...common, ...points, connectgaps: true,
      line: { color, width: 2, shape: "linear", dash: DASHES[nth % DASHES.length] }, marker: { color, size: 6, symbol },
      ...(kind === "areachart" ? { stackgroup: "one", fillcolor: `${color}55` } : {}),
    };
  });
}

/** Black or white, whichever stands out from a colour. @param {string} color */
function inkOn(color) {
  const [red, green, blue] = (color.match(/^#(..)(..)(..)/) ?? ["", "80", "80", "80"]).slice(1).map((part) => parseInt(part, 16));
  return red * 0.299 + green * 0.587 + blue * 0.114 > 140 ? "#000000" : "#ffffff";
}

/**
 * What the portal writes below a chart beside each series: its points added up, unless `showMetrics` is off.
 * @param {Content} content
 * @param {Series} series
 */
function metricOf(content, series) {
  const points = series.y.filter((one) => one !== null).map(Number);
  if (!points.length) return "";
  const way = SUMS[content.aggregation] ?? "sum";
  const sum = points.reduce((total, one) => total + one, 0);
  /** @type {Record<string, number>} */
  const ways = { sum, min: Math.min(...points), max: Math.max(...points), average: sum / points.length, count: points.length };
  return `${number(ways[way] ?? sum)} (${way})`;
}

/** How a series is drawn, small. @param {string} kind @param {string} color @param {number} nth */
function swatch(kind, color, nth) {
  const isLine = !BARS.includes(kind) && kind !== "piechart";
  const made = element("span", { class: "swatch", "aria-hidden": "true" });
  const dash = { dash: "6 3", dot: "2 2", dashdot: "6 2 2 2", longdash: "10 3" }[DASHES[nth % DASHES.length]] ?? "";
  made.innerHTML = isLine
    ? `<svg width="26" height="10"><path d="M0 5h26" stroke="${color}" stroke-width="2.5" stroke-dasharray="${dash}"/></svg>`
    : `<svg width="12" height="12"><rect x=".5" y=".5" width="11" height="11" fill="${color}" stroke="var(--soft)" stroke-width=".5"/></svg>`;
  return made;
}

/** @param {Content} content @param {Series[]} listed */
function legendOf(content, listed) {
  const { showLegend, showMetrics } = content.chartSettings || {};
  if (listed.length < 2 && showMetrics === false) return undefined;
  if (showLegend === false && showMetrics === false) return undefined;
  return element("ul", { class: "legend" }, ...listed.map((series, at) => element("li", {}, swatch(content.visualization, series.color, at), element("span", { text: series.label }),
    showMetrics === false || content.visualization === "piechart" ? undefined : element("b", { class: "metric", text: metricOf(content, series) }))));
}

/**
 * A chart in a sentence, for those who do not see it.
 * @param {Content} content
 * @param {Item} item
 * @param {Series[]} listed
 */
function spoken(content, item, listed) {
  const said = listed.slice(0, 8).map((series) => {
    const points = series.y.filter((one) => one !== null).map(Number);
    return points.length > 1 ? `${series.label}: ${points.length} values from ${number(Math.min(...points))} to ${number(Math.max(...points))}` : `${series.label}: ${points.map((one) => number(one)).join()}`;
  });
  return `${KINDS[content.visualization] ?? "Bar chart"}, ${sentence(content.title, present()) || item.name}. ${said.join("; ")}${listed.length > 8 ? `; and ${listed.length - 8} more` : ""}. All values are in the table below.`;
}

/**
 * The values of a chart as a table, made when it is opened.
 * @param {Content} content
 * @param {Result} result
 * @param {string} title
 */
function valuesOf(content, result, title) {
  const made = element("details", { class: "values" }, element("summary", { text: "Values as a table" }));
  made.addEventListener("toggle", () => {
    if (!made.hasAttribute("open") || made.querySelector("table")) return;
    const names = new Map(labelsOf(content).map((one) => [one.seriesName, one.label]));
    const head = element("tr", {}, ...result.columns.map(([name]) => element("th", { scope: "col", text: names.get(name) || name })));
    const rows = result.rows.map((row) => element("tr", {}, ...row.map((value, at) => element("td", { text: plain(value, result.columns[at][1]) }))));
    made.append(element("div", { class: "scroll grid", tabindex: "0", role: "region", "aria-label": `Values of ${title}` }, element("table", {}, element("caption", { class: "unseen", text: title }), element("thead", {}, head), element("tbody", {}, ...rows))));
  });
  return made;
}

/** @param {string} path @param {Item} item @param {Result} result */
function chart(path, item, result) {
  const { content } = item;
  const kind = content.visualization;
  const listed = kind === "piechart" ? partsOf(content, result) : seriesOf(content, result);
  const plot = element("div", { class: "plot", role: "img", "aria-label": spoken(content, item, listed) });
  plot.style.minHeight = `${HEIGHTS[content.size ?? 0] ?? 320}px`;
  const box = element("figure", { class: "chart" }, plot, legendOf(content, listed), content.timeBrushParameterName ? brushBar(path, content, result) : undefined, valuesOf(content, result, sentence(content.title, present()) || item.name));
  requestAnimationFrame(() => {
    if (!plot.isConnected) return;
    Plotly.newPlot(plot, tracesOf(listed, kind), layoutOf(content, result), { displayModeBar: false, responsive: true, locale: "en-US" }).then(() => brush(plot, content, result));
  });
  return box;
}
