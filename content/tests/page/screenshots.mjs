// screenshots.mjs PAGE FOLDER: a picture of each tab, as it shows at first, for the documents; of the first a dark one too.
// Content Hub wants names that say White and Black.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TABS, act, openTab, withPage } from "./browser.mjs";

const [file, folder] = process.argv.slice(2);
const faults = [];
mkdirSync(folder, { recursive: true });
const take = (tabs, dark) => withPage(file, { width: 1366, dark }, (text) => faults.push(text), async (page) => {
  for (const tab of tabs) {
    await openTab(page, tab);
    // What a row opens is half of that tab.
    if (tab === "findings") await act(page, () => page.click('[data-name="findings"] tbody tr'));
    await page.screenshot({ path: join(folder, `${tab}${dark ? "Black" : "White"}.png`), fullPage: true, animations: "disabled" });
  }
});
await take(TABS, false);
await take(["summary"], true);
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
