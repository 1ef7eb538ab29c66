// Opens the preview in headless Chromium. Used by check_page.mjs and screenshots.mjs.
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

/** @type {typeof import("../../../target/tools/node_modules/playwright-core")} */
const { chromium } = createRequire(new URL("../../../target/tools/package.json", import.meta.url))("playwright-core");
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
export const TABS = ["summary", "findings", "drift", "ascam", "incidents"];

function executable() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const found = folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync);
  if (!found) throw new Error(`none of ${NAMES.join(", ")} is on PATH`);
  return found;
}

/**
 * The browser, which all pages share; each has a context, and with it settings and storage, of its own.
 * @type {ReturnType<typeof start> | undefined}
 */
let started;

function start() {
  // As root, in a container, Chromium's own sandbox cannot work.
  const args = ["--disable-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];
  return chromium.launch({ executablePath: executable(), args });
}

/** Ends the browser, when no page is wanted any more. */
export const end = async () => (await started)?.close();

/**
 * Lends a page that shows `file`; whatever goes wrong in it, and whatever it asks of a network, is told to `fault`.
 * @param {string} file
 * @param {{ width: number, height?: number, dark?: boolean, scale?: number }} view
 * @param {Fault} fault
 * @param {(page: Page) => Promise<void>} use
 */
export async function withPage(file, { width, height = 900, dark = false, scale = 1 }, fault, use) {
  const browser = await (started ??= start());
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", deviceScaleFactor: scale, reducedMotion: "reduce" });
  try {
    const page = await context.newPage();
    // Long: several pages are drawn at once, beside other tests.
    page.setDefaultTimeout(120_000);
    page.on("pageerror", (error) => fault(`the page fails: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && fault(`the page complains: ${message.text()}`));
    page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || fault(`the page asks for ${request.url()}`));
    await page.goto(pathToFileURL(file).href);
    await page.waitForFunction(() => document.body.dataset.ready);
    await use(page);
  } finally {
    await context.close();
  }
}

/**
 * Does something that renders the page anew, and waits until its charts stand.
 * @param {Page} page
 * @param {() => Promise<unknown>} action
 */
export async function act(page, action) {
  const before = await page.evaluate(() => document.body.dataset.ready);
  await action();
  await page.waitForFunction((last) => document.body.dataset.ready !== last, before);
  await page.waitForFunction(() => [...document.querySelectorAll(".chart")].every((chart) => chart.querySelector(".main-svg")));
}

/** @param {Page} page @param {string} tab */
export const openTab = (page, tab) => act(page, () => page.click(`[data-tab="${tab}"]`));
