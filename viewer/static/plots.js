// What the page draws over the plots, and which part of an embedding they show. Elements over a plot cost nothing to
// move; anything given to Bokeh makes it draw all its points again.

import { byId, named, root, send, watch } from "./page.js";
import { table } from "./selection.js";

const HIT = 16; // pixels between the pointer and a sample that is meant
const PREVIEW_DELAY = 40; // ms that the pointer rests before a picture is fetched
const REST = 250; // ms without a move before a window is reported
const PLOTS = ["scatter", "beside_plot"];
const shown = { windows: {}, timers: {}, applying: false, hovered: null, sample: null, asking: false };

const over = (plot) => document.querySelector(`[data-plot="${plot}"] .over`);

function make(name, props) {
  return Object.assign(document.createElement(name), props);
}

// Elements with a place in the embedding

function place(element, plot, [x, y]) {
  const view = Bokeh.index.find_one(named(plot));
  if (!view?.frame) return;
  const box = over(plot).getBoundingClientRect();
  const canvas = view.canvas_view.el.getBoundingClientRect();
  const left = view.frame.x_scale.compute(x);
  const top = view.frame.y_scale.compute(y);
  element.hidden = !view.frame.bbox.contains(left, top);
  element.style.transform = `translate(${canvas.x - box.x + left}px, ${canvas.y - box.y + top}px)`;
  element.at = [x, y];
}

function replace(plot) {
  for (const element of over(plot).children) if (element.at) place(element, plot, element.at);
}

// Pictures in the plot

function applyMarkers() {
  const { address, plots = {} } = JSON.parse(named("page").markers);
  for (const plot of PLOTS) {
    const pictures = (plots[plot] ?? []).map(([sample, at, colour]) => {
      const picture = make("img", { className: "marker", src: address.replace("SAMPLE", sample), alt: "", at });
      picture.style.borderColor = colour;
      return picture;
    });
    over(plot).replaceChildren(...pictures);
    requestAnimationFrame(() => replace(plot)); // when the plot has moved too
  }
}

// What the pointer is at: a picture of it, and a ring around it in both plots

let previewTimer = 0;
window.pointAt = ({ index, geometry }, plot) => {
  clearTimeout(previewTimer);
  if (isPicture()) {
    if (!Number.isFinite(geometry.x + geometry.y)) hidePreview();
    else previewTimer = setTimeout(() => ask(plot, geometry), PREVIEW_DELAY);
    return;
  }
  const row = index?.indices?.[0];
  if (row === undefined) hidePreview();
  else if (row !== shown.hovered) previewTimer = setTimeout(() => showRow(row), PREVIEW_DELAY);
};

function hidePreview() {
  clearTimeout(previewTimer);
  shown.asking = false;
  shown.hovered = shown.sample = null;
  byId("preview").hidden = true;
  for (const ring of document.querySelectorAll(".ring")) ring.hidden = true;
}

function showRow(row) {
  const points = named("points");
  const sample = points.get_column("sample")[row];
  const at = (prefix) => ["x", "y"].map((axis) => points.get_column(prefix + axis)[row]);
  shown.hovered = row;
  showPreview(sample, { scatter: at(""), beside_plot: at("beside_") });
  send("hover", sample);
}

function showPreview(sample, at) {
  const figure = byId("preview");
  const addresses = JSON.parse(named("page").preview).map((address) => address.replace("SAMPLE", sample));
  figure.querySelector("div").replaceChildren(...addresses.map((src) => make("img", { src, alt: "" })));
  figure.querySelector("figcaption").replaceChildren(make("b", { textContent: `sample ${sample}` }));
  figure.hidden = false;
  shown.sample = sample;
  beside(figure);
  for (const [plot, where] of Object.entries(at)) {
    if (plot === "beside_plot" && root.dataset.beside !== "true") continue;
    place(document.querySelector(`[data-plot="${plot}"] > .ring`), plot, where);
  }
}

export function showFacts({ sample, facts }) {
  if (sample !== shown.sample || byId("preview").hidden) return; // the pointer has moved on
  const lines = facts.map(([name, text]) => make("span", { textContent: `${name}: ${text}` }));
  byId("preview").querySelector("figcaption").replaceChildren(make("b", { textContent: `sample ${sample}` }), ...lines);
  beside(byId("preview"));
}

// The browser has a picture of many points, and the server finds the sample that is meant

const isPicture = () => table.n > 0 && named("points").get_length() !== table.n;

function there(plot, { x, y }) {
  const { x_range, y_range } = named(plot);
  const { width, height } = Bokeh.index.find_one(named(plot)).frame.bbox;
  const reach = [(x_range.end - x_range.start) / width, (y_range.end - y_range.start) / height];
  return { plot, of: shown.windows[plot].of, at: [x, y], reach: reach.map((pixel) => HIT * pixel) };
}

function ask(plot, geometry) {
  shown.asking = true;
  send("point", there(plot, geometry));
}

export function showPointed({ sample, at, facts }) {
  if (!shown.asking) return; // the pointer has left meanwhile
  if (sample === null) hidePreview();
  else if (sample !== shown.sample) {
    showPreview(sample, at);
    showFacts({ sample, facts });
  }
}

// At the pointer, on the side where there is room
function beside(figure) {
  const box = figure.parentElement.getBoundingClientRect();
  const [x, y] = [pointer.clientX - box.x, pointer.clientY - box.y];
  const left = x + 20 + figure.offsetWidth < box.width ? x + 20 : Math.max(0, x - 20 - figure.offsetWidth);
  const top = Math.max(0, Math.min(y - 20, box.height - figure.offsetHeight));
  figure.style.transform = `translate(${left}px, ${top}px)`;
}

let pointer = { clientX: 0, clientY: 0 };
document.addEventListener("pointermove", (event) => (pointer = event), true);

// What is drawn around points: Bokeh selects the points it has, and where it has a picture of many the server selects

let keys = {};
document.addEventListener("pointerup", (event) => (keys = event), true);

window.brushed = (plot, { geometry, final }) => {
  if (!final || !isPicture()) return;
  if (geometry.type === "point") {
    hidePreview();
    send("pick", there(plot, geometry));
    return;
  }
  const mode = keys.ctrlKey ? (keys.shiftKey ? "subtract" : "intersect") : keys.shiftKey ? "append" : "replace";
  const { type, x, y, x0, x1, y0, y1 } = geometry;
  const corners = { type, x0, x1, y0, y1, x: Array.from(x ?? []), y: Array.from(y ?? []) };
  send("brush", { plot, of: shown.windows[plot].of, geometry: corners, mode });
};

// Which part of the embedding is shown

const windowOf = ({ x_range, y_range }) => [x_range.start, x_range.end, y_range.start, y_range.end];

function same(a, b) {
  const size = [b[1] - b[0], b[1] - b[0], b[3] - b[2], b[3] - b[2]];
  return a.every((value, at) => Math.abs(value - b[at]) <= 1e-4 * Math.abs(size[at]));
}

function applyWindows() {
  const before = shown.windows;
  shown.windows = JSON.parse(named("page").windows);
  for (const [plot, { of, shown: window, whole }] of Object.entries(shown.windows)) {
    const [left, right, bottom, top] = window;
    const { x_range, y_range } = named(plot);
    x_range.setv({ reset_start: whole[0], reset_end: whole[1] }, { silent: true });
    y_range.setv({ reset_start: whole[2], reset_end: whole[3] }, { silent: true });
    const moving = shown.timers[plot] && of === before[plot]?.of; // the hand is ahead of what the server knows
    if (moving || same(windowOf(named(plot)), window)) continue;
    clearTimeout(shown.timers[plot]);
    shown.timers[plot] = 0;
    shown.applying = true;
    x_range.setv({ start: left, end: right });
    y_range.setv({ start: bottom, end: top });
    shown.applying = false;
  }
}

function moved(plot) {
  requestAnimationFrame(() => replace(plot));
  if (shown.applying) return;
  clearTimeout(shown.timers[plot]);
  shown.timers[plot] = setTimeout(() => {
    shown.timers[plot] = 0;
    const known = shown.windows[plot];
    const now = windowOf(named(plot));
    if (known && !same(now, known.shown)) send("look", { plot, of: known.of, shown: now });
  }, REST);
}

export function startPlots() {
  for (const plot of PLOTS) {
    const { x_range, y_range } = named(plot);
    for (const range of [x_range, y_range]) range.change.connect(() => moved(plot));
    new ResizeObserver(() => requestAnimationFrame(() => replace(plot))).observe(over(plot));
  }
  watch(named("page"), "windows", applyWindows);
  watch(named("page"), "markers", applyMarkers);
}
