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

// Whether somebody fills in a form: what they typed or chose must not be taken from them.
const isBusy = region => {
  if (region.contains(document.activeElement) && document.activeElement.matches("input, select")) return true;
  const isTyped = field => field.matches("select") ? [...field.options].some(one => one.selected !== one.defaultSelected && one.value !== "") : field.value !== field.defaultValue;
  return [...region.querySelectorAll("form input, form select")].some(isTyped);
};

// A page that cannot refresh must not look as if nothing had happened since.
const lost = document.getElementById("lost");
let told = new Date();
function hear(isThere) {
  if (!lost) return;
  if (isThere) told = new Date();
  lost.hidden = isThere;
  lost.textContent = isThere ? "" : `These figures stand still: the server has not answered since ${told.toLocaleTimeString()}.`;
}

let paused = false;
let seconds = Number(document.body.dataset.refresh);
async function refresh() {
  const region = live();
  if (paused || document.hidden || !region || isBusy(region)) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(20000) });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(`${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  hear(true);
  seconds = Number(fresh.body.dataset.refresh) || seconds;
  const next = fresh.getElementById("live");
  if (!next || next.innerHTML === region.dataset.was || isBusy(live())) return;
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
const button = document.getElementById("pause");
if (seconds > 0 && button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Refresh again" : "Stop refreshing";
  });
  let failed = 0;
  const again = () => setTimeout(async () => {
    try { await refresh(); failed = 0; } catch { failed = Math.min(failed + 1, 4); hear(false); }
    again();
  }, seconds * 1000 * 2 ** failed);
  again();
}
