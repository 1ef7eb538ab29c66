// Marking a time in a chart: by dragging over it, or with the two lists below it. What is marked are whole days.
const DAY = 86_400_000;
const HALF = DAY / 2;
/** @param {string} day */
const midnight = (day) => Date.parse(`${day}T00:00:00Z`);

/** The days that a chart has points on. @param {Content} content @param {Result} result */
function daysOf(content, result) {
  const at = result.columns.findIndex(([name]) => name === rolesOf(content, result.columns).x);
  return [...new Set(result.rows.map((row) => String(row[at]).slice(0, 10)))].filter((day) => /^\d{4}-\d\d-\d\d$/.test(day)).sort();
}

/**
 * A day's point stands at its midnight; from half a day before it to half a day after, all of it is marked, in any reading.
 * @param {string} name
 * @param {string} first
 * @param {string} last
 */
function mark(name, first, last) {
  const [from, to] = [midnight(first) - HALF, midnight(last) + HALF - 1];
  chosen.set(name, { startTime: new Date(from).toISOString(), endTime: new Date(to).toISOString(), days: [first, last] });
  render();
}

/** @param {string} name */
function unmark(name) {
  chosen.delete(name);
  for (const plot of document.querySelectorAll(".js-plotly-plot")) Plotly.relayout(plot, { selections: [] });
  render();
}

/**
 * A range that is drawn over a chart sets a parameter, as in the portal.
 * @param {any} plot
 * @param {Content} content
 * @param {Result} result
 */
function brush(plot, content, result) {
  const name = content.timeBrushParameterName;
  const days = name ? daysOf(content, result) : [];
  if (!days.length) return;
  plot.on("plotly_selected", (/** @type {{ range?: { x?: (number | string)[] } } | undefined} */ event) => {
    const range = event?.range?.x?.map((time) => (typeof time === "number" ? time : Date.parse(`${String(time).replace(" ", "T")}Z`)));
    if (!range) return;
    const within = days.filter((day) => midnight(day) >= range[0] && midnight(day) <= range[1]);
    // Between two points the nearest one is meant.
    const far = (/** @type {string} */ day) => Math.abs(midnight(day) - (range[0] + range[1]) / 2);
    const [nearest] = [...days].sort((a, b) => far(a) - far(b));
    mark(name, within[0] ?? nearest, within.at(-1) ?? nearest);
  });
  plot.on("plotly_deselect", () => unmark(name));
}

/** The same with keys: from which day to which. @param {string} path @param {Content} content @param {Result} result */
function brushBar(path, content, result) {
  const name = content.timeBrushParameterName;
  const days = daysOf(content, result);
  const list = (/** @type {string} */ label, /** @type {number} */ which) => element("select", {
    "aria-label": `${label} which day`, "data-focus": `${path}:${which}`,
    onchange: (/** @type {{ target: HTMLSelectElement }} */ event) => {
      const day = event.target.value;
      if (!day) return unmark(name);
      const [first, last] = chosen.get(name)?.days ?? [day, day];
      return mark(name, which === 0 || day < first ? day : first, which === 1 || day > last ? day : last);
    },
  }, element("option", { value: "", text: "no day" }), ...days.map((day) => element("option", { value: day, text: day })));
  return element("div", { class: "brush", role: "group", "aria-label": "Mark a time in this chart", "data-name": name },
    element("span", { text: "Mark from" }), list("Mark from", 0), element("span", { text: "to" }), list("Mark to", 1),
    element("button", { type: "button", class: "link", text: "Clear the mark", "data-focus": `${path}:clear`, hidden: true, onclick: () => unmark(name) }));
}

/** Shows in the lists what is marked, wherever it was marked. */
function showMarks() {
  for (const bar of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".brush"))) {
    const days = chosen.get(bar.dataset.name ?? "")?.days;
    for (const [at, list] of bar.querySelectorAll("select").entries()) list.value = days?.[at] ?? "";
    const clear = /** @type {HTMLElement} */ (bar.querySelector("button"));
    clear.hidden = !days;
  }
}
