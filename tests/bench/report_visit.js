// Works the page of a report as a visitor would, and tells the page around it what it found.
(async () => {
const found = {}, q = (s) => document.querySelector(s), qq = (s) => [...document.querySelectorAll(s)];
const wait = (ms) => new Promise((go) => setTimeout(go, ms));
const shown = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 0;
await wait(300);
found.width = innerWidth;
found.scroll = document.documentElement.scrollWidth;
found.wide = qq("main *").filter((e) => shown(e) && !e.closest(".scroll, svg, .stage")
  && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 90));
found.plots = qq("svg.plot").filter(shown).map((e) => e.classList[1]);
found.letters = Math.min(...qq("svg text").filter(shown).map((e) => e.getBoundingClientRect().height));

const order = (c) => qq(".numbers tbody tr").map((r) => r.cells[c].dataset.value ?? null);
const heads = qq(".numbers thead th"), error = heads.findIndex((h) => h.textContent.trim() === "relative L2");
found.sorted = [];
for (let i = 0; i < 2; i++) {
  heads[error].querySelector("button").click();
  found.sorted.push([heads.map((h) => h.getAttribute("aria-sort")).filter(Boolean).join(), order(error)]);
}
heads[0].querySelector("button").click();
found.names = order(0);

const slide = q(".slide"), over = q(".over");
const clip = () => getComputedStyle(over).clipPath;
found.clips = [clip()];
slide.value = 20; slide.dispatchEvent(new Event("input")); found.clips.push(clip());
const box = q(".stage").getBoundingClientRect();
const press = { clientX: box.x + 0.8 * box.width, buttons: 1, bubbles: true };
q(".stage").dispatchEvent(new PointerEvent("pointerdown", press));
found.dragged = Number(slide.value); found.clips.push(clip());
found.sources = [over.src, q(".under").src];
found.amount = q(".amount").textContent;
found.map = [q(".map").width, ...q(".map").getContext("2d").getImageData(3, 3, 1, 1).data];
q(".right").selectedIndex = 0; q(".right").dispatchEvent(new Event("change"));
found.same = [q(".amount").textContent, ...q(".map").getContext("2d").getImageData(3, 3, 1, 1).data];
q(".next").click(); found.sample = q(".which").textContent;

const paper = () => getComputedStyle(document.body).backgroundColor;
found.paper = [paper()];
for (let i = 0; i < 2; i++) {
  q("#theme").click(); found.paper.push(paper()); (found.pressed ??= []).push(q("#theme").getAttribute("aria-pressed"));
}

const plot = qq("svg.plot").find(shown);
plot.scrollIntoView(); plot.focus();
plot.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
found.tip = [q("#tip").hidden, q("#tip").textContent, qq(".hot").length > 2];
const tip = q("#tip").getBoundingClientRect();
found.inside = tip.left >= 0 && tip.right <= innerWidth;
plot.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
found.gone = q("#tip").hidden && qq(".hot").length === 0;
const key = q(".legend button"); key.click();
found.lit = [key.getAttribute("aria-pressed"), q(".group").classList.contains("focus")];

found.unnamed = qq("button, select, input, svg[role], canvas, [role=region]").filter((e) =>
  !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)).map((e) => e.outerHTML.slice(0, 90));
found.complaints = complaints;
return found;
})().catch((e) => ({ broken: String(e.stack) })).then((found) => parent.postMessage(JSON.stringify(found), "*"));
