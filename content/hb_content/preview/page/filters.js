// Tabs and filters: what may be chosen, by mouse or keys. What the preview has no rows for is grey and says why.

/**
 * Moves the focus among `selector` with the arrow keys, Home and End.
 * @param {HTMLElement} box
 * @param {string} selector
 * @param {[string, string]} keys
 */
function roving(box, selector, keys) {
  box.addEventListener("keydown", (event) => {
    const listed = [.../** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll(selector))];
    const at = listed.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { [keys[0]]: at - 1, [keys[1]]: at + 1, Home: 0, End: listed.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    listed[(to + listed.length) % listed.length].focus();
  });
}

/**
 * Says why something is grey, when it is pointed at and to screen readers.
 * @param {HTMLElement} node
 * @param {string | undefined} reason
 */
function greyed(node, reason) {
  if (!reason) return node;
  node.setAttribute("aria-disabled", "true");
  node.setAttribute("title", reason);
  node.append(element("span", { class: "unseen", text: ` (${reason})` }));
  return node;
}

/** @param {string} path @param {Item} item @param {Values} values */
function tabs(path, item, values) {
  /** @type {Record<string, any>[]} */
  const links = (item.content.links || []).filter((/** @type {Record<string, any>} */ link) => link.linkTarget === "parameter");
  const isTabs = item.content.style === "tabs";
  const bar = element("div", { class: isTabs ? "tabs" : "links", role: isTabs ? "tablist" : undefined, "aria-label": isTabs ? "Tabs of the dashboard" : undefined });
  const isAny = links.some((link) => values.get(link.cellValue) === link.subTarget);
  for (const [at, link] of links.entries()) {
    const selected = values.get(link.cellValue) === link.subTarget;
    const reason = selected ? undefined : reasonAgainst([[link.cellValue, link.subTarget]]);
    bar.append(greyed(element("button", {
      type: "button", role: isTabs ? "tab" : undefined, "aria-selected": isTabs ? String(selected) : undefined, "data-tab": link.subTarget, "data-focus": `${path}:${at}`,
      id: isTabs ? `tab-${link.subTarget}` : undefined, "aria-controls": isTabs && selected ? "panel" : undefined, tabindex: isTabs && !selected && (isAny || at) ? "-1" : undefined,
      text: sentence(link.linkLabel, values), onclick: () => { if (reason) return; chosen.set(link.cellValue, link.subTarget); render(); },
    }), reason));
  }
  if (isTabs) roving(bar, "[role=tab]", ["ArrowLeft", "ArrowRight"]);
  return bar;
}

/** @param {string} path @param {Parameter} parameter @param {Values} values */
function shownValue(path, parameter, values) {
  const value = values.get(parameter.name);
  if (parameter.type === TIME) return timeLabel(value);
  if (parameter.type === RESOURCE) return "demo workspace";
  return labelOf(parameter.name, value, values) || "none";
}

/**
 * What may be chosen: value, label, and whether it is.
 * @param {string} path
 * @param {Parameter} parameter
 * @param {Values} values
 * @returns {Offer[]}
 */
function offered(path, parameter, values) {
  const value = values.get(parameter.name);
  if (parameter.type === TIME) {
    return (parameter.typeSettings?.selectableValues || []).map((/** @type {Range} */ one) => ({ value: one, label: timeLabel(one), on: one.durationMs === value.durationMs }));
  }
  const listed = choicesOf(path, parameter, values);
  if (parameter.multiSelect && (parameter.typeSettings?.additionalResourceOptions || []).includes("value::all")) listed.unshift({ value: "value::all", label: "All", selected: false });
  return listed.map((one) => ({ ...one, on: Array.isArray(value) ? value.includes(one.value) : value === one.value }));
}

/**
 * What a parameter becomes when one of its choices is clicked, and why that cannot be, or what it does besides.
 * @param {Parameter} parameter
 * @param {Value} value
 * @param {Values} values
 * @returns {{ next: Value, reason?: string, note?: string }}
 */
function outcomeOf(parameter, value, values) {
  const { name } = parameter;
  if (!parameter.multiSelect) return { next: value, reason: reasonAgainst([[name, value]]) };
  /** @type {string[]} */
  const before = values.get(name).filter((/** @type {string} */ one) => one !== "value::all");
  const after = before.includes(value) ? before.filter((one) => one !== value) : [...before, value];
  const next = value === "value::all" || !after.length ? ["value::all"] : after;
  const reason = reasonAgainst([[name, next]]);
  if (!reason || next.length < 2) return { next, reason };
  // Where the preview has no rows for several, one takes the place of another.
  const alone = reasonAgainst([[name, [value]]]);
  return alone ? { next, reason } : { next: [value], note: "instead: the preview has no rows for several at once" };
}

/** @param {Parameter} parameter @param {Value} next */
function pick(parameter, next) {
  chosen.set(parameter.name, next);
  // A row that was clicked may be gone.
  for (const [path, state] of held) if (state.chosen !== undefined) letGo(path, state);
  render();
}

/** @param {string} path @param {State} state */
function letGo(path, state) {
  state.chosen = undefined;
  const found = [...itemsOf(DATA.workbook.items)].find(([where]) => where === path);
  for (const [, name, other] of exportsOf(found?.[1].content || {})) if (!steered.has(name)) chosen.set(name, other);
}

/** The name of the parameter whose menu is open. @type {string | undefined} */
let openMenu;

/** @param {string} name */
function toggleMenu(name) {
  openMenu = openMenu === name ? undefined : name;
  render();
  const list = /** @type {HTMLElement | null} */ (document.querySelector(".menu [aria-selected=true]") ?? document.querySelector(".menu button"));
  if (openMenu) list?.focus();
}

function closeMenu() {
  const name = openMenu;
  openMenu = undefined;
  render();
  /** @type {HTMLElement | null} */ (document.querySelector(`.parameter[data-name="${name}"] > .pill`))?.focus();
}

/** @param {Parameter} one @param {Offer} offer @param {Values} values */
function choice(one, offer, values) {
  const { next, reason, note } = offer.on && !one.multiSelect ? { next: offer.value } : outcomeOf(one, offer.value, values);
  const value = typeof offer.value === "object" ? offer.value.durationMs : offer.value;
  const isMenu = one.type !== PILLS;
  const take = (/** @type {Event} */ event) => {
    event.stopPropagation();
    if (reason) return;
    if (isMenu && !one.multiSelect) openMenu = undefined;
    pick(one, next);
    if (isMenu && !one.multiSelect) closeMenu();
  };
  const made = element("button", isMenu
    ? { type: "button", role: "option", "aria-selected": String(offer.on), "data-value": value, "data-focus": `${one.name}=${value}`, tabindex: "-1", onclick: take }
    : { type: "button", "aria-pressed": String(offer.on), "data-value": value, "data-focus": `${one.name}=${value}`, onclick: take });
  if (isMenu) made.append(element("span", { class: "mark", "aria-hidden": "true", text: offer.on ? (one.multiSelect ? "☑" : "●") : one.multiSelect ? "☐" : "○" }));
  made.append(element("span", { text: offer.label }));
  if (note) made.append(element("span", { class: "note", text: note }));
  if (reason && isMenu) made.append(element("span", { class: "note", text: "not in the preview with the other filters" }));
  return greyed(made, reason);
}

/** @param {string} path @param {Parameter} one @param {Values} values */
function parameter(path, one, values) {
  const label = one.label || one.name;
  const box = element("div", { class: "parameter", "data-name": one.name });
  if (one.type === PILLS) {
    const bar = element("span", { class: "options", role: "group", "aria-label": label }, ...offered(path, one, values).map((offer) => choice(one, offer, values)));
    box.append(element("span", { text: label, "aria-hidden": "true" }), bar);
    return box;
  }
  const fixed = one.type === RESOURCE || one.type === PLAIN;
  const button = element("button", {
    class: "pill", type: "button", disabled: fixed, "aria-haspopup": "listbox", "aria-expanded": String(openMenu === one.name), "data-focus": one.name,
    onclick: (/** @type {Event} */ event) => { event.stopPropagation(); toggleMenu(one.name); },
    onkeydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "ArrowDown" && openMenu !== one.name) { event.preventDefault(); toggleMenu(one.name); } },
  });
  button.append(element("span", { class: "label", text: `${label}: ` }), element("b", { text: shownValue(path, one, values) }));
  if (!fixed) button.append(element("span", { class: "arrow", "aria-hidden": "true", text: "⌄" }));
  box.append(button);
  if (openMenu === one.name) {
    const list = element("div", { class: "menu", role: "listbox", "aria-label": label, "aria-multiselectable": String(!!one.multiSelect), onclick: (/** @type {Event} */ event) => event.stopPropagation() }, ...offered(path, one, values).map((offer) => choice(one, offer, values)));
    roving(list, "button", ["ArrowUp", "ArrowDown"]);
    list.addEventListener("keydown", (event) => { if (event.key === "Tab") { event.preventDefault(); closeMenu(); } });
    box.append(list);
  }
  return box;
}

/** @param {string} path @param {Item} item @param {Values} values */
function filters(path, item, values) {
  const bar = element("div", { class: "parameters" });
  for (const [index, one] of (item.content.parameters || []).entries()) {
    if (!one.isHiddenWhenLocked && isVisible(one, values)) bar.append(parameter(`${path}/p${index}`, one, values));
  }
  return bar;
}
