// Several filters at once, what is grey before a click, and marks in charts.
import { TABS, act, openTab } from "./browser.mjs";

/** @param {Page} page */
const noRows = (page) => page.$$(".uncomputed").then((all) => all.length);

/** Opens a filter, and lists what it offers. @param {Page} page @param {string} name */
async function offers(page, name) {
  await act(page, () => page.click(`.parameter[data-name="${name}"] > .pill`));
  const listed = await page.$$eval(".menu button", (all) => all.map((one) => ({ value: one.dataset.value, isGrey: one.getAttribute("aria-disabled") === "true", why: one.getAttribute("title") ?? "" })));
  await act(page, () => page.keyboard.press("Escape"));
  return listed;
}

/** @param {Page} page @param {string} name @param {string | undefined} value */
async function pick(page, name, value) {
  await act(page, () => page.click(`.parameter[data-name="${name}"] > .pill`));
  await act(page, () => page.click(`.menu [data-value="${value}"]`));
  if (await page.$(".menu")) await act(page, () => page.keyboard.press("Escape"));
}

/** The identities of the findings that are listed. @param {Page} page */
const listed = (page) => page.$$eval('[data-name="findings"] tbody tr', (all) => all.map((row) => row.textContent));

/**
 * Two filters give what both let through, on every tab; what is not there is grey, and a click on it changes nothing.
 * @param {Page} page
 * @param {Fault} fault
 */
export async function combine(page, fault) {
  await openTab(page, "findings");
  await pick(page, "Show", "all");
  const agents = (await offers(page, "Project")).filter(({ value }) => value !== "value::all");
  /** @type {Record<string, Set<string | null>>} */
  const alone = {};
  for (const severity of ["critical", "high"]) {
    await pick(page, "Severity", severity);
    alone[severity] = new Set(await listed(page));
    await pick(page, "Severity", "value::all");
  }
  for (const { value } of agents.slice(0, 2)) {
    await pick(page, "Project", value);
    const all = await listed(page);
    for (const severity of ["critical", "high"]) {
      await pick(page, "Severity", severity);
      const both = await listed(page);
      const wanted = all.filter((row) => alone[severity].has(row));
      if (both.join("|") !== wanted.join("|")) fault(`an agent and ${severity} together show ${both.length} findings, and ${wanted.length} are of both`);
      for (const tab of TABS) {
        await openTab(page, tab);
        if (await noRows(page)) fault(`${tab} has no rows for an agent and ${severity}`);
      }
      await openTab(page, "findings");
      await pick(page, "Severity", "value::all");
    }
    await pick(page, "Project", "value::all");
  }
  await pick(page, "Show", "open");
  await greys(page, agents[0].value, fault);
}

/**
 * Goes through everything that is offered beside two filters that are set.
 * @param {Page} page
 * @param {string | undefined} agent
 * @param {Fault} fault
 */
async function greys(page, agent, fault) {
  await openTab(page, "summary");
  await pick(page, "Project", agent);
  await pick(page, "Severity", "critical");
  let grey = 0;
  const names = await page.$$eval(".parameter[data-name] > .pill:not([disabled])", (all) => all.map((one) => one.parentElement?.dataset.name));
  for (const name of names) {
    for (const { value, isGrey, why } of await offers(page, name ?? "")) {
      if (!isGrey) continue;
      grey += 1;
      if (!/not in the preview/i.test(why)) fault(`${name}: ${value} is grey and does not say why`);
      if (grey > 2) continue;
      const before = await page.textContent(`.parameter[data-name="${name}"] > .pill`);
      await act(page, () => page.click(`.parameter[data-name="${name}"] > .pill`));
      // Nobody is kept from trying.
      await page.click(`.menu [data-value="${value}"]`, { force: true });
      await act(page, () => page.keyboard.press("Escape"));
      if ((await page.textContent(`.parameter[data-name="${name}"] > .pill`)) !== before || (await noRows(page))) fault(`a click on ${name}: ${value}, which is grey, changes something`);
    }
  }
  if (!grey) fault("nothing is grey, though the preview has not every combination");
  await pick(page, "Severity", "value::all");
  await pick(page, "Project", "value::all");
}

/**
 * Dragging over a chart shows the events of that time, and so do the lists below it.
 * @param {Page} page
 * @param {Fault} fault
 */
export async function mark(page, fault) {
  let charts = 0;
  for (const tab of TABS) {
    await openTab(page, tab);
    const [bar] = await page.$$(".brush");
    if (!bar) continue;
    charts += 1;
    const before = (await page.$$(".query")).length;
    const plot = await page.evaluateHandle(() => document.querySelector(".brush")?.closest(".chart")?.querySelector(".plot .nsewdrag"));
    await plot.asElement()?.scrollIntoViewIfNeeded();
    const box = await plot.asElement()?.boundingBox();
    if (!box) { fault(`${tab}: a chart cannot be dragged over`); continue; }
    await act(page, async () => {
      await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.8, box.y + box.height / 2, { steps: 8 });
      await page.mouse.up();
    });
    const range = await page.$$eval(".brush select", (all) => all.slice(0, 2).map((one) => one instanceof HTMLSelectElement && one.value));
    if (!range[0] || !range[1]) fault(`${tab}: dragging over a chart marks no time`);
    if ((await page.$$(".query")).length <= before || (await noRows(page))) fault(`${tab}: a mark in a chart shows no events`);
    await act(page, () => page.click(".brush button"));
    if ((await page.$$(".query")).length !== before) fault(`${tab}: a mark cannot be cleared`);
    await page.focus(".brush select");
    await act(page, () => page.keyboard.press("ArrowDown"));
    if ((await page.$$(".query")).length <= before || (await noRows(page))) fault(`${tab}: a time cannot be marked with keys`);
    await act(page, () => page.click(".brush button"));
  }
  if (!charts) fault("no chart can be marked");
}
