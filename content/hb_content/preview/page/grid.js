// Grids and tiles: what `gridSettings` and `tileSettings` say, done to rows.

/** What somebody did to an item: sorting, searching, the row that is chosen. @type {Map<string, State>} */
const held = new Map();
/** @param {string} path @returns {State} */
const holding = (path) => {
  const state = held.get(path) ?? {};
  held.set(path, state);
  return state;
};

/** Rows as objects, with the kinds of their columns. @param {Result} result @returns {[Row[], Kinds]} */
function recordsOf(result) {
  const kinds = Object.fromEntries(result.columns);
  return [result.rows.map((row) => Object.fromEntries(result.columns.map(([name], at) => [name, row[at]]))), kinds];
}

/** Rows with their numbers. @param {Row[]} records @returns {[record: Row, at: number][]} */
const numbered = (records) => records.map((record, at) => [record, at]);

/** @param {Record<string, any>[] | undefined} formatters @param {string} column */
function formatterOf(formatters, column) {
  const exact = (formatters || []).find((one) => one.columnMatch === column);
  if (exact) return exact;
  return (formatters || []).find((one) => {
    try { return new RegExp(`^(?:${one.columnMatch})$`).test(column); } catch { return false; }
  });
}

/** @param {Cell} a @param {Cell} b */
function compare(a, b) {
  const isEmpty = (/** @type {Cell} */ one) => one === null || one === undefined || one === "";
  if (isEmpty(a) || isEmpty(b)) return Number(isEmpty(a)) - Number(isEmpty(b));
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en");
}

/** The two ends of palettes that have a middle. @type {Record<string, [string, string]>} */
const HEAT = { redGreen: [COLORS.red, COLORS.green], greenRed: [COLORS.green, COLORS.red], blueRed: [COLORS.blue, COLORS.red], redBlue: [COLORS.red, COLORS.blue] };

/** `$gen_thresholds_Severity_0` is the portal's name for how the column Severity is shown. @param {string} key */
const columnOf = (key) => String(key).replace(/^\$gen_[a-z]+_(.*)_\d+$/, "$1");

/** @param {string} title @param {Cell} value */
function showDetails(title, value) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("details"));
  const [heading, body] = /** @type {HTMLElement[]} */ ([dialog.querySelector("h2"), dialog.querySelector("pre")]);
  heading.textContent = title;
  body.textContent = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  dialog.showModal();
}

/**
 * One value with its formatter; returns what goes into the cell.
 * @param {Row} record
 * @param {string} column
 * @param {string} kind
 * @param {Record<string, any> | undefined} formatter
 * @param {Record<string, number>} reach
 */
function cell(record, column, kind, formatter, reach) {
  const value = record[column];
  const options = formatter?.formatOptions || {};
  const shown = plain(value, kind, formatter?.numberFormat);
  const out = element("span", { class: "value" });
  // Between the workbook's bounds, or else between 0 and the largest value.
  const [low, high] = [Number(options.min ?? 0), Number(options.max ?? reach[column])];
  const share = Math.max(0, Math.min(1, (Number(value) - low) / (high - low || 1)));
  switch (formatter?.formatter) {
    case 3: case 4: {
      const color = COLORS[options.palette] ?? COLORS.blue;
      const below = formatter.formatter === 4;
      out.className = below ? "value under" : "value beside";
      out.append(element("span", { class: "track" }, element("span", { style: `width:${(share * 100).toFixed(1)}%;background:${color}` })), element("span", { text: shown }));
      return out;
    }
    case 8: {
      out.className = "value heat";
      if (Number.isFinite(share) && value !== null && value !== "") {
        const [from, to] = HEAT[options.palette] ?? [undefined, COLORS[options.palette] ?? COLORS.blue];
        out.style.setProperty("--share", `${Math.round((from ? Math.abs(share - 0.5) * 2 : share) * 70)}%`);
        out.style.setProperty("--heat", from && share < 0.5 ? from : to);
      }
      out.textContent = shown;
      return out;
    }
    case 9: case 10: case 21: {
      const spark = sparkline(value, formatter.formatter);
      if (spark) spark.style.color = COLORS[options.palette] ?? COLORS.blue;
      out.append(spark ?? "");
      return out;
    }
    case 11: case 18: {
      const found = formatter.formatter === 11 ? { text: shown, icon: icon(`Sev${["critical", "high", "medium", "low", "info"].indexOf(String(value))}`) } : thresholdOf(options, value, shown);
      if (found.color) {
        out.className = "value pill";
        out.style.setProperty("--pill", found.color);
      }
      if (found.icon) out.append(found.icon);
      // An icon is never alone: whoever does not see it is told the value.
      out.append(element("span", found.text ? { text: found.text } : { class: "unseen", text: shown }));
      return out;
    }
    case 7: case 1: {
      const target = options.linkTarget;
      if (!target || shown === "") break;
      const label = options.linkLabel || shown;
      if (target === "Url") {
        const url = options.linkColumn ? record[options.linkColumn] : value;
        if (!/^https?:/.test(String(url))) break;
        out.append(element("a", { href: url, target: "_blank", rel: "noopener", text: label }));
      } else {
        const details = target === "CellDetails" ? (options.linkColumn ? record[options.linkColumn] : value) : record;
        out.append(element("button", { class: "link", type: "button", text: label, onclick: (/** @type {Event} */ event) => { event.stopPropagation(); showDetails(label, details); } }));
      }
      return out;
    }
    case 22: {
      const { labelText = "", columnSettings = [] } = options.compositeBarSettings || {};
      /** @type {[name: string, amount: number, color: string][]} */
      const parts = columnSettings.map((/** @type {Record<string, any>} */ one) => [one.columnName, Number(record[one.columnName]) || 0, COLORS[one.color] ?? one.color]);
      const sum = parts.reduce((total, [, amount]) => total + amount, 0) || 1;
      out.className = "value under";
      out.append(element("span", { class: "track", title: parts.map(([name, amount]) => `${name}: ${amount}`).join(", ") }, ...parts.map(([, amount, color]) => element("span", { style: `width:${((amount / sum) * 100).toFixed(1)}%;background:${color}` }))), element("span", { text: String(labelText).replace(/\["([^"]+)"\]/g, (_, other) => String(record[other] ?? "")) || shown }));
      return out;
    }
    default:
  }
  out.textContent = shown;
  return out;
}

/** @param {string} name @param {string[]} columns @param {Row[]} records */
function download(name, columns, records) {
  const quoted = (/** @type {Cell} */ value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  const lines = [columns, ...records.map((record) => columns.map((column) => (typeof record[column] === "object" && record[column] ? JSON.stringify(record[column]) : record[column])))];
  const url = URL.createObjectURL(new Blob([`\ufeff${lines.map((one) => one.map(quoted).join(",")).join("\r\n")}`], { type: "text/csv" }));
  element("a", { href: url, download: `${name}.csv` }).click();
  URL.revokeObjectURL(url);
}

/** What a row or a tile sets when it is clicked. @param {Content} content @param {Row} record @returns {Changes} */
const changesOf = (content, record) => exportsOf(content).map(([field, name]) => [name, (field ? record[field] : JSON.stringify(record)) ?? ""]);

/**
 * Why a row cannot be opened; asked of what it opens here only, unless it leads to another tab.
 * @param {Content} content
 * @param {Row} record
 */
function reasonAgainstRow(content, record) {
  return exportsOf(content).length ? reasonAgainst(changesOf(content, record)) : undefined;
}

/**
 * Chooses a row, or lets it go; the parameters that it sets follow. One that leads elsewhere is not held.
 * @param {string} path
 * @param {Content} content
 * @param {Row} record
 * @param {number} at
 */
function choose(path, content, record, at) {
  const state = holding(path);
  const same = state.chosen === at;
  // What leads to another tab is not held: it leads there again.
  const isLeading = exportsOf(content).some(([field, name]) => steered.has(name) && field && record[field] !== present().get(name));
  state.chosen = same || isLeading ? undefined : at;
  // A list that one is led to shows all that it was clicked for, not what was searched in it before.
  for (const [where, one] of isLeading ? held : []) if (one.search) { one.search = ""; drawn.delete(where); }
  for (const [name, value] of changesOf(content, record)) chosen.set(name, value);
  if (same) for (const [, name, other] of exportsOf(content)) chosen.set(name, other);
  render();
}

/**
 * What stands beside a cell that is pointed at.
 * @param {Record<string, any> | undefined} formatter
 * @param {Row} record
 * @param {string} name
 * @param {Kinds} kinds
 */
function tooltipOf(formatter, record, name, kinds) {
  const tooltip = formatter?.tooltipFormat?.tooltip;
  if (!tooltip) return plain(record[name], kinds[name], formatter?.numberFormat);
  return String(tooltip).replace(/\{0\}/g, plain(record[name], kinds[name])).replace(/\["([^"]+)"\]/g, (_, other) => plain(record[other], kinds[other]));
}

/** @param {string} path @param {Item} item @param {Result} result @param {Values} values */
function grid(path, item, result, values) {
  const { content } = item;
  const settings = content.gridSettings || {};
  const [all, kinds] = recordsOf(result);
  const columns = result.columns.map(([name]) => name).filter((name) => formatterOf(settings.formatters, name)?.formatter !== 5);
  const labels = new Map((settings.labelSettings || []).map((/** @type {Record<string, string>} */ one) => [one.columnId, one.label || one.columnId]));
  const reach = Object.fromEntries(columns.map((name) => [name, Math.max(0, ...all.map((record) => Number(record[name])).filter(Number.isFinite))]));
  const state = holding(path);
  const own = (settings.sortBy || content.sortBy || [])[0];
  const sort = state.sort ?? (own ? { column: columnOf(own.itemKey), down: own.sortOrder === 2 } : undefined);
  const box = element("div", { class: "grid" });
  const exporting = exportsOf(content);
  const limit = settings.rowLimit ?? 250;
  const head = element("thead");
  const body = element("tbody");
  const count = element("span", { class: "count", role: "status" });

  const fill = () => {
    const wanted = (state.search || "").toLowerCase();
    let listed = numbered(all);
    if (wanted) listed = listed.filter(([record]) => columns.some((name) => plain(record[name], kinds[name]).toLowerCase().includes(wanted)));
    if (sort && sort.column in kinds) listed.sort(([a], [b]) => compare(a[sort.column], b[sort.column]) * (sort.down ? -1 : 1));
    const shown = listed.slice(0, limit);
    const first = shown.some(([, at]) => at === state.chosen) ? undefined : shown[0]?.[1];
    count.textContent = shown.length < listed.length ? `first ${shown.length} of ${listed.length} rows` : `${listed.length} ${listed.length === 1 ? "row" : "rows"}`;
    body.replaceChildren(...shown.map(([record, at]) => {
      const opens = exporting.length > 0;
      const reason = opens && at < 100 ? reasonAgainstRow(content, record) : undefined;
      const open = () => { if (!reason) choose(path, content, record, at); };
      const row = element("tr", {
        class: opens ? (reason ? "closed" : "opens") : undefined, "aria-selected": opens ? String(state.chosen === at) : undefined, "aria-disabled": reason ? "true" : undefined,
        tabindex: opens ? (at === (first ?? state.chosen) ? "0" : "-1") : undefined, "data-focus": opens ? `${path}:${at}` : undefined, title: reason,
        onclick: opens ? open : undefined,
        onkeydown: opens ? (/** @type {KeyboardEvent} */ event) => { if ((event.key === "Enter" || event.key === " ") && event.target === row) { event.preventDefault(); open(); } } : undefined,
      });
      for (const name of columns) {
        const numeric = kinds[name] === "long" || kinds[name] === "real";
        const formatter = formatterOf(settings.formatters, name);
        const title = tooltipOf(formatter, record, name, kinds);
        row.append(element("td", { class: numeric && ![3, 4, 8, 18].includes(formatter?.formatter) ? "number" : kinds[name] === "datetime" ? "time" : undefined, title: title.slice(0, 400) }, cell(record, name, kinds[name], formatter, reach)));
      }
      return row;
    }));
  };

  head.append(element("tr", {}, ...columns.map((name) => {
    const down = sort?.column === name ? sort.down : undefined;
    const custom = formatterOf(settings.formatters, name)?.formatOptions?.customColumnWidthSetting;
    const numeric = kinds[name] === "long" || kinds[name] === "real";
    const label = sentence(labels.get(name) ?? name, values);
    const button = element("button", { type: "button", "data-focus": `${path}:by ${name}`, text: label, "aria-label": label.trim() ? undefined : name, onclick: () => { state.sort = { column: name, down: down === undefined ? numeric : !down }; render(); } });
    if (down !== undefined) button.append(element("span", { class: "order", "aria-hidden": "true", text: down ? " ↓" : " ↑" }));
    return element("th", { scope: "col", class: numeric && ![3, 4, 8, 18].includes(formatterOf(settings.formatters, name)?.formatter) ? "number" : undefined, style: custom ? `width:${custom};min-width:min(${custom},34ch)` : kinds[name] === "string" ? "min-width:10ch" : undefined, "aria-sort": down === undefined ? undefined : down ? "descending" : "ascending" }, button);
  })));
  const tools = element("div", { class: "tools" });
  if (settings.filter) {
    tools.append(element("input", { type: "search", placeholder: "Search", "aria-label": `Search ${sentence(content.title, values)}`, "data-focus": `${path}:search`, value: state.search ?? "", oninput: (/** @type {{ target: HTMLInputElement }} */ event) => { state.search = event.target.value; fill(); } }));
  }
  tools.append(count);
  if (content.showExportToExcel) {
    tools.append(element("button", { class: "link", type: "button", text: "Export (CSV)", "data-focus": `${path}:export`, title: "Excel in Azure; this page makes a CSV file", onclick: () => download(item.name || "rows", result.columns.map(([name]) => name), all) }));
  }
  fill();
  const title = sentence(content.title, values) || item.name;
  if (exporting.length) roving(body, "tr", ["ArrowUp", "ArrowDown"]);
  box.append(tools, element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Rows of ${title}`, "data-focus": `${path}:rows` }, element("table", { role: exporting.length ? "grid" : undefined, "aria-label": title }, head, body)));
  return box;
}

/**
 * What one place of a tile shows.
 * @param {string} name
 * @param {Record<string, any> | undefined} setting
 * @param {Row} record
 * @param {Kinds} kinds
 */
function place(name, setting, record, kinds) {
  if (!setting?.columnMatch) return undefined;
  const column = setting.columnMatch;
  const inner = cell(record, column, kinds[column], setting, { [column]: Number(record[column]) });
  return element("div", { class: name }, inner);
}

/** @param {string} path @param {Item} item @param {Result} result */
function tiles(path, item, result) {
  const { content } = item;
  const settings = content.tileSettings || {};
  const [records, kinds] = recordsOf(result);
  const order = settings.sortCriteriaField;
  const listed = numbered(records);
  if (order) listed.sort(([a], [b]) => compare(a[order], b[order]) * (settings.sortOrderField === 2 ? -1 : 1));
  const opens = exportsOf(content).length > 0;
  const state = holding(path);
  // Rows of tiles that are equally long, as many as it takes on a narrow and on a wide screen.
  const columns = (/** @type {number} */ max) => Math.ceil(listed.length / Math.ceil(listed.length / max));
  const made = element("div", { class: "tiles", role: "list", style: `--narrow:${columns(7)};--wide:${columns(10)};--widest:${columns(14)}` });
  made.append(...listed.slice(0, 100).map(([record, at]) => {
    const reason = reasonAgainstRow(content, record);
    const tile = element(opens ? "button" : "div", {
      class: `tile${settings.showBorder === false ? "" : " border"}`, type: opens ? "button" : undefined, "data-focus": opens ? `${path}:${at}` : undefined,
      "aria-pressed": opens ? String(state.chosen === at) : undefined, onclick: opens ? () => { if (!reason) choose(path, content, record, at); } : undefined,
    });
    // The portal's order: title, subtitle, left and right beside each other, and the secondary part at the bottom.
    for (const name of ["titleContent", "subtitleContent", "leftContent", "rightContent", "secondaryContent"]) {
      const shown = place(name.replace("Content", ""), settings[name], record, kinds);
      if (shown) tile.append(shown);
    }
    greyed(tile, reason);
    const left = tile.querySelector(".left");
    if (left && (left.textContent ?? "").length > 8) left.classList.add("long");
    return element("div", { class: "cell", role: "listitem" }, tile);
  }));
  return made;
}
