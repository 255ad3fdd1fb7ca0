// Drives a real Chromium through the status page: node browser.mjs MODULES PLAN
// PLAN is JSON: { open, locked, token, files, shots, pages }. Prints a line for each fault; exits 1 if there is any.
import { readFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, planText] = process.argv.slice(2);
const require = createRequire(join(modules, "here.js"));
const puppeteer = require("puppeteer-core");
const axe = await readFile(join(modules, "node_modules/axe-core/axe.min.js"), "utf8");
const plan = JSON.parse(planText);
if (plan.shots) await mkdir(plan.shots, { recursive: true });

const faults = [];
const fault = (where, what) => { faults.push(`${where}: ${what}`); console.log(`${where}: ${what}`); };
const browser = await puppeteer.launch({
  executablePath: plan.chromium, headless: true, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

const looks = [
  { name: "light", scheme: "light", width: 1200, height: 900 },
  { name: "dark", scheme: "dark", width: 1200, height: 900 },
  { name: "phone", scheme: "light", width: 360, height: 740 },
  { name: "phone-dark", scheme: "dark", width: 360, height: 740 },
];

async function open(look, script = true) {
  const page = await browser.newPage();
  await page.setViewport({ width: look.width, height: look.height, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: look.scheme }]);
  await page.setJavaScriptEnabled(script);
  page.heard = [];
  page.on("console", message => { if (["error", "warn"].includes(message.type())) page.heard.push(message.text()); });
  page.on("pageerror", error => page.heard.push(`${error}`));
  page.on("dialog", dialog => dialog.dismiss());
  page.on("request", request => {
    const url = new URL(request.url());
    if (!["127.0.0.1", ""].includes(url.hostname)) page.heard.push(`asked for ${request.url()}`);
  });
  if (script) await page.evaluateOnNewDocument(() => { window.canary = () => { window.sang = true; }; });
  return page;
}

// What no page may have, whatever it shows.
async function check(page, where) {
  const wide = await page.evaluate(() => {
    const root = document.scrollingElement;
    const beyond = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest("pre, .sr, .skip"));
    return root.scrollWidth > innerWidth ? `${root.scrollWidth} px wide: ${beyond.slice(0, 3).map(e => e.outerHTML.slice(0, 80)).join(" | ")}` : "";
  });
  if (wide) fault(where, wide);
  const over = await page.evaluate(() => [...document.querySelectorAll(".strip")].filter(e => e.lastElementChild.getBoundingClientRect().right > e.getBoundingClientRect().right + 1).length);
  if (over) fault(where, `${over} strips stand over what is beside them`);
  if (await page.evaluate(() => window.sang === true)) fault(where, "a hostile name ran");
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"], preload: false }));
  for (const violation of found.violations) {
    const nodes = violation.nodes.slice(0, 3).map(node => `${node.target.join(" ")} ${node.any.concat(node.all, node.none).map(one => one.message).slice(0, 1)}`);
    fault(where, `axe ${violation.id} (${violation.impact}): ${violation.help}: ${nodes.join(" | ")}`);
  }
  for (const heard of page.heard.splice(0)) fault(where, heard);
}

let looked = 0;
for (const look of looks) {
  const page = await open(look);
  for (const [name, path] of Object.entries(plan.pages)) {
    await page.goto(plan.open + path, { waitUntil: "load" });
    if (plan.shots) await page.screenshot({ path: join(plan.shots, `${name}-${look.name}.png`), fullPage: true });
    await check(page, `${path} (${look.name})`);
    looked += 1;
  }
  await page.close();
}

// By the keyboard alone: the first stop skips to the content, each strip is one stop, arrows move in it.
{
  const page = await open(looks[0]);
  await page.goto(plan.open + plan.pages.target, { waitUntil: "load" });
  await page.keyboard.press("Tab");
  if (await page.evaluate(() => document.activeElement.className) !== "skip") fault("keyboard", "the first stop does not skip to the content");
  const order = [];
  for (let at = 0; at < 200; at += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const e = document.activeElement;
      if (e === document.body) return null;
      const box = e.getBoundingClientRect();
      const strips = [...document.querySelectorAll(".strip")];
      const style = getComputedStyle(e);
      return { strip: strips.indexOf(e.closest(".strip")), y: box.top + scrollY, isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, what: e.outerHTML.slice(0, 80) };
    });
    if (!stop) break;
    if (!stop.isSeen) fault("keyboard", `nobody sees the focus on ${stop.what}`);
    order.push(stop);
  }
  const strips = await page.evaluate(() => document.querySelectorAll(".strip").length);
  for (let at = 0; at < strips; at += 1) {
    const stops = order.filter(stop => stop.strip === at).length;
    if (stops !== 1) fault("keyboard", `strip ${at} has ${stops} stops`);
  }
  if (strips !== 4) fault("keyboard", `${strips} strips`);
  const moved = await page.evaluate(() => {
    const bars = document.querySelectorAll(".strip")[0].querySelectorAll("a");
    bars[bars.length - 1].focus();
    return bars[bars.length - 2].title;
  });
  await page.keyboard.press("ArrowLeft");
  const now = await page.evaluate(() => ({ title: document.activeElement.title, told: document.activeElement.closest("td").querySelector(".told").textContent }));
  if (now.title !== moved || now.told !== moved) fault("keyboard", `ArrowLeft leads to ${now.title}, which says ${now.told}`);
  await page.keyboard.press("Home");
  const first = await page.evaluate(() => document.activeElement === document.querySelector(".strip a"));
  if (!first) fault("keyboard", "Home does not lead to the first bar");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if (!/\/targets\/\d+\/2026-/.test(page.url())) fault("keyboard", `a bar leads to ${page.url()}`);
  await page.close();
}

// A refresh keeps the focus, and says aloud only what is new.
{
  const page = await open(looks[0]);
  await page.goto(plan.open + plan.pages.overview, { waitUntil: "load" });
  await page.evaluate(() => {
    document.querySelector("[data-say]").textContent = "of before";
    document.getElementById("live").dataset.was = "of before";
    document.querySelector(".targets .name a").focus();
    window.before = document.getElementById("live");
  });
  const href = await page.evaluate(() => document.activeElement.getAttribute("href"));
  await page.waitForFunction(() => document.getElementById("live") !== window.before, { timeout: 20000 });
  await page.waitForFunction(() => document.getElementById("polite").textContent !== "", { timeout: 20000 });
  const after = await page.evaluate(() => ({
    href: document.activeElement.getAttribute("href"), said: document.getElementById("polite").textContent,
    top: document.querySelector("[data-say]").textContent.trim(),
  }));
  if (after.href !== href) fault("refresh", `the focus went from ${href} to ${after.href}`);
  if (after.said !== after.top) fault("refresh", `said ${after.said}`);
  // What somebody types stays theirs.
  await page.focus("input[name=q]");
  await page.keyboard.type("pa");
  await page.evaluate(() => { window.before = document.getElementById("live"); });
  await new Promise(done => setTimeout(done, 2500));
  const typed = await page.evaluate(() => ({ value: document.querySelector("input[name=q]").value, same: document.getElementById("live") === window.before }));
  if (typed.value !== "pa" || !typed.same) fault("refresh", `took what was typed: ${typed.value}`);
  await page.evaluate(() => { document.querySelector("input[name=q]").value = ""; document.activeElement.blur(); });
  // A page whose server is gone says so, until it is back.
  await page.setOfflineMode(true);
  await page.waitForFunction(() => !document.getElementById("lost").hidden, { timeout: 20000 }).catch(() => fault("refresh", "hides that the server is gone"));
  await page.setOfflineMode(false);
  await page.waitForFunction(() => document.getElementById("lost").hidden, { timeout: 40000 }).catch(() => fault("refresh", "does not see that the server is back"));
  page.heard = page.heard.filter(heard => !heard.includes("ERR_INTERNET_DISCONNECTED"));
  const button = await page.$("#pause");
  await button.click();
  if (await page.evaluate(() => document.getElementById("pause").textContent) !== "Refresh again") fault("refresh", "cannot be stopped");
  for (const heard of page.heard) fault("refresh", heard);
  await page.close();
}

// Without JavaScript everything is there, and refreshes unless that is turned off.
{
  const page = await open(looks[0], false);
  await page.goto(plan.open + plan.pages.overview, { waitUntil: "load" });
  const html = await page.content();
  if (!html.includes('http-equiv="refresh"')) fault("no script", "does not refresh");
  if (plan.shots) await page.screenshot({ path: join(plan.shots, "overview-no-script.png") });
  await Promise.all([page.waitForNavigation(), page.click(".targets .name a")]);
  if (!/\/targets\/\d+$/.test(page.url())) fault("no script", `a name leads to ${page.url()}`);
  await Promise.all([page.waitForNavigation(), page.click(".strip a")]);
  if (!/\/targets\/\d+\/2026-/.test(page.url())) fault("no script", `a bar leads to ${page.url()}`);
  await page.goto(`${plan.open}/`, { waitUntil: "load" });
  await page.type("input[name=q]", "pay");
  await Promise.all([page.waitForNavigation(), page.click("form.filter button")]);
  const rows = await page.$$eval(".targets tbody tr", rows => rows.length);
  if (rows !== 3) fault("no script", `${rows} targets contain pay`);
  await page.goto(`${plan.open}/?refresh=off`, { waitUntil: "load" });
  if ((await page.content()).includes('http-equiv="refresh"')) fault("no script", "cannot be stopped");
  await page.close();
}

// Who has no token sees a form; who has one gets to where they wanted to go.
{
  const page = await open(looks[0]);
  await page.goto(`${plan.locked}/targets/0`, { waitUntil: "load" });
  if (plan.shots) await page.screenshot({ path: join(plan.shots, "login-light.png") });
  page.heard.splice(0);
  await check(page, "login");
  await page.type("input[name=token]", "not-the-token-at-all");
  await Promise.all([page.waitForNavigation(), page.click("button")]);
  if (!(await page.content()).includes("That is not the token.")) fault("login", "takes any token");
  await page.type("input[name=token]", plan.token);
  await Promise.all([page.waitForNavigation(), page.click("button")]);
  if (!page.url().endsWith("/targets/0")) fault("login", `leads to ${page.url()}`);
  if (await page.evaluate(() => document.cookie) !== "") fault("login", "scripts can read the cookie");
  await page.close();
}

// The same pages as files.
{
  const page = await open(looks[0]);
  await page.goto(`file://${plan.files}/index.html`, { waitUntil: "load" });
  await check(page, "files");
  const size = await page.evaluate(() => getComputedStyle(document.body).maxWidth);
  if (size === "none") fault("files", "have no style");
  await Promise.all([page.waitForNavigation(), page.click(".targets .name a")]);
  await check(page, "files: target");
  await page.evaluate(() => document.querySelector(".strip a").focus());
  await page.keyboard.press("End");
  if (!await page.evaluate(() => document.activeElement.matches(".strip a:last-child"))) fault("files", "have no script");
  if (plan.shots) await page.screenshot({ path: join(plan.shots, "target-files.png") });
  await page.close();
}

await browser.close();
console.log(`${looked} looks at ${Object.keys(plan.pages).length} pages, ${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
