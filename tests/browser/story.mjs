// A bad deploy, seen and repaired in the browser alone. The scenario `story` starts the gateway, whose
// handler rejects every event since its last version, and this script.
//
//   node story.mjs SETTINGS.json

import assert from "node:assert/strict";
import {
  browser, complaints, go, newPage, outside, press, settings, shows, textOf,
} from "./browser.mjs";

/** Follows a link with this text. */
async function follow(page, label, within = "main") {
  const link = await page.waitForSelector(`${within} ::-p-xpath(.//a[contains(., "${label}")])`);
  await Promise.all([page.waitForNavigation({ waitUntil: "domcontentloaded" }), link.click()]);
}

try {
  const page = await newPage();
  // On loopback nobody signs in, as long as no token is set.
  await go(page, "/ui");

  // The first page says that something is wrong.
  await shows(page, `${settings.dead} dead`);
  await follow(page, "Dead letters", "nav");
  await shows(page, "the order is unknown", ".group .reason");
  assert.equal(await textOf(page, ".group .count"), String(settings.dead));

  // One of them, with its attempt.
  await Promise.all([
    page.waitForNavigation({ waitUntil: "domcontentloaded" }),
    page.click(".group li a"),
  ]);
  await shows(page, "reject");
  await shows(page, "the order is unknown");

  // The handler goes back to the version before.
  await follow(page, "Handlers", "nav");
  await shows(page, settings.bad.slice(0, 12));
  await press(page, "Roll back");
  await shows(page, "was rolled back by", "p.said");
  await shows(page, settings.good.slice(0, 12));
  await shows(page, "is kept out");

  // Everything that was rejected runs again.
  await follow(page, "Dead letters", "nav");
  await press(page, "Check a replay");
  assert.match(await textOf(page, "p.said"), new RegExp(`^${settings.dead} would run again`));
  await press(page, "Replay all of these");
  assert.match(await textOf(page, "p.said"), new RegExp(`^${settings.dead} run again`));
  await page.waitForFunction(() => {
    const main = document.querySelector("main").innerText;
    if (main.includes("No dead letters.")) return true;
    location.reload();
    return false;
  }, { polling: 1000 });

  assert.deepEqual(complaints, [], "the browser complains of nothing");
  assert.deepEqual(outside, [], "nothing is asked for elsewhere");
} finally {
  await browser.close();
}
