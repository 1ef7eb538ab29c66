// The page: items in their order, with what is chosen. Everything that changes comes through `render`.
const root = byId("workbook");
/**
 * What was drawn, by item, so that what did not change stays as it is: charts, scrolling, focus.
 * @type {Map<string, { result: Found, signature: string, node: HTMLElement, top: number }>}
 */
const drawn = new Map();
const NOT_HERE = "The preview has no rows for this: nobody executed its query for what is chosen.";
/** @type {Record<string, number>} */
const GRID_HEIGHTS = { 0: 420, 1: 300, 2: 640, 4: 220 };
/** @type {Record<string, string>} */
const STYLES = { info: "info", warning: "warning", error: "error", success: "success", upsell: "info" };

/** @param {string} style @param {string} text @param {number} [level] @param {HTMLElement[]} more */
function message(style, text, level = 2, ...more) {
  const inner = element("div", { class: "text" });
  inner.innerHTML = markdown(text, level);
  inner.append(...more);
  const box = element("div", { class: `message ${style}`, role: style === "error" || style === "warning" ? "alert" : undefined }, icon(style === "plain" ? "info" : style), inner);
  return box;
}

function reset() {
  const tab = chosen.get("Tab");
  chosen.clear();
  held.clear();
  if (tab) chosen.set("Tab", tab);
  render();
}

/** The body of a query item. @param {string} path @param {Item} item @param {Found} result @param {Values} values */
function body(path, item, result, values) {
  const { content } = item;
  if (![LOGS, MERGE, JSON_TEXT].includes(content.queryType ?? LOGS)) {
    const whom = content.queryType === 12 ? "Azure Resource Manager" : "another service of Azure";
    return element("div", { class: "outside" }, message("info", `The workbook asks ${whom} here. The preview has no Azure to ask, and shows nothing in its place.`));
  }
  if (result === NOT_COMPUTED) return element("div", { class: "uncomputed" }, message("warning", NOT_HERE, 2, element("button", { type: "button", text: "Show all again", onclick: reset })));
  if (result === undefined) return element("div", { class: "waiting" }, message("info", "Waits for a value that is chosen above."));
  if (result.error) return element("div", { class: "failed" }, message("error", result.error));
  if (!result.rows.length) {
    const style = content.noDataMessageStyle === 3 ? "success" : content.noDataMessageStyle === 2 ? "error" : content.noDataMessageStyle === 5 ? "warning" : "plain";
    return element("div", { class: "empty" }, message(style, sentence(content.noDataMessage || "The query returned no results.", values)));
  }
  if (content.visualization === "tiles" || content.visualization === "card" || content.visualization === "stat") return tiles(path, item, result);
  if (!content.visualization || content.visualization === "table") return grid(path, item, result, values);
  return chart(path, item, result);
}

/**
 * A part of the page whose heading is of `level`.
 * @param {string} path
 * @param {Item} item
 * @param {Values} values
 * @param {number} level
 */
function query(path, item, values, level) {
  const { content } = item;
  const result = tableOf(path, item, values);
  const title = sentence(content.title, values);
  const state = holding(path);
  const kept = drawn.get(path);
  // Whether a row can be opened hangs on all that is chosen.
  const around = exportsOf(content).length ? [...chosen] : [];
  const signature = JSON.stringify([title, level, state.sort, state.chosen, around, document.documentElement.dataset.theme]);
  if (kept && kept.result === result && kept.signature === signature) return kept.node;
  const id = `title${path.replaceAll("/", "-")}`;
  const node = element("section", { class: "query", "data-kind": content.visualization || "table", "data-name": item.name, "aria-labelledby": title ? id : undefined, "aria-label": title ? undefined : item.name });
  if (title) node.append(element(`h${level}`, { id, text: title }));
  const inner = body(path, item, result, values);
  node.append(inner);
  const scroll = /** @type {HTMLElement | null} */ (inner.querySelector(":scope > .scroll"));
  const height = GRID_HEIGHTS[content.size ?? 0];
  if (scroll && height) scroll.style.maxHeight = `${height}px`;
  const before = kept?.node.querySelector(".scroll");
  drawn.set(path, { result, signature, node, top: before && kept?.result === result ? before.scrollTop : 0 });
  return node;
}

/** @param {Item} item @param {Values} values @param {number} level */
function text(item, values, level) {
  const { content } = item;
  const filled = sentence(content.json, values);
  if (STYLES[content.style]) return message(STYLES[content.style], filled, level);
  const box = element("div", { class: "text" });
  box.innerHTML = markdown(filled, level);
  return box;
}

/** The tab that an item is what shows of, by its conditions. @param {Item} item */
function tabOf(item) {
  const conditions = [...(item.conditionalVisibilities || []), ...(item.conditionalVisibility ? [item.conditionalVisibility] : [])];
  const links = [...itemsOf(DATA.workbook.items)].filter(([, one]) => one.type === LINKS && one.content.style === "tabs").flatMap(([, one]) => one.content.links || []);
  return links.find((link) => conditions.some((one) => one.parameterName === link.cellValue && one.value === link.subTarget && one.comparison !== "isNotEqualTo"));
}

/** @param {string} path @param {Item} item @param {Values} values @param {number} level @returns {HTMLElement} */
function group(path, item, values, level) {
  const tab = tabOf(item);
  const title = sentence(item.content.title, values);
  const heading = title || (tab ? sentence(tab.linkLabel, values) : "");
  const box = element("section", { class: "group", ...(tab ? { id: "panel", role: "tabpanel", "aria-labelledby": `tab-${tab.subTarget}` } : {}) });
  if (heading) box.append(element(`h${level}`, { class: title ? undefined : "unseen", text: heading }));
  box.append(list(item.content.items, path, values, heading ? level + 1 : level));
  return box;
}

/** @param {Item[] | undefined} items @param {string} where @param {Values} values @param {number} level */
function list(items, where, values, level) {
  const box = element("div", { class: "items" });
  for (const [index, item] of (items || []).entries()) {
    if (!isVisible(item, values)) continue;
    const path = `${where}/${index}`;
    let inner;
    if (item.type === TEXT) inner = text(item, values, level);
    else if (item.type === QUERY) inner = query(path, item, values, level);
    else if (item.type === PARAMETERS) inner = filters(path, item, values);
    else if (item.type === LINKS) inner = tabs(path, item, values);
    else if (item.type === GROUP) inner = group(path, item, values, level);
    else inner = element("div", { class: "failed" }, message("error", `The preview does not know items of type ${item.type}.`));
    if (inner.classList.contains("parameters") && !inner.children.length) continue;
    const slot = element("div", { class: "item", "data-path": path });
    slot.style.setProperty("--width", `${item.customWidth || 100}%`);
    if (inner.classList.contains("tabs") || inner.classList.contains("parameters")) slot.classList.add(inner.className);
    slot.append(inner);
    box.append(slot);
  }
  return box;
}

/** Puts the focus back on what had it, drawn anew or not. @param {Element | null} was */
function refocus(was) {
  const name = was instanceof HTMLElement && was !== document.body ? was.dataset.focus : undefined;
  const found = was?.isConnected ? was : name && document.querySelector(`[data-focus="${CSS.escape(name)}"]`);
  if (found instanceof HTMLElement && found !== document.activeElement && found !== document.body) found.focus({ preventScroll: true });
}

function render() {
  const values = present();
  const top = window.scrollY;
  const focused = document.activeElement;
  for (const kept of drawn.values()) {
    const scroll = kept.node.isConnected && kept.node.querySelector(".scroll");
    if (scroll) kept.top = scroll.scrollTop;
  }
  root.replaceChildren(list(DATA.workbook.items, "", values, 2));
  for (const kept of drawn.values()) {
    const scroll = kept.node.isConnected && kept.node.querySelector(".scroll");
    if (scroll) scroll.scrollTop = kept.top ?? 0;
    const plot = kept.node.isConnected && kept.node.querySelector(".js-plotly-plot");
    if (plot && Math.abs((/** @type {any} */ (plot)._fullLayout?.width ?? 0) - plot.clientWidth) > 1) Plotly.Plots.resize(plot);
  }
  showMarks();
  refocus(focused);
  window.scrollTo(0, top);
  document.body.dataset.ready = String(Number(document.body.dataset.ready || 0) + 1);
}

/** @param {string} name */
function theme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = name === "dark" ? "Light" : "Dark";
  drawn.clear();
  render();
}

byId("note").textContent = `Preview without Azure, from ${DATA.rows.toLocaleString("en-US")} rows of the demo as they stood at ${shortDate(DATA.now)} UTC`;
byId("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
document.addEventListener("click", () => { if (openMenu) { openMenu = undefined; render(); } });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && openMenu) closeMenu(); });
theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
