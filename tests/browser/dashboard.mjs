// Drives the dashboard in a real browser, as the operator of a gateway whose handler, events and
// requests hold hostile texts. The scenario `dashboard` starts the gateway and this script.
//
//   node dashboard.mjs SETTINGS.json
//
// The settings name the gateway, its tokens, its source, and a component that the script breaks.
// With `screenshots`, a folder, pictures of the pages are written there too.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  browser, complaints, go, newPage, outside, press, settings, shows, signIn, textOf,
} from "./browser.mjs";

/** Posts an event, signed as Stripe signs. */
async function post(id, kind, object) {
  const body = JSON.stringify({ id, object: "event", type: kind, created: 1790000000, ...object });
  const time = Math.floor(Date.now() / 1000);
  const mac = createHmac("sha256", settings.secret).update(`${time}.${body}`).digest("hex");
  const answer = await fetch(settings.source, {
    method: "POST",
    headers: { "stripe-signature": `t=${time},v1=${mac}`, "user-agent": "<script>hack()</script>" },
    body,
  });
  assert.equal(answer.status, 200, await answer.text());
}

const steps = {
  async "a wrong token is told"() {
    const page = await newPage();
    await signIn(page, "no such token at all");
    await shows(page, "there is no such token", "form.sign-in");
    await page.close();
  },

  async "an event is found and its story told"(page) {
    await go(page, "/ui/events");
    await page.type("input[name=provider_id]", "evt_hostile");
    await press(page, "Search");
    assert.equal((await page.$$("tbody tr")).length, 1);
    await Promise.all([
      page.waitForNavigation({ waitUntil: "domcontentloaded" }),
      page.click("tbody a.id"),
    ]);
    const story = await textOf(page);
    for (const part of ["evt_hostile", "attempt 1", "reject", "Payload", "log line"]) {
      assert.ok(story.includes(part), `${part} in ${story}`);
    }
  },

  async "hostile texts stay texts on every page"(page) {
    for (const path of settings.pages) {
      await go(page, path);
      const found = await page.evaluate(() => ({
        scripts: [...document.scripts].map((script) => script.getAttribute("src")),
        images: document.images.length,
        frames: document.querySelectorAll("iframe, object, embed, svg script").length,
        hacked: "hacked" in window,
        wide: document.documentElement.scrollWidth > innerWidth,
      }));
      assert.deepEqual(found.scripts, ["/ui/script.js"], path);
      assert.deepEqual([found.images, found.frames, found.hacked], [0, 0, false], path);
      assert.equal(found.wide, false, `${path} is wider than the window`);
    }
    await go(page, settings.pictures.event);
    assert.ok((await textOf(page)).includes("<script>"), "the text itself is shown");
  },

  async "dead letters are grouped, checked and replayed"(page) {
    await go(page, "/ui/dead");
    const reason = await textOf(page, ".group .reason");
    assert.ok(reason.length > 0);
    await press(page, "Check a replay");
    assert.match(await textOf(page, "p.said"), /^\d+ would run again/);
    await press(page, "Replay all of these");
    assert.match(await textOf(page, "p.said"), /^\d+ runs? again/);
  },

  async "a handler is paused and resumed"(page) {
    await go(page, "/ui/handlers");
    await press(page, "Pause");
    await shows(page, "paused");
    await press(page, "Resume");
    await shows(page, "runs again");
  },

  async "a new event appears on an open page"(page) {
    await go(page, "/ui/events");
    await page.waitForSelector("#live.on");
    await new Promise((done) => setTimeout(done, 1500));
    await post("evt_while_open", "test.live", { metadata: { steps: [{ do: "done" }] } });
    await shows(page, "evt_while_open");
  },

  async "what a person writes stays while the page is live"(page) {
    await go(page, "/ui/events");
    await page.waitForSelector("#live.on");
    await page.type("input[name=kind]", "half a wo");
    await post("evt_while_writing", "test.live", { metadata: { steps: [{ do: "done" }] } });
    await new Promise((done) => setTimeout(done, 3000));
    const written = await page.$eval("input[name=kind]", (input) => input.value);
    assert.equal(written, "half a wo");
  },

  async "a form of another session changes nothing"(page) {
    await go(page, "/ui/handlers");
    const status = await page.evaluate(async () => {
      const body = new URLSearchParams({ form_token: "0".repeat(64), handler: "guest" });
      return (await fetch("/ui/do/pause", { method: "POST", body })).status;
    });
    assert.equal(status, 403);
  },

  async "who may only read sees no buttons, and changes nothing"() {
    const page = await newPage();
    await signIn(page, settings.read_token);
    await go(page, "/ui/handlers");
    assert.equal((await page.$$("main button")).length, 0);
    const status = await page.evaluate(async () => {
      const form_token = document.querySelector("input[name=form_token]").value;
      const body = new URLSearchParams({ form_token, handler: "guest", back: "/ui/handlers" });
      return (await fetch("/ui/do/pause", { method: "POST", body })).status;
    });
    assert.equal(status, 200);
    await go(page, "/ui/handlers");
    assert.ok(!(await textOf(page, ".card h2")).includes("paused"));
    await page.close();
  },

  async "the keyboard reaches the content and the sections"(page) {
    await go(page, "/ui");
    await page.keyboard.press("Tab");
    const first = await page.evaluate(() => document.activeElement.className);
    assert.equal(first, "skip");
    await page.keyboard.press("Enter");
    const focused = await page.evaluate(() => location.hash);
    assert.equal(focused, "#main");
  },

  async "a broken component shows, and its repair"(page) {
    const whole = readFileSync(settings.component);
    writeFileSync(settings.component, "this is no component");
    await go(page, "/ui");
    await shows(page, "the files as they stand do not serve");
    writeFileSync(settings.component, whole);
    await page.waitForFunction(
      () => !document.querySelector("main").innerText.includes("do not serve"),
    );
  },

  async "signing out ends the session"(page) {
    await go(page, "/ui");
    await press(page, settings.operator, "header");
    await go(page, "/ui/events");
    assert.ok(page.url().endsWith("/ui/sign-in"), page.url());
  },
};

/** Pictures of the pages, light and dark, wide and narrow. */
async function screenshots(folder) {
  mkdirSync(folder, { recursive: true });
  const shapes = [
    ["desktop", { width: 1280, height: 860 }],
    ["phone", { width: 390, height: 844, isMobile: true, hasTouch: true }],
  ];
  for (const scheme of ["light", "dark"]) {
    for (const [shape, viewport] of shapes) {
      const page = await newPage({ scheme, viewport });
      await signIn(page, settings.token);
      for (const [name, path] of Object.entries(settings.pictures)) {
        await go(page, path);
        await page.screenshot({ path: join(folder, `dashboard-${name}-${shape}-${scheme}.png`) });
      }
      await page.close();
    }
  }
}

try {
  if (settings.screenshots) {
    await screenshots(settings.screenshots);
  } else {
    const page = await newPage();
    await signIn(page, settings.token);
    for (const [name, step] of Object.entries(steps)) {
      console.log(name);
      await step(page);
    }
    assert.deepEqual(complaints, [], "the browser complains of nothing");
    assert.deepEqual(outside, [], "nothing is asked for elsewhere");
  }
} finally {
  await browser.close();
}
