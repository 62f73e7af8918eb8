// What the scripts of this folder share: a browser, and what a person does in it.
//
// The settings (process.argv[2], a JSON file) name the gateway's admin address, Chromium, and the
// folder of the packages.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

export const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { default: puppeteer } = await import(
  createRequire(join(settings.modules, "x.js")).resolve("puppeteer-core")
);

export const browser = await puppeteer.launch({
  executablePath: settings.chromium,
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/** What the browser complains of. */
export const complaints = [];
/** Requests to anywhere else than the gateway. */
export const outside = [];

export async function newPage(options = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width: 1280, height: 900, ...options.viewport });
  if (options.scheme) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: options.scheme }]);
  }
  page.on("console", (message) => {
    // The test asks for refusals, which the browser notes too.
    const expected = /status of (401|403|404|409)/.test(message.text());
    if (["error", "warn"].includes(message.type()) && !expected) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== settings.admin && url.protocol !== "data:") outside.push(request.url());
  });
  page.setDefaultTimeout(30_000);
  return page;
}

export const at = (path) => settings.admin + path;
export const go = (page, path) => page.goto(at(path), { waitUntil: "domcontentloaded" });
export const textOf = (page, selector = "main") =>
  page.$eval(selector, (element) => element.innerText);
export const shows = (page, part, selector = "main") =>
  page.waitForFunction(
    (part, selector) => document.querySelector(selector)?.innerText.includes(part),
    {},
    part,
    selector,
  );

/**
 * Presses the button with this text below the element that `within` selects. A live update may put
 * another button in its place between the look and the click: then the new one is pressed.
 */
export async function press(page, label, within = "main") {
  const selector = `${within} ::-p-xpath(.//button[contains(., "${label}")])`;
  for (let left = 5; ; left -= 1) {
    const button = await page.waitForSelector(selector);
    const gone = page.waitForNavigation({ waitUntil: "domcontentloaded" });
    try {
      await Promise.all([button.click(), gone]);
      return;
    } catch (error) {
      gone.catch(() => {});
      if (left === 0 || !String(error).includes("detached")) throw error;
    }
  }
}

export async function signIn(page, token) {
  await go(page, "/ui");
  await page.type("#token", token);
  await Promise.all([
    page.waitForNavigation({ waitUntil: "domcontentloaded" }),
    page.click("form.sign-in button"),
  ]);
}
