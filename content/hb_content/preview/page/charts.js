// Charts, by Plotly: which columns are the axes and the series is found as the portal finds it.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isNumber = (kind) => kind === "long" || kind === "real";

/** The columns that stand for x, the series and the values. */
function rolesOf(content, columns) {
  const settings = content.chartSettings || {};
  const names = columns.map(([name]) => name);
  const kinds = Object.fromEntries(columns);
  const time = columns.find(([, kind]) => kind === "datetime")?.[0];
  const texts = columns.filter(([, kind]) => kind === "string" || kind === "bool" || kind === "dynamic").map(([name]) => name);
  const x = settings.xAxis && names.includes(settings.xAxis) ? settings.xAxis : (time ?? texts[0] ?? names[0]);
  const chosenY = (settings.yAxis || []).filter((name) => names.includes(name));
  const y = chosenY.length ? chosenY : names.filter((name) => name !== x && isNumber(kinds[name]));
  const group = settings.group && names.includes(settings.group) ? settings.group : texts.find((name) => name !== x);
  return { x, y, group };
}

/** Name, label and colour of each series, with its points. */
function seriesOf(content, result) {
  const { x, y, group } = rolesOf(content, result.columns);
  const [records, kinds] = recordsOf(result);
  const settings = new Map((content.chartSettings?.seriesLabelSettings || []).map((one) => [one.seriesName, one]));
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
  // Severities keep their colours, worst first.
  const ranks = Object.keys(SEVERITIES);
  const listed = [...found.values()];
  if (listed.length && listed.every(({ key }) => ranks.includes(key))) listed.sort((a, b) => ranks.indexOf(a.key) - ranks.indexOf(b.key));
  return listed.map((series, at) => {
    const setting = settings.get(series.key);
    const color = COLORS[setting?.color] ?? setting?.color ?? SEVERITIES[series.key.toLowerCase()] ?? SERIES[at % SERIES.length];
    return { ...series, label: setting?.label || series.key, color };
  });
}

const HEIGHTS = { 0: 320, 1: 240, 2: 460, 3: 340, 4: 190 };

function axis(settings, extra = {}) {
  const format = settings?.numberFormatSettings;
  return {
    gridcolor: css("--line"), linecolor: css("--line"), zeroline: false, automargin: true, tickfont: { size: 11 }, fixedrange: true,
    title: settings?.label ? { text: settings.label, font: { size: 11 } } : undefined,
    range: Number.isFinite(settings?.min) && Number.isFinite(settings?.max) ? [settings.min, settings.max] : undefined,
    rangemode: "tozero", ticksuffix: UNITS[format?.unit] ?? "", ...extra,
  };
}

function layoutOf(content, kind, count) {
  const settings = content.chartSettings || {};
  const isTime = ["timechart", "linechart", "areachart", "barchart"].includes(kind);
  return {
    height: HEIGHTS[content.size ?? 0] ?? 320,
    margin: { l: 8, r: 12, t: 8, b: 8, pad: 2 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: css("--font"), size: 12, color: css("--text") },
    showlegend: count > 1 && settings.showLegend !== false,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 }, traceorder: "normal" },
    hoverlabel: { font: { family: css("--font"), size: 12 } },
    hovermode: isTime ? "x unified" : "closest",
    dragmode: content.timeBrushParameterName ? "select" : false,
    selectdirection: "h",
    xaxis: axis(settings.xSettings, { showgrid: false, fixedrange: !content.timeBrushParameterName, rangemode: "normal" }),
    yaxis: axis(settings.ySettings),
    barmode: "stack", bargap: 0.3,
  };
}

function pieOf(content, result, width) {
  const listed = seriesOf({ ...content, chartSettings: { ...content.chartSettings, group: undefined } }, result)[0] ?? { x: [], y: [] };
  const settings = new Map((content.chartSettings?.seriesLabelSettings || []).map((one) => [one.seriesName, one]));
  const colors = listed.x.map((name, at) => COLORS[settings.get(name)?.color] ?? settings.get(name)?.color ?? SEVERITIES[String(name).toLowerCase()] ?? SERIES[at % SERIES.length]);
  const legend = width > 420 ? { orientation: "v", x: 1.05, y: 0.5 } : { orientation: "h", y: -0.1 };
  return [
    [{ type: "pie", hole: 0.6, labels: listed.x.map((name) => settings.get(name)?.label || name), values: listed.y, marker: { colors, line: { color: css("--back"), width: 2 } }, textinfo: "value", sort: false, direction: "clockwise", hovertemplate: "%{label}: %{value} (%{percent})<extra></extra>" }],
    { showlegend: true, legend: { ...legend, font: { size: 12 } } },
  ];
}

function tracesOf(content, result, kind) {
  const listed = seriesOf(content, result);
  return listed.map(({ x, y, label, color }) => {
    const isTime = x.length > 0 && /^\d{4}-\d\d-\d\dT/.test(String(x[0]));
    const common = { name: label, hovertemplate: `${escaped(label)}: %{y:,.4~g}<extra></extra>` };
    if (["categoricalbar", "barchart", "unstackedbar"].includes(kind)) {
      return { type: "bar", ...common, x, y, marker: { color }, hovertemplate: isTime ? common.hovertemplate : `%{x}, ${common.hovertemplate}` };
    }
    const order = x.map((_, at) => at).sort((a, b) => (x[a] < x[b] ? -1 : 1));
    const points = { x: isTime ? order.map((at) => x[at]) : x, y: isTime ? order.map((at) => y[at]) : y };
    if (kind === "scatterchart") return { type: "scatter", mode: "markers", ...common, ...points, marker: { color, size: 8 } };
    const isArea = kind === "areachart";
    return {
      type: "scatter", mode: points.x.length > 40 ? "lines" : "lines+markers", ...common, ...points, connectgaps: true,
      line: { color, width: 2, shape: "linear" }, marker: { color, size: 5 },
      ...(isArea ? { stackgroup: "one", fillcolor: `${color}55` } : {}),
    };
  });
}

function chart(path, item, result) {
  const { content } = item;
  const kind = content.visualization;
  const box = element("div", { class: "chart", role: "img", "aria-label": content.title || item.name });
  requestAnimationFrame(() => {
    if (!box.isConnected) return;
    let traces;
    let layout;
    if (kind === "piechart") {
      const [pie, more] = pieOf(content, result, box.clientWidth);
      traces = pie;
      layout = { ...layoutOf(content, kind, 2), ...more };
    } else {
      traces = tracesOf(content, result, kind);
      layout = layoutOf(content, kind, traces.length);
      if (kind === "unstackedbar") layout.barmode = "group";
      if (traces.some((trace) => trace.type === "bar") && !result.columns.some(([, one]) => one === "datetime")) {
        // Each series has a part of the categories only; their order is that of the rows.
        const { x } = rolesOf(content, result.columns);
        const at = result.columns.findIndex(([name]) => name === x);
        Object.assign(layout.xaxis, { type: "category", categoryorder: "array", categoryarray: [...new Set(result.rows.map((row) => row[at]))] });
      }
    }
    Plotly.newPlot(box, traces, layout, { displayModeBar: false, responsive: true, locale: "en-US" }).then(() => brush(box, content));
  });
  return box;
}

/** A range that is drawn over a chart sets a parameter, as in the portal. */
function brush(box, content) {
  const name = content.timeBrushParameterName;
  if (!name) return;
  box.on("plotly_selected", (event) => {
    const drawn = event?.range?.x;
    if (drawn) chosen.set(name, { startTime: new Date(`${drawn[0]}Z`).toISOString(), endTime: new Date(`${drawn[1]}Z`).toISOString() });
    else chosen.delete(name);
    render();
  });
}
