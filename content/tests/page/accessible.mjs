// What the page owes to people who do not see it, see few colours or use no mouse. Each check says what is wrong.
import { act } from "./browser.mjs";

/**
 * Text stands out from what is behind it by 4.5 to 1, icons by 3 to 1 (WCAG 2, 1.4.3 and 1.4.11).
 * @param {Page} page
 * @param {string} where
 * @param {Fault} fault
 */
export async function contrast(page, where, fault) {
  const low = await page.evaluate(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    if (!canvas) throw new Error("the browser has no canvas");
    // Colours over each other, whatever way they are written in; the first is opaque.
    const mix = (/** @type {string[]} */ colors) => {
      for (const color of colors) {
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
      }
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (/** @type {number[]} */ rgb) => {
      const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (/** @type {Element} */ node) => {
      const colors = [];
      for (let at = /** @type {Element | null} */ (node); at; at = at.parentElement) colors.unshift(getComputedStyle(at).backgroundColor);
      return ["white", ...colors];
    };
    const ratioOf = (/** @type {Element} */ node) => {
      const back = behind(node);
      const [a, b] = [light(mix([...back, getComputedStyle(node).color])), light(mix(back))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    const found = [];
    for (const node of document.querySelectorAll("body *")) {
      const says = [...node.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.textContent?.trim());
      const isIcon = node.classList.contains("icon");
      if (!(says || isIcon) || node.closest("svg, script, style, dialog, [disabled], .unseen") || !node.getClientRects().length) continue;
      const [ratio, least] = [ratioOf(node), isIcon ? 3 : 4.5];
      if (ratio < least) found.push(`"${(isIcon ? node.parentElement : node)?.textContent?.slice(0, 30)}" (${node.className || node.tagName}) has ${ratio.toFixed(1)}`);
    }
    return found;
  });
  for (const one of new Set(low)) fault(`${where}: too little contrast: ${one}`);
}

/**
 * Headings, names, roles, and words beside what is told by colour.
 * @param {Page} page
 * @param {string} where
 * @param {Fault} fault
 */
export async function structure(page, where, fault) {
  const found = await page.evaluate(() => {
    const wrong = [];
    const shown = (/** @type {string} */ selector, /** @type {ParentNode} */ inside = document) => [...inside.querySelectorAll(selector)].filter((node) => node.getClientRects().length);
    const named = (/** @type {Element} */ node) => (node.getAttribute("aria-label") || document.getElementById(node.getAttribute("aria-labelledby") || "")?.textContent || node.textContent || node.getAttribute("title") || "").trim();
    let last = 0;
    const headings = shown("h1, h2, h3, h4, h5, h6");
    if (headings.filter((one) => one.tagName === "H1").length !== 1) wrong.push("there is not one h1");
    for (const heading of headings) {
      const level = Number(heading.tagName[1]);
      if (level > last + 1) wrong.push(`the heading "${heading.textContent}" is of level ${level} below one of ${last}`);
      last = level;
    }
    const [list] = shown("[role=tablist]");
    if (!list || !named(list)) wrong.push("the tabs have no name");
    const chosen = shown("[role=tab][aria-selected=true]");
    const panel = document.getElementById(chosen[0]?.getAttribute("aria-controls") || "");
    if (chosen.length !== 1 || panel?.getAttribute("role") !== "tabpanel" || panel.getAttribute("aria-labelledby") !== chosen[0].id) wrong.push("the tab and its panel do not name each other");
    for (const node of shown("button, input, select, a, section.query, [role=region], [role=group], [role=listbox], [role=grid]")) if (!named(node)) wrong.push(`a ${node.tagName} (${node.className}) has no name`);
    for (const table of /** @type {HTMLTableElement[]} */ (shown("table"))) {
      if (shown("th", table).some((head) => head.getAttribute("scope") !== "col")) wrong.push(`a table has heads without a scope: ${table.textContent.slice(0, 40)}`);
      if (!table.getAttribute("aria-label") && !table.caption) wrong.push("a grid has no name");
    }
    for (const chart of shown(".chart")) {
      const label = chart.querySelector(".plot[role=img]")?.getAttribute("aria-label") ?? "";
      if (!/\d/.test(label) || label.length < 40) wrong.push(`a chart says too little of itself: "${label}"`);
      if (!chart.querySelector("details.values summary")) wrong.push(`a chart has no table of its values: "${label.slice(0, 40)}"`);
    }
    for (const icon of shown(".icon")) if (!icon.parentElement?.textContent?.trim()) wrong.push("an icon is alone");
    for (const coloured of shown(".value.pill, .value.heat, .value.beside, .value.under")) if (!coloured.textContent?.trim()) wrong.push(`a colour is alone: ${coloured.className}`);
    for (const swatch of shown(".swatch")) if (!swatch.parentElement?.textContent?.trim()) wrong.push("a series has no name");
    return wrong;
  });
  for (const one of new Set(found)) fault(`${where}: ${one}`);
}

/**
 * Everything that can be used is reached with the Tab key, and one sees where one is.
 * @param {Page} page
 * @param {string} where
 * @param {Fault} fault
 */
export async function keyboard(page, where, fault) {
  const count = await page.evaluate(() => {
    const nodes = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")].filter((node) => node.getClientRects().length && !node.matches("[disabled]") && !node.closest("dialog")
      // The arrow keys lead to these.
      && !node.matches("[role=tab][tabindex='-1'], [role=option], tr[tabindex='-1']"));
    nodes.forEach((node, at) => node.setAttribute("data-nth", String(at)));
    const active = document.activeElement;
    if (active instanceof HTMLElement) active.blur();
    return nodes.length;
  });
  const reached = new Set();
  for (let at = 0; at <= count + 2 && reached.size < count; at++) {
    await page.keyboard.press("Tab");
    const told = await page.evaluate(() => {
      const node = document.activeElement;
      if (!node || node === document.body) return undefined;
      const style = getComputedStyle(node);
      return { nth: node.getAttribute("data-nth"), isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, text: `${node.tagName} ${node.textContent?.slice(0, 30)}` };
    });
    if (!told) continue;
    if (!told.isSeen) fault(`${where}: the focus on ${told.text} is not seen`);
    reached.add(told.nth);
  }
  const missed = await page.evaluate((had) => [...document.querySelectorAll("[data-nth]")].filter((node) => !had.includes(node.getAttribute("data-nth"))).map((node) => `${node.tagName} ${node.textContent?.slice(0, 30)}`), [...reached]);
  for (const one of missed.slice(0, 5)) fault(`${where}: the Tab key does not reach ${one}`);
}

/** Tabs, filters, rows and marks are used with keys alone. @param {Page} page @param {Fault} fault */
export async function keys(page, fault) {
  const state = () => page.evaluate(() => ({ tab: document.querySelector("[role=tab][aria-selected=true]")?.textContent, on: document.activeElement?.textContent }));
  await page.focus("[role=tab][aria-selected=true]");
  const before = await state();
  await page.keyboard.press("ArrowRight");
  await act(page, () => page.keyboard.press("Enter"));
  const after = await state();
  if (after.tab === before.tab || after.on !== after.tab) fault(`the arrow keys do not lead to the next tab: ${JSON.stringify(after)}`);
  await page.keyboard.press("Home");
  await act(page, () => page.keyboard.press("Enter"));

  const pill = '.parameter[data-name="Severity"] > .pill';
  const label = () => page.textContent(pill);
  const first = await label();
  await page.focus(pill);
  await act(page, () => page.keyboard.press("Enter"));
  await page.keyboard.press("ArrowDown");
  await act(page, () => page.keyboard.press("Enter"));
  if ((await label()) === first) fault("a filter cannot be set with keys");
  if (!(await page.evaluate(() => document.activeElement?.closest(".menu")))) fault("the focus leaves a list in which something was chosen");
  await act(page, () => page.keyboard.press("Escape"));
  if (!(await page.evaluate((one) => document.activeElement?.matches(one), pill))) fault("Escape does not lead back to the filter");
  await act(page, () => page.keyboard.press("Enter"));
  await page.keyboard.press("Home");
  await act(page, () => page.keyboard.press("Enter"));
  await act(page, () => page.keyboard.press("Escape"));
  if ((await label()) !== first) fault("a filter cannot be taken back with keys");

  await act(page, () => page.click('[data-tab="findings"]'));
  await page.focus('[data-name="findings"] tr[tabindex="0"]');
  await page.keyboard.press("ArrowDown");
  await act(page, () => page.keyboard.press("Enter"));
  if ((await page.getAttribute('[data-name="findings"] tbody tr:nth-child(2)', "aria-selected")) !== "true") fault("a row cannot be opened with keys");
  await act(page, () => page.keyboard.press("Enter"));
}
