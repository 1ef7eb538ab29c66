// screenshots.mjs PAGE FOLDER: a picture of each tab, as it shows at first, for the documents; of the first a dark one too.
// Content Hub wants names that say White and Black.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TABS, act, end, openTab, withPage } from "./browser.mjs";
import { smaller } from "./images.mjs";

const [file, folder] = process.argv.slice(2);
/** @type {string[]} */
const faults = [];
mkdirSync(folder, { recursive: true });
/** @param {string[]} tabs @param {boolean} dark */
const take = (tabs, dark) => withPage(file, { width: 1366, dark }, (text) => faults.push(text), async (page) => {
  for (const tab of tabs) {
    await openTab(page, tab);
    // What a row opens is half of that tab.
    if (tab === "findings") await act(page, () => page.click('[data-name="findings"] tbody tr'));
    const picture = await page.screenshot({ fullPage: true, animations: "disabled" });
    writeFileSync(join(folder, `${tab}${dark ? "Black" : "White"}.png`), await smaller(page, picture));
  }
});
await take(TABS, false);
await take(["summary"], true);
await end();
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
