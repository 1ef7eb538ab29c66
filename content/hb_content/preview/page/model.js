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
/**
 * The rows of a query; undefined where a value is missing.
 * @typedef {Result | typeof NOT_COMPUTED | undefined} Found
 */

/** @param {Item[] | undefined} listed @param {string} [where] @returns {Generator<[path: string, item: Item]>} */
function* itemsOf(listed, where = "") {
  for (const [index, item] of (listed || []).entries()) {
    const path = `${where}/${index}`;
    yield [path, item];
    if (item.type === GROUP) yield* itemsOf(item.content.items, path);
  }
}

/** @returns {Generator<[path: string, parameter: Parameter]>} */
function* parametersOf() {
  for (const [path, item] of itemsOf(DATA.workbook.items)) {
    if (item.type !== PARAMETERS) continue;
    for (const [index, parameter] of (item.content.parameters || []).entries()) yield [`${path}/p${index}`, parameter];
  }
}

/**
 * The columns that a row sets parameters from, with the parameters.
 * @param {Content} content
 * @returns {[field: string, name: string, value: string][]}
 */
function exportsOf(content) {
  const found = (content.exportedParameters || []).map((/** @type {Record<string, string>} */ entry) => [entry.fieldName || "", entry.parameterName, entry.defaultValue || ""]);
  if (content.exportParameterName) found.push([content.exportFieldName || "", content.exportParameterName, content.exportDefaultValue || ""]);
  return found;
}

/** @type {Map<string, Parameter>} */
const defined = new Map([...parametersOf()].map(([, parameter]) => [parameter.name, parameter]));
/** What tabs set: a row that sets it too leads away. @type {Set<string>} */
const steered = new Set();
/** What rows, tabs and brushes set, with what it is before that. @type {Values} */
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

/** What somebody chose; everything else is as the workbook has it. @type {Values} */
const chosen = new Map();

/** @param {Range} value */
function range(value) {
  if (value.startTime) return [Date.parse(value.startTime), Date.parse(value.endTime ?? "")];
  return [NOW - (value.durationMs ?? 0), NOW];
}

/** @param {Range} value @returns {Record<string, string>} */
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

/** @param {Range} value */
function timeLabel(value) {
  if (value.startTime) return `${shortDate(value.startTime)} to ${shortDate(value.endTime ?? "")}`;
  const hours = (value.durationMs ?? 0) / 3600000;
  if (hours < 1) return `Last ${Math.round(hours * 60)} minutes`;
  if (hours < 48) return `Last ${hours === 1 ? "hour" : `${hours} hours`}`;
  return `Last ${Math.round(hours / 24)} days`;
}

/** @param {string | number} time */
function shortDate(time) {
  return new Date(time).toISOString().slice(0, 16).replace("T", " ");
}

/**
 * What `{Name:part}` becomes in a query; undefined where the preview does not know.
 * @param {string} name
 * @param {Value} value
 * @param {string} part
 * @returns {string | undefined}
 */
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

/**
 * What stands at a path like `$.feed.state` or `$.agents[0]` of a text of JSON; empty where nothing does.
 * @param {string} text
 * @param {string} path
 * @returns {Value}
 */
function atPath(text, path) {
  try {
    let found = JSON.parse(text);
    for (const [, name, index] of path.matchAll(/\.(\w+)|\[(\d+)\]/g)) found = name ? found[name] : found[Number(index)];
    return found ?? "";
  } catch { return ""; }
}

/** Parameters that nobody ran the query of, for the present values. @type {Set<string>} */
const unknown = new Set();
/** The rows of texts of JSON, so that the same text gives the same rows. @type {Map<string, Result>} */
const parsed = new Map();

/**
 * The rows that a query for JSON holds.
 * @param {string} text
 * @param {Values} values
 * @returns {Row[] | typeof NOT_COMPUTED | undefined}
 */
function rowsOf(text, values) {
  const asked = JSON.parse(text);
  /** @type {string} */
  const content = asked.content;
  const uses = [...content.matchAll(USE)].map(([, name]) => name);
  if (uses.some((name) => unknown.has(name))) return NOT_COMPUTED;
  if (uses.some((name) => (defined.has(name) || exported.has(name)) && (values.get(name) ?? "") === "")) return undefined;
  const filled = content.replace(USE, (whole, name, part) => (defined.has(name) || exported.has(name) ? (expand(name, values.get(name), part || "") ?? "") : whole));
  const found = atPath(filled, asked.transformers?.[0]?.settings?.tablePath || "$");
  const listed = Array.isArray(found) ? found : found === "" ? [] : [found];
  const rows = listed.map((row) => (row && typeof row === "object" ? row : { value: row }));
  /** @type {{ columnid: string, path: string }[]} */
  const taken = asked.transformers?.[0]?.settings?.columns || [];
  return taken.length ? rows.map((row) => Object.fromEntries(taken.map((one) => [one.columnid, row[one.path.replace("$.", "")]]))) : rows;
}

/** @param {Cell} value */
const jsonKind = (value) => (typeof value === "boolean" ? "bool" : typeof value !== "number" ? "string" : Number.isInteger(value) ? "long" : "real");

/**
 * What an item shows, wherever its rows come from; undefined where a value is missing, or where nobody here can be asked.
 * @param {string} path
 * @param {Item} item
 * @param {Values} values
 * @returns {Found}
 */
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
      /** @type {Column[]} */
      const columns = names.map((name) => [name, jsonKind(rows.find((row) => name in row)?.[name])]);
      parsed.set(key, { columns, rows: rows.map((row) => names.map((name) => row[name] ?? null)) });
    }
    return parsed.get(key);
  }
  if (queryType !== MERGE) return undefined;
  /** @type {{ merges: { leftTable: string }[], projectRename: { originalName: string, mergedName: string }[] }} */
  const merge = JSON.parse(text);
  const source = merge.merges[0]?.leftTable;
  const other = [...itemsOf(DATA.workbook.items)].find(([, one]) => one.name === source);
  const found = other && tableOf(other[0], other[1], values);
  if (found === undefined || found === NOT_COMPUTED || !found.columns) return found;
  /** @type {[at: number, name: string][]} */
  const taken = merge.projectRename.map((one) => [found.columns.findIndex(([name]) => `[${source}].${name}` === one.originalName), one.mergedName]);
  const key = JSON.stringify([path, found.rows]);
  if (!parsed.has(key)) parsed.set(key, { columns: taken.map(([at, name]) => [name, found.columns[at][1]]), rows: found.rows.map((row) => taken.map(([at]) => row[at])) });
  return parsed.get(key);
}

/**
 * The rows of a query for the present values: undefined where a value is missing, NOT_COMPUTED where nobody ran it.
 * @param {string} path
 * @param {string} text
 * @param {Values} values
 * @returns {Found}
 */
function resultOf(path, text, values) {
  /** @type {string[]} */
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

/**
 * What a parameter offers.
 * @param {string} path
 * @param {Parameter} parameter
 * @param {Values} values
 * @returns {{ value: string, label: string, selected: boolean, group?: string }[]}
 */
function choicesOf(path, parameter, values) {
  /** @type {Cell[]} */
  let rows;
  if (parameter.query && (parameter.queryType ?? 0) === 0) {
    const result = resultOf(path, parameter.query, values);
    if (result === NOT_COMPUTED) unknown.add(parameter.name);
    else unknown.delete(parameter.name);
    if (result === undefined || result === NOT_COMPUTED || !result.columns) return [];
    rows = result.rows.map((row) => Object.fromEntries(result.columns.map(([name], at) => [name, row[at]])));
  } else if (parameter.queryType === JSON_TEXT) {
    const found = rowsOf(parameter.query, values);
    if (!Array.isArray(found)) return [];
    rows = found;
  } else rows = JSON.parse(parameter.jsonData || "[]");
  return rows.map((row) => {
    if (typeof row !== "object") row = { value: row };
    const names = Object.keys(row);
    const value = row.value ?? row[names[0]];
    const label = row.label ?? (names.length > 1 && !("value" in row) ? row[names[1]] : value);
    return { value: String(value), label: String(label), selected: row.selected ? row.selected !== "False" : false, group: row.group };
  });
}

/** The present value of every parameter. @returns {Values} */
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

/** Whether the conditions of an item hold. @param {Conditional} item @param {Values} values */
function isVisible(item, values) {
  const conditions = [...(item.conditionalVisibilities || [])];
  if (item.conditionalVisibility) conditions.push(item.conditionalVisibility);
  return conditions.every(({ parameterName, comparison, value }) => {
    const held = values.get(parameterName) ?? "";
    const text = held === "" ? "" : String(expand(parameterName, held, "") ?? "");
    return (comparison === "isNotEqualTo") !== (text === (value ?? ""));
  });
}

/**
 * A text for people, with its parameters filled in.
 * @param {string | undefined} text
 * @param {Values} values
 * @returns {string}
 */
function sentence(text, values) {
  return String(text ?? "").replace(USE, (whole, name, part) => {
    if (!defined.has(name) && !exported.has(name)) return whole;
    const value = values.get(name) ?? "";
    if (value === "") return "";
    if (part === "label" && defined.get(name)?.type !== TIME) return labelOf(name, value, values);
    return expand(name, value, part || "") ?? whole;
  });
}

/** @param {string} name @param {Value} value @param {Values} values @returns {string} */
function labelOf(name, value, values) {
  const found = [...parametersOf()].find(([, one]) => one.name === name);
  if (!found) return String(value);
  const listed = choicesOf(...found, values);
  const label = (/** @type {string} */ one) => (one === "value::all" ? "All" : (listed.find((choice) => choice.value === one)?.label ?? one));
  return Array.isArray(value) ? value.map(label).join(", ") : label(value);
}
