// Opens pages in headless Chromium and tells what it saw, as JSON on stdout:
//
//   node look.mjs MODULES CHROMIUM SITE SHOTS PAGE...
//
// MODULES is the folder with playwright-core and axe-core, SITE the folder of the pages, SHOTS a folder for
// screenshots, PAGE a page from the root of the site. Nothing is judged here.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, executablePath, site, shots, ...pages] = process.argv.slice(2);
const load = createRequire(join(modules, "package.json"));
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

const views = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
  { name: "phone-dark", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run"];

const browser = await chromium.launch({ executablePath, args: quiet });
const seen = { pages: {}, elsewhere: [], search: null };
const address = (page) => pathToFileURL(join(site, page)).href;

for (const view of views) {
  const context = await browser.newContext({ colorScheme: view.colorScheme, viewport: view.viewport });
  for (const name of pages) {
    const page = await context.newPage();
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith("file:")) seen.elsewhere.push(request.url());
    });
    await page.goto(address(name));
    const shot = `${name.replaceAll("/", "-").replace(".html", "")}-${view.name}.png`;
    await page.screenshot({ path: join(shots, shot), fullPage: true });
    await page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
    await page.addScriptTag({ content: axe });
    const found = await page.evaluate(() => window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }));
    const entry = seen.pages[name] ??= { complaints: [], passes: 0, said: [], wider: [] };
    for (const violation of found.violations) {
      for (const node of violation.nodes) entry.complaints.push(`${view.name}: ${violation.id}: ${node.html.slice(0, 160)}`);
    }
    entry.passes += found.passes.length;
    entry.said.push(...said);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) entry.wider.push(`${view.name}: by ${over} px`);
    if (view.name === "light") Object.assign(entry, await content(page));
    await page.close();
  }
  await context.close();
}
seen.search = await search();
seen.keyboard = await keyboard();
seen.printed = await printed();
await browser.close();
console.log(JSON.stringify(seen));

// Texts and links of a page, as a person finds them.
async function content(page) {
  return page.evaluate(() => {
    const text = (node) => node.innerText.replace(/\s+/g, " ").trim();
    const tables = Array.from(document.querySelectorAll("table"), (table) => ({
      class: table.className,
      in: table.closest("details")?.id ?? "",
      rows: Array.from(table.rows, (row) => Array.from(row.cells, text)),
    }));
    const links = Array.from(document.querySelectorAll("a[href]"), (link) => link.getAttribute("href"));
    return {
      title: document.title,
      heading: text(document.querySelector("h1")),
      answers: Array.from(document.querySelectorAll(".answer p"), text),
      notice: text(document.querySelector(".notice") ?? document.body),
      ids: Array.from(document.querySelectorAll("[id]"), (node) => node.id),
      scripts: document.scripts.length,
      charts: document.querySelectorAll("figure svg").length,
      tables, links,
    };
  });
}

// Types into the search of the first page and follows what is found.
async function search() {
  const page = await browser.newPage();
  await page.goto(address("index.html"));
  const find = async (words) => {
    await page.fill("form.search input", words);
    await page.waitForFunction(() => /found|first/i.test(document.querySelector("form.search p").innerText));
    return page.$$eval("form.search li", (items) => items.map((item) => item.innerText.trim()));
  };
  const answers = {};
  for (const words of ["kvallstag", "HARBOUR li", "zz-sl1-26-00001", "nobody at all"]) answers[words] = await find(words);
  await find("harbour");
  const loaded = await page.$$eval("head script", (scripts) => scripts.length);
  await page.press("form.search input", "Enter");
  await page.waitForURL(/tracks/);
  return { answers, loaded, followed: await page.title() };
}

// Goes through a page by keys alone.
async function keyboard() {
  const page = await browser.newPage();
  await page.goto(address(pages[1]));
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.innerText);
  let unfolded = null;
  for (let n = 0; n < 60 && unfolded === null; n += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.matches("details:not([open]) > summary"))) {
      await page.keyboard.press("Enter");
      unfolded = await page.evaluate(() => document.activeElement.parentElement.open);
    }
  }
  return { first, unfolded };
}

// What is folded up on the screen is on paper all the same.
async function printed() {
  const page = await browser.newPage();
  await page.goto(address(pages[1]));
  const folded = () => page.$$eval("details:not([open]) table", (tables) =>
    tables.map((table) => table.checkVisibility({ contentVisibilityAuto: true }) && table.offsetHeight > 0));
  const screen = await folded();
  await page.emulateMedia({ media: "print" });
  // The style of paper is there with the next frame.
  let paper = await folded();
  for (let n = 0; n < 50 && paper.includes(false); n += 1) {
    await page.evaluate(() => new Promise(requestAnimationFrame));
    paper = await folded();
  }
  await page.pdf({ path: join(shots, "printed.pdf"), format: "A4" });
  return { screen, paper };
}
