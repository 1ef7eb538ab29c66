// What several filters give together, and what may be chosen. The preview has executed each query for some values. Where a
// query only picks rows, its rows for any values are found here; what is found in neither way is said before a click.

/** Rows that were found before, so that the same values give the same object. @type {Map<string, Result>} */
const picked = new Map();

/**
 * The numbers of the rows that one filter lets through; undefined for all, NOT_COMPUTED where nobody knows.
 * @param {View} view
 * @param {string} name
 * @param {Value} value
 */
function throughOf(view, name, value) {
  const members = view.members[name];
  const wanted = value.durationMs ? [String(value.durationMs)] : Array.isArray(value) ? value : [String(value)];
  if (wanted.includes("value::all")) return undefined;
  if (wanted.some((one) => !members[one])) return NOT_COMPUTED;
  return new Set(wanted.flatMap((one) => members[one]));
}

/**
 * The rows of an item whose query only picks rows; undefined where it is no such item or a value is missing.
 * @param {string} path
 * @param {string} text
 * @param {Values} values
 * @returns {Found}
 */
function pickedOf(path, text, values) {
  /** @type {View | undefined} */
  const view = DATA.views[path];
  if (!view) return undefined;
  /** @type {Result} */
  const base = DATA.results[view.result];
  let kept = base.rows.map((_, at) => at);
  /** @type {string[]} */
  const asked = [];
  for (const [, name, part = ""] of text.matchAll(USE)) {
    if (!defined.has(name) && !exported.has(name)) continue;
    const value = values.get(name);
    if (value === undefined || value === null || value === "") return undefined;
    const key = `${name}:${JSON.stringify(value)}`;
    if (view.brush && name === view.brush.name) {
      const { column } = view.brush;
      if (!value.days) return NOT_COMPUTED;
      if (asked.includes(key)) continue;
      const at = base.columns.findIndex(([one]) => one === column);
      kept = kept.filter((row) => String(base.rows[row][at]).slice(0, 10) >= value.days[0] && String(base.rows[row][at]).slice(0, 10) <= value.days[1]);
    } else if (view.members[name]) {
      if (asked.includes(key)) continue;
      const through = throughOf(view, name, value);
      if (through === NOT_COMPUTED) return NOT_COMPUTED;
      if (through) kept = kept.filter((row) => through.has(row));
    } else if (expand(name, value, part) !== view.fixed[`${name}:${part}`]) return NOT_COMPUTED;
    asked.push(key);
  }
  const key = JSON.stringify([path, kept]);
  if (!picked.has(key)) picked.set(key, { columns: base.columns, rows: kept.slice(0, view.take ?? undefined).map((row) => base.rows[row]) });
  return picked.get(key);
}

/**
 * Names of the items on the tab that shows for `values` whose rows nobody has.
 * @param {Values} values
 * @returns {string[]}
 */
function lackingItems(values) {
  /** @type {string[]} */
  const found = [];
  const walk = (/** @type {Item[] | undefined} */ items, /** @type {string} */ where) => {
    for (const [index, item] of (items || []).entries()) {
      if (!isVisible(item, values)) continue;
      if (item.type === GROUP) walk(item.content.items, `${where}/${index}`);
      if (item.type === QUERY && tableOf(`${where}/${index}`, item, values) === NOT_COMPUTED) found.push(sentence(item.content.title, values) || item.name);
    }
  };
  walk(DATA.workbook.items, "");
  for (const name of unknown) found.push(defined.get(name)?.label ?? name);
  return found;
}

/**
 * Does something as if `changes` were chosen.
 * @template Given
 * @param {Changes} changes
 * @param {(values: Values) => Given} use
 * @returns {Given}
 */
function supposing(changes, use) {
  const before = new Map(chosen);
  for (const [name, value] of changes) chosen.set(name, value);
  try {
    return use(present());
  } finally {
    chosen.clear();
    for (const [name, value] of before) chosen.set(name, value);
    present();
  }
}

/** What else is chosen, in words. @param {string[]} names */
function othersChosen(names) {
  const values = present();
  const listed = [...chosen].filter(([name]) => !names.includes(name) && defined.get(name)?.label && !defined.get(name)?.isHiddenWhenLocked);
  const first = supposing(listed.map(([name]) => [name, defined.get(name)?.value]), (then) => then);
  const told = listed.filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(first.get(name)));
  return told.map(([name, value]) => `${defined.get(name)?.label}: ${value.durationMs || value.startTime ? timeLabel(value) : labelOf(name, value, values)}`);
}

/** Why something cannot be chosen; undefined where it can. @param {Changes} changes @returns {string | undefined} */
function reasonAgainst(changes) {
  const lacking = supposing(changes, lackingItems);
  if (!lacking.length) return undefined;
  const others = othersChosen(changes.map(([name]) => name));
  const what = `${lacking.length === 1 ? `"${lacking[0]}"` : `${lacking.length} parts of this tab`}`;
  return `Not in the preview${others.length ? ` together with ${others.join(", ")}` : ""}: it has no rows of ${what} for this.`;
}
