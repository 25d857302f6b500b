"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
const RAMP = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]; // of the difference map

// Theme: the system's, until the button is pressed.
{
  const root = document.documentElement, button = one("#theme");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const show = () => {
    button.setAttribute("aria-pressed", String(dark()));
    one(".word", button).textContent = dark() ? "light" : "dark";
  };
  try { const kept = localStorage.getItem("foretrace-theme"); if (kept) root.dataset.theme = kept; } catch { /* no storage */ }
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("foretrace-theme", root.dataset.theme); } catch { /* no storage */ }
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

// One row is brought out wherever it is shown, with its numbers in the tooltip.
const tip = one("#tip");
function showTip(numbers, x, y) {
  tip.replaceChildren();
  const title = document.createElement("b"), list = document.createElement("dl");
  title.textContent = numbers.label;
  for (const [name, value] of numbers.numbers) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name; dd.textContent = value; list.append(dt, dd);
  }
  tip.append(title, list);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 16, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(8, y - height - 14) : y + 18}px`;
}

for (const group of all(".group")) {
  const tips = JSON.parse(one(".tips", group).textContent);
  const light = (row) => all("[data-row]", group).forEach((e) => e.classList.toggle("hot", e.dataset.row === row));
  const rest = () => { light(null); tip.hidden = true; };
  const tell = (row, x, y) => { light(row); showTip(tips[row], x, y); };

  // Charts: the nearest point within reach of the pointer; arrow keys go along the points.
  for (const svg of all("svg.plot", group)) {
    const points = all(".point", svg);
    const place = (p) => { const b = one(".mark", p).getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; };
    const order = () => points.map((p) => [p, ...place(p)]).sort((a, b) => a[1] - b[1] || a[2] - b[2]);
    let at = -1;
    svg.addEventListener("pointermove", (event) => {
      const near = order().map(([p, x, y]) => [Math.hypot(x - event.clientX, y - event.clientY), p]).sort((a, b) => a[0] - b[0])[0];
      if (near && near[0] < 30) tell(near[1].dataset.row, event.clientX, event.clientY); else rest();
    });
    svg.addEventListener("pointerleave", rest);
    svg.addEventListener("blur", rest);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") rest();
      if (!step) return;
      event.preventDefault();
      const sorted = order();
      at = (at + step + sorted.length) % sorted.length;
      const [point, x, y] = sorted[at];
      tell(point.dataset.row, x, y);
    });
  }
  for (const element of all(".film, .paths svg, .panel .point, .verdicts li", group)) {
    element.addEventListener("pointermove", (event) => tell(element.dataset.row, event.clientX, event.clientY));
    element.addEventListener("pointerleave", rest);
  }

  // Legend: pressed series stay bright, the others fade.
  const buttons = all(".legend button", group);
  for (const button of buttons) button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    const chosen = new Set(buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.series));
    group.classList.toggle("focus", chosen.size > 0);
    all("[data-series]", group).forEach((e) => e.classList.toggle("lit", chosen.has(e.dataset.series)));
  });

  // Table: rows without a value stay at the end, whichever way it is sorted.
  const table = one("table.numbers", group), heads = all("thead th", table);
  heads.forEach((head, column) => one("button", head).addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((h) => h.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      if (value(a) === undefined || value(b) === undefined) return (value(a) === undefined) - (value(b) === undefined);
      const by = column ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b), "en", { numeric: true });
      return up ? by : -by;
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  }));

  if (one(".viewer", group)) pictures(group);
}

function pictures(group) {
  const viewer = one(".viewer", group), stage = one(".stage", viewer), slide = one(".slide", viewer);
  const left = one(".left", viewer), right = one(".right", viewer), map = one(".map", viewer);
  const samples = Math.max(...all(".thumb", group).map((b) => Number(b.dataset.sample))) + 1;
  let sample = 0;
  const thumb = (row) => one(`.sheet tr[data-row="${row}"] .thumb[data-sample="${sample}"]`, group);
  const image = (row) => { const b = thumb(row); return b && one("img", b); };
  const name = (select) => select.selectedOptions[0].textContent;

  const show = () => {
    const pair = [image(left.value), image(right.value)];
    ["over", "under"].forEach((side, i) => {
      const view = one(`.${side}`, stage);
      view.src = pair[i] ? pair[i].src : "data:,";
      view.alt = `${name(i ? right : left)}, sample ${sample + 1}`;
      view.classList.toggle("crisp", Boolean(pair[i]) && "small" in pair[i].dataset);
    });
    one(".tag.l", stage).textContent = name(left);
    one(".tag.r", stage).textContent = name(right);
    one(".which", viewer).textContent = `sample ${sample + 1} of ${samples}`;
    all(".thumb", group).forEach((b) => b.removeAttribute("aria-current"));
    for (const row of [left.value, right.value]) thumb(row)?.setAttribute("aria-current", "true");
    const still = pair.every((p) => p && !("moving" in p.dataset) && p.complete && p.naturalWidth);
    one(".difference", viewer).hidden = !still;
    if (still) difference(map, one(".amount", viewer), pair);
  };
  const move = (value) => { slide.value = value; stage.style.setProperty("--at", `${slide.value}%`); };
  slide.addEventListener("input", () => move(slide.value));
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = stage.getBoundingClientRect();
    move(100 * (event.clientX - box.x) / box.width);
  };
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);
  left.addEventListener("change", show);
  right.addEventListener("change", show);
  one(".back", viewer).addEventListener("click", () => { sample = (sample + samples - 1) % samples; show(); });
  one(".next", viewer).addEventListener("click", () => { sample = (sample + 1) % samples; show(); });
  for (const button of all(".thumb", group)) button.addEventListener("click", () => {
    sample = Number(button.dataset.sample);
    const row = button.closest("tr").dataset.row;
    if (row !== left.value) right.value = row;
    show();
    viewer.scrollIntoView({ block: "nearest" });
  });
  right.selectedIndex = right.options.length - 1;
  show();
  if (document.readyState !== "complete") addEventListener("load", show); // the pictures may not be there yet
}

// Mean absolute difference of the channels; the colour follows its square root, so that small ones are seen.
function difference(canvas, amount, pair) {
  const [a, b] = pair, width = a.naturalWidth, height = a.naturalHeight;
  const read = (img) => {
    const c = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    c.drawImage(img, 0, 0, width, height);
    return c.getImageData(0, 0, width, height).data;
  };
  const p = read(a), q = read(b), out = new ImageData(width, height);
  let sum = 0, most = 0;
  for (let i = 0; i < p.length; i += 4) {
    const d = (Math.abs(p[i] - q[i]) + Math.abs(p[i + 1] - q[i + 1]) + Math.abs(p[i + 2] - q[i + 2])) / 765;
    sum += d; most = Math.max(most, d);
    const at = Math.sqrt(d) * 4, k = Math.min(Math.floor(at), 3);
    for (let c = 0; c < 3; c++) out.data[i + c] = RAMP[k][c] + (at - k) * (RAMP[k + 1][c] - RAMP[k][c]);
    out.data[i + 3] = 255;
  }
  canvas.width = width; canvas.height = height;
  canvas.classList.toggle("crisp", width < 200);
  canvas.getContext("2d").putImageData(out, 0, 0);
  const percent = (x) => `${(100 * x).toFixed(x < 0.1 ? 1 : 0)} %`;
  amount.textContent = `Difference: ${percent(4 * sum / p.length)} of full range on average, ${percent(most)} at most.`;
}
