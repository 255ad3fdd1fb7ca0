// Without this file everything works. With it pages refresh in place, and a strip of bars is one tab stop.
"use strict";

const live = () => document.getElementById("live");
const polite = document.getElementById("polite");

// One tab stop for each strip; arrows, Home and End move in it, and what a bar says stands below.
function strips() {
  for (const strip of document.querySelectorAll(".strip")) {
    const bars = [...strip.querySelectorAll("a")];
    const told = strip.parentElement.querySelector(".told");
    const say = bar => { if (told) told.textContent = bar ? bar.title : ""; };
    const choose = at => bars.forEach((bar, other) => { bar.tabIndex = other === at ? 0 : -1; });
    choose(bars.length - 1);
    strip.addEventListener("keydown", event => {
      const at = bars.indexOf(document.activeElement);
      const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 };
      const to = steps[event.key];
      if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const next = Math.min(Math.max(to, 0), bars.length - 1);
      choose(next);
      bars[next].focus();
    });
    strip.addEventListener("focusin", event => { choose(bars.indexOf(event.target)); say(event.target); });
    strip.addEventListener("focusout", () => say(null));
    strip.addEventListener("mouseover", event => { if (event.target.matches("a")) say(event.target); });
    strip.addEventListener("mouseleave", () => say(null));
  }
}

// Where the focus is, in words that hold on the next page too.
function place(element) {
  const region = live();
  if (!region || !element || !region.contains(element)) return null;
  if (element.id) return () => document.getElementById(element.id);
  const href = element.getAttribute("href");
  const same = root => [...root.querySelectorAll(element.tagName)].filter(other => other.getAttribute("href") === href);
  const at = same(region).indexOf(element);
  return () => same(live())[at];
}

// What is worth saying aloud: the sentence on top, if it is another than before.
const sentence = root => root.querySelector("[data-say]")?.textContent.trim() ?? "";

let paused = false;
async function refresh() {
  const region = live();
  if (paused || document.hidden || !region) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = fresh.getElementById("live");
  if (!next || next.innerHTML === region.dataset.was) return;
  const before = sentence(document);
  const open = [...region.querySelectorAll("details")].map(one => one.open);
  const focus = place(document.activeElement);
  const was = next.innerHTML;
  region.replaceWith(document.adoptNode(next));
  next.dataset.was = was;
  next.querySelectorAll("details").forEach((one, at) => { one.open = open[at] ?? one.open; });
  document.title = fresh.title;
  strips();
  focus?.()?.focus({ preventScroll: true });
  const after = sentence(document);
  if (after !== before && polite) polite.textContent = after;
}

strips();
const region = live();
if (region) region.dataset.was = region.innerHTML;
const seconds = Number(document.body.dataset.refresh);
const button = document.getElementById("pause");
if (seconds > 0 && button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Refresh again" : "Stop refreshing";
  });
  let failed = 0;
  const again = () => setTimeout(async () => {
    try { await refresh(); failed = 0; } catch { failed = Math.min(failed + 1, 4); }
    again();
  }, seconds * 1000 * 2 ** failed);
  again();
}
