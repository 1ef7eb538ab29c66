// The page: items in their order, with what is chosen. Everything that changes comes through `render`.
const root = byId("workbook");
/** What was drawn, by item, so that what did not change stays as it is: charts, scrolling, focus. */
const drawn = new Map();
const NOT_HERE = "This combination is not in the preview. It holds each choice of one filter while the others are as they were at first.";
const GRID_HEIGHTS = { 0: 420, 1: 300, 2: 640, 4: 220 };
const STYLES = { info: "info", warning: "warning", error: "error", success: "success", upsell: "info" };

function message(style, text, ...more) {
  const box = element("div", { class: `message ${style}` }, icon(style === "plain" ? "info" : style), element("div", { class: "text" }));
  box.lastChild.innerHTML = markdown(text);
  box.lastChild.append(...more);
  return box;
}

function reset() {
  const tab = chosen.get("Tab");
  chosen.clear();
  held.clear();
  if (tab) chosen.set("Tab", tab);
  render();
}

/** The body of a query item. */
function body(path, item, result, values) {
  const { content } = item;
  if (![LOGS, MERGE, JSON_TEXT].includes(content.queryType ?? LOGS)) {
    const whom = content.queryType === 12 ? "Azure Resource Manager" : "another service of Azure";
    return element("div", { class: "outside" }, message("info", `The workbook asks ${whom} here. The preview has no Azure to ask, and shows nothing in its place.`));
  }
  if (result === NOT_COMPUTED) return element("div", { class: "uncomputed" }, message("warning", NOT_HERE, element("button", { type: "button", text: "Show all again", onclick: reset })));
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

function query(path, item, values) {
  const { content } = item;
  const result = tableOf(path, item, values);
  const title = sentence(content.title, values);
  const state = holding(path);
  const kept = drawn.get(path);
  const signature = JSON.stringify([title, state.sort, state.chosen, document.documentElement.dataset.theme]);
  if (kept && kept.result === result && kept.signature === signature) return kept.node;
  const node = element("section", { class: "query", "data-kind": content.visualization || "table", "data-name": item.name });
  if (title) node.append(element("h3", { text: title }));
  const inner = body(path, item, result, values);
  node.append(inner);
  const scroll = inner.querySelector?.(":scope > .scroll");
  const height = GRID_HEIGHTS[content.size ?? 0];
  if (scroll && height) scroll.style.maxHeight = `${height}px`;
  const before = kept?.node.querySelector(".scroll");
  drawn.set(path, { result, signature, node, top: before && kept.result === result ? before.scrollTop : 0 });
  return node;
}

function text(item, values) {
  const { content } = item;
  const filled = sentence(content.json, values);
  if (STYLES[content.style]) return message(STYLES[content.style], filled);
  const box = element("div", { class: "text" });
  box.innerHTML = markdown(filled);
  return box;
}

function tabs(item, values) {
  const links = (item.content.links || []).filter((link) => link.linkTarget === "parameter");
  const isTabs = item.content.style === "tabs";
  const bar = element("div", { class: isTabs ? "tabs" : "links", role: isTabs ? "tablist" : undefined });
  for (const link of links) {
    const selected = values.get(link.cellValue) === link.subTarget;
    bar.append(element("button", {
      type: "button", role: isTabs ? "tab" : undefined, "aria-selected": isTabs ? String(selected) : undefined, "data-tab": link.subTarget,
      text: sentence(link.linkLabel, values), onclick: () => { chosen.set(link.cellValue, link.subTarget); render(); },
    }));
  }
  return bar;
}

function shownValue(path, parameter, values) {
  const value = values.get(parameter.name);
  if (parameter.type === TIME) return timeLabel(value);
  if (parameter.type === RESOURCE) return "demo workspace";
  return labelOf(parameter.name, value, values) || "none";
}

/** What may be chosen: value, label, and whether it is. */
function offered(path, parameter, values) {
  const value = values.get(parameter.name);
  if (parameter.type === TIME) {
    return (parameter.typeSettings?.selectableValues || []).map((one) => ({ value: one, label: timeLabel(one), on: one.durationMs === value.durationMs }));
  }
  const listed = choicesOf(path, parameter, values);
  if (parameter.multiSelect && (parameter.typeSettings?.additionalResourceOptions || []).includes("value::all")) listed.unshift({ value: "value::all", label: "All" });
  return listed.map((one) => ({ ...one, on: Array.isArray(value) ? value.includes(one.value) : value === one.value }));
}

function pick(parameter, value, values) {
  if (parameter.multiSelect) {
    const before = values.get(parameter.name).filter((one) => one !== "value::all");
    const after = before.includes(value) ? before.filter((one) => one !== value) : [...before, value];
    chosen.set(parameter.name, value === "value::all" || !after.length ? ["value::all"] : after);
  } else chosen.set(parameter.name, value);
  // A row that was clicked may be gone.
  for (const [path, state] of held) if (state.chosen !== undefined) letGo(path, state);
  render();
}

function letGo(path, state) {
  state.chosen = undefined;
  const found = [...itemsOf(DATA.workbook.items)].find(([where]) => where === path);
  for (const [, name, other] of exportsOf(found?.[1].content || {})) if (!steered.has(name)) chosen.set(name, other);
}

/** The name of the parameter whose menu is open. @type {string | undefined} */
let openMenu;

function parameter(path, one, values) {
  const label = one.label || one.name;
  if (one.type === PILLS) {
    const bar = element("span", { class: "options", role: "group", "aria-label": label });
    for (const choice of offered(path, one, values)) bar.append(element("button", { type: "button", "aria-pressed": String(choice.on), text: choice.label, "data-value": choice.value, onclick: () => pick(one, choice.value, values) }));
    return element("div", { class: "parameter", "data-name": one.name }, element("label", { text: label }), bar);
  }
  const box = element("div", { class: "parameter", "data-name": one.name });
  const fixed = one.type === RESOURCE || one.type === PLAIN;
  const button = element("button", { class: "pill", type: "button", disabled: fixed, "aria-haspopup": "listbox", "aria-expanded": String(openMenu === one.name), onclick: (event) => { event.stopPropagation(); openMenu = openMenu === one.name ? undefined : one.name; render(); } });
  button.append(element("span", { class: "label", text: `${label}: ` }), element("b", { text: shownValue(path, one, values) }));
  if (!fixed) button.append(element("span", { class: "arrow", "aria-hidden": "true", text: "⌄" }));
  box.append(button);
  if (openMenu === one.name) {
    const list = element("div", { class: "menu", role: "listbox", "aria-label": label, "aria-multiselectable": String(!!one.multiSelect), onclick: (event) => event.stopPropagation() });
    for (const choice of offered(path, one, values)) {
      list.append(element("button", { type: "button", role: "option", "aria-selected": String(choice.on), "data-value": typeof choice.value === "object" ? choice.value.durationMs : choice.value, onclick: () => { if (!one.multiSelect) openMenu = undefined; pick(one, choice.value, values); } },
        element("span", { class: "mark", "aria-hidden": "true", text: choice.on ? (one.multiSelect ? "☑" : "●") : one.multiSelect ? "☐" : "○" }), element("span", { text: choice.label })));
    }
    box.append(list);
  }
  return box;
}

function filters(path, item, values) {
  const bar = element("div", { class: "parameters" });
  for (const [index, one] of (item.content.parameters || []).entries()) {
    if (!one.isHiddenWhenLocked && isVisible(one, values)) bar.append(parameter(`${path}/p${index}`, one, values));
  }
  return bar;
}

function group(path, item, values) {
  const box = element("section", { class: "group" });
  if (item.content.title) box.append(element("h2", { text: sentence(item.content.title, values) }));
  box.append(list(item.content.items, path, values));
  return box;
}

function list(items, where, values) {
  const box = element("div", { class: "items" });
  for (const [index, item] of (items || []).entries()) {
    if (!isVisible(item, values)) continue;
    const path = `${where}/${index}`;
    let inner;
    if (item.type === TEXT) inner = text(item, values);
    else if (item.type === QUERY) inner = query(path, item, values);
    else if (item.type === PARAMETERS) inner = filters(path, item, values);
    else if (item.type === LINKS) inner = tabs(item, values);
    else if (item.type === GROUP) inner = group(path, item, values);
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

function render() {
  const values = present();
  const top = window.scrollY;
  for (const kept of drawn.values()) {
    const scroll = kept.node.isConnected && kept.node.querySelector(".scroll");
    if (scroll) kept.top = scroll.scrollTop;
  }
  root.replaceChildren(list(DATA.workbook.items, "", values));
  for (const kept of drawn.values()) {
    const scroll = kept.node.isConnected && kept.node.querySelector(".scroll");
    if (scroll) scroll.scrollTop = kept.top ?? 0;
    const plot = kept.node.isConnected && kept.node.querySelector(".js-plotly-plot");
    if (plot && Math.abs((plot._fullLayout?.width ?? 0) - plot.clientWidth) > 1) Plotly.Plots.resize(plot);
  }
  window.scrollTo(0, top);
  document.body.dataset.ready = String(Number(document.body.dataset.ready || 0) + 1);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = name === "dark" ? "Light" : "Dark";
  drawn.clear();
  render();
}

byId("note").textContent = `Preview without Azure, from ${DATA.rows.toLocaleString("en-US")} rows of the demo as they stood at ${shortDate(DATA.now)} UTC`;
byId("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
document.addEventListener("click", () => { if (openMenu) { openMenu = undefined; render(); } });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && openMenu) { openMenu = undefined; render(); } });
theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
