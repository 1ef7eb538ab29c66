// screenshots.mjs PAGE FOLDER: a picture of each tab, as it shows at first, for the documents.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TABS, openTab, withPage } from "./browser.mjs";

const [file, folder] = process.argv.slice(2);
const faults = [];
mkdirSync(folder, { recursive: true });
await withPage(file, { width: 1366 }, (text) => faults.push(text), async (page) => {
  for (const tab of TABS) {
    await openTab(page, tab);
    // What a row opens is half of that tab.
    if (tab === "findings") await page.click('[data-name="findings"] tbody tr');
    // Charts move to their places.
    await page.waitForFunction(() => document.getAnimations().length === 0);
    await page.screenshot({ path: join(folder, `${tab}.png`), fullPage: true, animations: "disabled" });
  }
});
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
