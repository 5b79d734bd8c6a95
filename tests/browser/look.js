// Opens a page from file:// in Chromium and says, as JSON, what a reader would meet.
// node look.js CHROMIUM PAGE WIDTH ...
const fs = require("fs");
const { chromium } = require("playwright-core");

const [executablePath, file, ...widths] = process.argv.slice(2);
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const said = { console: [], requests: [], overflow: [], violations: [], figures: {} };

function watch(page) {
  page.on("console", (message) => said.console.push(message.text()));
  page.on("pageerror", (error) => said.console.push(String(error)));
  page.on("request", (request) => {
    if (!/^(file|data):/.test(request.url())) said.requests.push(request.url());
  });
}

async function shown(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll(".piece:first-of-type > div")]
      .slice(0, 4)
      .map((column) => column.offsetParent !== null)
  );
}

(async () => {
  const args = ["--no-sandbox", "--disable-gpu"];
  const browser = await chromium.launch({ executablePath, args });
  for (const colorScheme of ["light", "dark"]) {
    for (const width of widths.map(Number)) {
      const viewport = { width, height: 900 };
      const context = await browser.newContext({ viewport, colorScheme, bypassCSP: true });
      const page = await context.newPage();
      await page.goto(`file://${file}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) said.overflow.push([width, wide]);
      await page.evaluate(axe);
      const found = await page.evaluate(() => axe.run());
      for (const { id, impact, nodes } of found.violations) {
        said.violations.push({ id, impact, where: nodes[0].target, width, colorScheme });
      }
      await context.close();
    }
  }
  const context = await browser.newContext({ viewport: { width: 375, height: 900 } });
  const page = await context.newPage();
  watch(page);
  await page.goto(`file://${file}`);
  said.ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  said.first = await shown(page);
  await page.click("label:has(#tab2)");
  said.clicked = await shown(page);
  await page.keyboard.press("ArrowRight");
  said.arrow = await shown(page);
  said.own = [await page.isVisible("#own")];
  await page.focus("#with-own");
  await page.keyboard.press("Space");
  said.own.push(await page.isVisible("#own"));
  const faint = () => page.evaluate(() =>
    document.querySelectorAll(".figures svg [opacity='0.08']").length);
  said.faint = [await faint()];
  await page.focus(".pick button");
  await page.keyboard.press("Enter");
  said.faint.push(await faint());
  await page.keyboard.press("Enter");
  said.faint.push(await faint());
  await context.close();
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const still = await plain.newPage();
  await still.goto(`file://${file}`);
  said.without = await still.locator(".figures figure").count();
  said.buttons = await still.locator(".pick button:visible").count();
  await browser.close();
  console.log(JSON.stringify(said));
})();
