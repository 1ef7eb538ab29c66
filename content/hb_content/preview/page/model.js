// The workbook's parameters and results. What `workbook.py` does, done again for what is chosen on the page:
// both make the same key of a query, so a difference shows as "not in the preview".
/** @param {string} id of what page.html has */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const DATA = JSON.parse(byId("data").textContent ?? "");
const [TEXT, QUERY, PARAMETERS, LINKS, GROUP] = [1, 3, 9, 11, 12];
const [PLAIN, DROPDOWN, TIME, RESOURCE, PILLS] = [1, 2, 4, 5, 10];
const [LOGS, MERGE, JSON_TEXT] = [0, 7, 8];
const USE = /\{([A-Za-z_]\w*)(?::(\w+|\$[\w.[\]]*))?\}/g;
/** Steps of a time axis: up to so many hours, this one. @type {[number, string][]} */
const GRAINS = [[1, "1m"], [4, "5m"], [24, "30m"], [72, "1h"], [336, "6h"]];
const NOW = Date.parse(DATA.now);
const NOT_COMPUTED = Symbol("not computed");

function* itemsOf(listed, where = "") {
  for (const [index, item] of (listed || []).entries()) {
    const path = `${where}/${index}`;
    yield [path, item];
    if (item.type === GROUP) yield* itemsOf(item.content.items, path);
  }
}

function* parametersOf() {
  for (const [path, item] of itemsOf(DATA.workbook.items)) {
    if (item.type !== PARAMETERS) continue;
    for (const [index, parameter] of (item.content.parameters || []).entries()) yield [`${path}/p${index}`, parameter];
  }
}

/** The columns that a row sets parameters from, with the parameters. */
function exportsOf(content) {
  const found = (content.exportedParameters || []).map((entry) => [entry.fieldName || "", entry.parameterName, entry.defaultValue || ""]);
  if (content.exportParameterName) found.push([content.exportFieldName || "", content.exportParameterName, content.exportDefaultValue || ""]);
  return found;
}

const defined = new Map([...parametersOf()].map(([, parameter]) => [parameter.name, parameter]));
/** What tabs set: a row that sets it too leads away. */
const steered = new Set();
/** What rows, tabs and brushes set, with what it is before that. */
const exported = new Map();
for (const [, item] of itemsOf(DATA.workbook.items)) {
  const content = item.content || {};
  for (const [, name, value] of exportsOf(content)) exported.set(name, value);
  if (content.timeBrushParameterName) exported.set(content.timeBrushParameterName, "");
  if (item.type !== LINKS) continue;
  for (const link of content.links || []) {
    if (link.linkTarget !== "parameter") continue;
    steered.add(link.cellValue);
    if (!exported.has(link.cellValue)) exported.set(link.cellValue, "");
  }
}

/** What somebody chose; everything else is as the workbook has it. */
const chosen = new Map();

function range(value) {
  if (value.startTime) return [Date.parse(value.startTime), Date.parse(value.endTime)];
  return [NOW - value.durationMs, NOW];
}

function timeParts(value) {
  const [start, end] = range(value).map((time) => new Date(time));
  const hours = (end.getTime() - start.getTime()) / 3600000;
  const days = Math.round(hours / 24);
  const span = days * 24 === hours ? `${days}d` : `${Math.round(hours * 60)}m`;
  const grain = (GRAINS.find(([limit]) => hours <= limit) || [0, "1d"])[1];
  return {
    "": `> ago(${span})`,
    value: `> ago(${span})`,
    query: `TimeGenerated > ago(${span})`,
    start: `datetime(${start.toISOString()})`,
    end: `datetime(${end.toISOString()})`,
    startISO: start.toISOString(),
    endISO: end.toISOString(),
    grain,
    seconds: String(Math.round(hours * 3600)),
    label: timeLabel(value),
  };
}

function timeLabel(value) {
  if (value.startTime) return `${shortDate(value.startTime)} to ${shortDate(value.endTime)}`;
  const hours = value.durationMs / 3600000;
  if (hours < 1) return `Last ${Math.round(hours * 60)} minutes`;
  if (hours < 48) return `Last ${hours === 1 ? "hour" : `${hours} hours`}`;
  return `Last ${Math.round(hours / 24)} days`;
}

function shortDate(time) {
  return new Date(time).toISOString().slice(0, 16).replace("T", " ");
}

/** What `{Name:part}` becomes in a query; undefined where the preview does not know. */
function expand(name, value, part) {
  const parameter = defined.get(name) || {};
  if (parameter.type === TIME || value.startTime) return timeParts(value)[part];
  if (part.startsWith("$")) {
    const found = atPath(value, part);
    return typeof found === "string" ? found : JSON.stringify(found);
  }
  if (part && part !== "value") return undefined;
  if (!Array.isArray(value)) return String(value);
  const all = parameter.typeSettings?.selectAllValue ?? "*";
  const quote = parameter.quote ?? "";
  return value.map((one) => quote + (one === "value::all" ? all : one) + quote).join(parameter.delimiter ?? ",");
}

/** What stands at a path like `$.feed.state` or `$.agents[0]` of a text of JSON; empty where nothing does. */
function atPath(text, path) {
  try {
    let found = JSON.parse(text);
    for (const [, name, index] of path.matchAll(/\.(\w+)|\[(\d+)\]/g)) found = name ? found[name] : found[Number(index)];
    return found ?? "";
  } catch { return ""; }
}

/** Parameters that nobody ran the query of, for the present values. */
const unknown = new Set();
/** The rows of texts of JSON, so that the same text gives the same rows. */
const parsed = new Map();

/** The rows that a query for JSON holds. */
function rowsOf(text, values) {
  const asked = JSON.parse(text);
  const uses = [...asked.content.matchAll(USE)].map(([, name]) => name);
  if (uses.some((name) => unknown.has(name))) return NOT_COMPUTED;
  if (uses.some((name) => (defined.has(name) || exported.has(name)) && (values.get(name) ?? "") === "")) return undefined;
  const filled = asked.content.replace(USE, (whole, name, part) => (defined.has(name) || exported.has(name) ? (expand(name, values.get(name), part || "") ?? "") : whole));
  const found = atPath(filled, asked.transformers?.[0]?.settings?.tablePath || "$");
  const listed = Array.isArray(found) ? found : found === "" ? [] : [found];
  const rows = listed.map((row) => (row && typeof row === "object" ? row : { value: row }));
  const taken = asked.transformers?.[0]?.settings?.columns || [];
  return taken.length ? rows.map((row) => Object.fromEntries(taken.map((one) => [one.columnid, row[one.path.replace("$.", "")]]))) : rows;
}

const jsonKind = (value) => (typeof value === "boolean" ? "bool" : typeof value !== "number" ? "string" : Number.isInteger(value) ? "long" : "real");

/** What an item shows, wherever its rows come from; undefined where a value is missing, or where nobody here can be asked. */
function tableOf(path, item, values) {
  const { query: text, queryType = LOGS } = item.content;
  if (queryType === LOGS) {
    const found = pickedOf(path, text, values);
    return found === undefined || found === NOT_COMPUTED ? resultOf(path, text, values) : found;
  }
  if (queryType === JSON_TEXT) {
    const rows = rowsOf(text, values);
    if (!Array.isArray(rows)) return rows;
    const key = JSON.stringify([path, rows]);
    if (!parsed.has(key)) {
      const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
      const columns = names.map((name) => [name, jsonKind(rows.find((row) => name in row)?.[name])]);
      parsed.set(key, { columns, rows: rows.map((row) => names.map((name) => row[name] ?? null)) });
    }
    return parsed.get(key);
  }
  if (queryType !== MERGE) return undefined;
  const merge = JSON.parse(text);
  const source = merge.merges[0].leftTable;
  const [where, other] = [...itemsOf(DATA.workbook.items)].find(([, one]) => one.name === source) || [];
  const found = other && tableOf(where, other, values);
  if (!found?.columns) return found;
  const taken = merge.projectRename.map((one) => [found.columns.findIndex(([name]) => `[${source}].${name}` === one.originalName), one.mergedName]);
  const key = JSON.stringify([path, found.rows]);
  if (!parsed.has(key)) parsed.set(key, { columns: taken.map(([at, name]) => [name, found.columns[at][1]]), rows: found.rows.map((row) => taken.map(([at]) => row[at])) });
  return parsed.get(key);
}

/** The rows of a query for the present values: undefined where a value is missing, NOT_COMPUTED where nobody ran it. */
function resultOf(path, text, values) {
  const parts = [];
  for (const [, name, part] of text.matchAll(USE)) {
    if (!defined.has(name) && !exported.has(name)) continue;
    const value = values.get(name);
    if (value === undefined || value === null || value === "") return undefined;
    const filled = expand(name, value, part || "");
    if (filled === undefined) return undefined;
    if (!parts.includes(filled)) parts.push(filled);
  }
  const at = DATA.index[JSON.stringify([path, ...parts])];
  return at === undefined ? NOT_COMPUTED : DATA.results[at];
}

/** What a parameter offers. */
function choicesOf(path, parameter, values) {
  let rows;
  if (parameter.query && (parameter.queryType ?? 0) === 0) {
    const result = resultOf(path, parameter.query, values);
    if (result === NOT_COMPUTED) unknown.add(parameter.name);
    else unknown.delete(parameter.name);
    if (!result?.columns) return [];
    rows = result.rows.map((row) => Object.fromEntries(result.columns.map(([name], at) => [name, row[at]])));
  } else if (parameter.queryType === JSON_TEXT) {
    rows = rowsOf(parameter.query, values);
    if (!Array.isArray(rows)) return [];
  } else rows = JSON.parse(parameter.jsonData || "[]");
  return rows.map((row) => {
    if (typeof row !== "object") row = { value: row };
    const names = Object.keys(row);
    const value = row.value ?? row[names[0]];
    const label = row.label ?? (names.length > 1 && !("value" in row) ? row[names[1]] : value);
    return { value: String(value), label: String(label), selected: row.selected ? row.selected !== "False" : false, group: row.group };
  });
}

/** The present value of every parameter. */
function present() {
  const values = new Map(exported);
  for (const [path, parameter] of parametersOf()) {
    // What is asked from elsewhere has an answer that nobody here knows.
    let value = ![LOGS, JSON_TEXT].includes(parameter.queryType ?? LOGS) && parameter.type === PLAIN ? "asked" : parameter.value;
    if ((value === undefined || value === null || value === "") && (parameter.query || parameter.jsonData)) {
      const listed = choicesOf(path, parameter, values);
      const first = (listed.find((one) => one.selected) || listed[0])?.value;
      if (first !== undefined) value = parameter.multiSelect ? [first] : first;
    }
    values.set(parameter.name, chosen.get(parameter.name) ?? value ?? "");
  }
  for (const [name, value] of chosen) if (!defined.has(name)) values.set(name, value);
  return values;
}

/** Whether the conditions of an item hold. */
function isVisible(item, values) {
  const conditions = [...(item.conditionalVisibilities || [])];
  if (item.conditionalVisibility) conditions.push(item.conditionalVisibility);
  return conditions.every(({ parameterName, comparison, value }) => {
    const held = values.get(parameterName) ?? "";
    const text = held === "" ? "" : String(expand(parameterName, held, "") ?? "");
    return (comparison === "isNotEqualTo") !== (text === (value ?? ""));
  });
}

/** A text for people, with its parameters filled in. */
function sentence(text, values) {
  return String(text ?? "").replace(USE, (whole, name, part) => {
    if (!defined.has(name) && !exported.has(name)) return whole;
    const value = values.get(name) ?? "";
    if (value === "") return "";
    if (part === "label" && defined.get(name)?.type !== TIME) return labelOf(name, value, values);
    return expand(name, value, part || "") ?? whole;
  });
}

function labelOf(name, value, values) {
  const [path, parameter] = [...parametersOf()].find(([, one]) => one.name === name) || [];
  if (!parameter) return String(value);
  const listed = choicesOf(path, parameter, values);
  const label = (one) => (one === "value::all" ? "All" : (listed.find((choice) => choice.value === one)?.label ?? one));
  return Array.isArray(value) ? value.map(label).join(", ") : label(value);
}
