// check_page.mjs PAGE TRUTHS: opens the preview as people do, and prints what is wrong with it.
// TRUTHS is JSON: `tiles` (label to text), `findings` (all of them), `open` (severity to count of open findings).
import { contrast, keyboard, keys, structure } from "./accessible.mjs";
import { TABS, act, end, openTab, withPage } from "./browser.mjs";
import { combine, mark } from "./choices.mjs";

const [file, given] = process.argv.slice(2);
const truths = JSON.parse(given);
/** @type {string[]} */
const faults = [];
/** @param {string} text */
const fault = (text) => faults.push(text);
/** @param {string} name */
const item = (name) => `[data-name="${name}"]`;

/** Label and text of each tile that shows. @param {Page} page */
const tiles = (page) => page.$$eval(".tile", (all) => Object.fromEntries(all.map((tile) => [tile.querySelector(".title")?.textContent, tile.querySelector(".left")?.textContent])));
/** The rows of a grid, as texts by column. @param {Page} page @param {string} name @returns {Promise<Row[]>} */
const rows = (page, name) => page.$$eval(`${item(name)} table`, (/** @type {HTMLTableElement[]} */ [table]) => {
  const heads = [...(table?.tHead?.rows[0].cells ?? [])].map((cell) => cell.textContent.replace(/ [↑↓]$/, ""));
  return [...(table?.tBodies[0].rows ?? [])].map((row) => Object.fromEntries([...row.cells].map((cell, at) => [heads[at], cell.textContent])));
});
/** @param {Page} page @param {string} name */
const count = async (page, name) => parseInt((await page.textContent(`${item(name)} .count`)) ?? "", 10);

/** @param {Page} page @param {string} parameter @param {string} value */
async function pick(page, parameter, value) {
  await act(page, () => page.click(`.parameter[data-name="${parameter}"] > .pill`));
  await act(page, () => page.click(`.menu [data-value="${value}"]`));
  // Where several may be chosen, the list stays open.
  if (await page.$(".menu")) await act(page, () => page.keyboard.press("Escape"));
}

/** What is in error, what sticks out, what is cut off. @param {Page} page @param {string} where */
async function look(page, where) {
  for (const text of await page.$$eval(".failed, .uncomputed", (all) => all.map((one) => one.textContent))) fault(`${where}: ${text}`);
  const seen = await page.evaluate(() => {
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
    for (const box of document.querySelectorAll(".item, .tile, .tile > div, .message, .parameter, .pill, h2, h3, .tabs")) {
      if (!box.matches(".unseen") && box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).display !== "inline") found.push(`${box.className || box.tagName} "${box.textContent.slice(0, 40)}" is ${box.scrollWidth} wide in ${box.clientWidth}`);
    }
    for (const tile of document.querySelectorAll(".tile")) {
      const [left, right] = [".left .value", ".right .value"].map((part) => tile.querySelector(part)?.getBoundingClientRect());
      const isAbove = left && right && (left.bottom <= right.top || right.bottom <= left.top);
      if (left && right && left.right > right.left && !isAbove) found.push(`the value of the tile "${tile.textContent}" lies over its state`);
    }
    return found;
  });
  for (const text of seen) fault(`${where}: ${text}`);
}

/** What answers the four questions must show without scrolling on a screen of 1366 by 768. @param {Page} page */
async function fold(page) {
  const answers = {
    "the verdict": ".message:has-text('Are we safer than before?')",
    "the numbers": `${item("headline numbers")} .tile`,
    "the fifth of the worst findings": `${item("five worst open findings")} tbody tr:last-child`,
    "the first agent": `${item("AI agents")} tbody tr`,
  };
  for (const [what, selector] of Object.entries(answers)) {
    const box = await (await page.$(selector))?.boundingBox();
    if (!box || box.y + Math.min(box.height, 30) > 768) fault(`${what} is not on the first screen: ${JSON.stringify(box)}`);
  }
}

/** The print view is the summary on one page, and leads back. @param {Page} page */
async function print(page) {
  await openTab(page, "summary");
  await act(page, () => page.click('[data-tab="print"]'));
  if (await page.$(".parameters, .tabs")) fault("the print view has filters or tabs");
  for (const name of ["headline numbers", "five worst open findings", "AI agents", "grades by day"]) {
    if (!(await page.$(item(name)))) fault(`the print view lacks ${name}`);
  }
  await look(page, "the print view");
  await act(page, () => page.click('[data-tab="screen"]'));
  if (!(await page.$(".tabs"))) fault("there is no way back from the print view");
}

/** @param {Page} page @param {number} width @param {string} theme */
async function tour(page, width, theme) {
  /** @type {Record<string, string>} */
  const shown = {};
  for (const tab of TABS) {
    await openTab(page, tab);
    await look(page, `${tab} at ${width}`);
    await contrast(page, `${theme} ${tab} at ${width}`, fault);
    await structure(page, `${tab} at ${width}`, fault);
    if ((await page.getAttribute(`[data-tab="${tab}"]`, "aria-selected")) !== "true") fault(`${tab} is not the tab that shows`);
    if (tab === "summary" && width === 1366) await fold(page);
    if ((await page.$$(".query")).length < 4) fault(`${tab} shows fewer than four items`);
    Object.assign(shown, await tiles(page));
  }
  return shown;
}

/** @param {Page} page */
async function use(page) {
  await print(page);
  await openTab(page, "findings");
  if ((await count(page, "findings")) !== Object.values(truths.open).reduce((sum, one) => sum + one, 0)) fault("the grid does not hold the open findings");
  await pick(page, "Severity", "critical");
  const critical = await rows(page, "findings");
  if (critical.length !== truths.open.critical || critical.some((row) => row.Severity !== "critical")) fault(`the filter for critical shows ${critical.length} findings`);
  await pick(page, "Severity", "value::all");
  await pick(page, "Show", "all");
  if ((await count(page, "findings")) !== truths.findings) fault("Show: all does not show all findings");
  await pick(page, "Show", "open");

  await act(page, () => page.click(`.parameter[data-name="Project"] > .pill`));
  const agents = await page.$$eval(".menu button", (all) => all.slice(1).map((one) => [one.dataset.value ?? "", one.lastChild?.textContent ?? ""]));
  await act(page, () => page.keyboard.press("Escape"));
  let sum = 0;
  for (const [id, name] of agents) {
    await pick(page, "Project", id);
    const listed = await rows(page, "findings").catch(() => []);
    if (listed.some((row) => row["AI agent"] !== name)) fault(`the filter for ${name} shows others`);
    sum += listed.length;
    for (const tab of TABS) {
      await openTab(page, tab);
      await look(page, `${tab} of ${name}`);
    }
    await openTab(page, "findings");
    await pick(page, "Project", "value::all");
  }
  if (sum !== (await count(page, "findings"))) fault(`the agents have ${sum} open findings together`);

  const [first] = await rows(page, "findings");
  await act(page, () => page.click(`${item("findings")} tbody tr`));
  const [chosen] = await rows(page, "chosen finding");
  if (!Object.values(chosen ?? {}).includes(first.Finding)) fault(`a click on "${first.Finding}" opens another finding`);
  if ((await rows(page, "life of the chosen finding")).length < 1) fault("a finding that was clicked has no life");
  await look(page, "a finding that was clicked");
  await page.fill(`${item("findings")} input`, first.Finding);
  const listed = await rows(page, "findings");
  if (!listed.length || listed.some((row) => row.Finding !== first.Finding)) fault("searching the grid does not find");

  await openTab(page, "summary");
  await act(page, () => page.click(`${item("headline numbers")} button.tile:has-text("Silent agents")`));
  const silent = await rows(page, "AI agents");
  if (String(silent.length) !== String(truths.tiles["Silent agents"]) || silent.some((row) => row.Monitoring !== "silent")) fault(`a click on Silent agents shows ${silent.length} names`);
  await act(page, () => page.click(`${item("headline numbers")} button.tile:has-text("Overdue findings")`));
  if ((await page.getAttribute('[data-tab="findings"]', "aria-selected")) !== "true") fault("a click on Overdue findings stays on the summary");
  if (String(await count(page, "findings")) !== String(truths.tiles["Overdue findings"])) fault("a click on Overdue findings does not show them");
  await openTab(page, "summary");
  const [worst] = await rows(page, "five worst open findings");
  await act(page, () => page.click(`${item("five worst open findings")} tbody tr`));
  const [opened] = await rows(page, "chosen finding");
  if (opened?.Finding !== worst.Finding) fault(`a click on "${worst.Finding}" of the worst opens another finding`);
  await openTab(page, "summary");
  const download = page.waitForEvent("download");
  await page.click(`${item("AI agents")} .tools button`);
  if (!(await download).suggestedFilename().endsWith(".csv")) fault("the export is no CSV");
  for (const days of [1, 7, 90, 365]) {
    await pick(page, "TimeRange", String(days * 86_400_000));
    await look(page, `summary, ${days} days`);
    await pick(page, "TimeRange", String(30 * 86_400_000));
  }
}

process.on("uncaughtException", (error) => {
  console.log([...new Set(faults), error.message].join("\n"));
  process.exit(1);
});
for (const width of [1366, 1920, 2560]) {
  for (const theme of ["light", "dark"]) {
    await withPage(file, { width, dark: theme === "dark" }, fault, async (page) => {
      if ((await page.getAttribute("html", "data-theme")) !== theme) fault(`a system that is ${theme} gets another page`);
      const shown = await tour(page, width, theme);
      for (const [label, text] of Object.entries(truths.tiles)) if (shown[label] !== String(text)) fault(`the tile ${label} shows ${shown[label]}, and the story has ${text}`);
      const wide = await page.evaluate(() => document.querySelector("main")?.clientWidth ?? 0);
      if (wide < width - 20) fault(`at ${width} the page takes ${wide}`);
      if (width !== 1366) return;
      for (const tab of TABS) {
        await openTab(page, tab);
        await keyboard(page, `${theme} ${tab}`, fault);
      }
      await act(page, () => page.click("#theme"));
      if ((await page.getAttribute("html", "data-theme")) === theme) fault("the button does not change the theme");
    });
  }
}
await withPage(file, { width: 1366 }, fault, async (page) => {
  await use(page);
  await keys(page, fault);
  await combine(page, fault);
  await mark(page, fault);
});
await end();
console.log([...new Set(faults)].join("\n") || "nothing is wrong");
process.exit(faults.length ? 1 : 0);
