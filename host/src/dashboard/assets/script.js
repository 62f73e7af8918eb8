// Keeps an open page up to date: a stream says that something has changed, and the page fetches
// itself again. Without this script every page works, and is as old as its load.
"use strict";

const live = document.getElementById("live");

/** Shows how long ago each time was, beside the time itself. */
function showAges() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-ms]")) {
    const seconds = Math.round((now - Number(time.dataset.ms)) / 1000);
    time.title = `${new Date(Number(time.dataset.ms)).toLocaleString()} (${age(seconds)})`;
  }
}

function age(seconds) {
  const ahead = seconds < 0;
  const many = Math.abs(seconds);
  const [count, unit] =
    many < 90 ? [many, "s"] : many < 5400 ? [Math.round(many / 60), "min"] : many < 172800
      ? [Math.round(many / 3600), "h"] : [Math.round(many / 86400), "d"];
  return ahead ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

/** Whether a person is busy with the content, which must not change under their hands. */
function isBusy(main) {
  const active = document.activeElement;
  const types = active && main.contains(active) && active.matches("input, select, textarea");
  const marks = getSelection() && String(getSelection()) !== "";
  return types || marks;
}

let fetching = false;
let again = false;

/** Fetches the page and takes over its content. */
async function refresh() {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  try {
    do {
      again = false;
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname !== location.pathname) {
        location.assign(answer.url);
        return;
      }
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } while (again);
  } catch {
    // The gateway is away; the stream says when it is back.
  } finally {
    fetching = false;
  }
}

function take(page) {
  const [main, fresh] = [document.querySelector("main"), page.querySelector("main")];
  if (!main || !fresh || isBusy(main)) return;
  const open = [...main.querySelectorAll("details")].map((details) => details.open);
  // What the last form came to stays until the person leaves the page.
  const said = main.querySelector(":scope > p.said[role=status]");
  main.replaceChildren(...fresh.childNodes);
  if (said && !main.querySelector(":scope > p.said[role=status]")) main.prepend(said);
  const details = main.querySelectorAll("details");
  if (details.length === open.length) details.forEach((one, at) => (one.open = open[at]));
  main.classList.remove("fresh");
  requestAnimationFrame(() => main.classList.add("fresh"));
  showAges();
}

function follow() {
  const stream = new EventSource("/ui/live");
  stream.addEventListener("open", () => {
    live.textContent = "live";
    live.className = "live on";
  });
  // The first message too: something may have changed since the page was made.
  stream.addEventListener("change", refresh);
  stream.addEventListener("error", () => {
    live.textContent = "away";
    live.className = "live off";
  });
  addEventListener("pagehide", () => stream.close());
}

showAges();
setInterval(showAges, 15000);
if (live && document.querySelector("main[data-live]")) follow();
