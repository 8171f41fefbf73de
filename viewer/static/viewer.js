// The part of the page that Bokeh has no model for: clicks in our own panes, keys, files, theme.

import { startCategory } from "./category.js";
import { showFacts, showPointed, startPlots } from "./plots.js";
import { nameParts, showChosen, showSide } from "./names.js";
import { byId, named, root, send, watch } from "./page.js";
import { heal, say } from "./lost.js";
import { refocus, slide, step } from "./slices.js";
import { applySelection, reportSelection } from "./selection.js";

const LARGEST_FILE = 8 << 20;

// The page as a whole

function applyMarks() {
  const marks = JSON.parse(named("page").marks);
  for (const [name, value] of Object.entries(marks)) root.dataset[name] = value;
  showChosen(marks);
  for (const page of document.querySelectorAll(".page")) page.hidden = page.dataset.page !== marks.view;
}

// Another view or category is another step of the browser's history, all else changes the address of this one

const STEPS = ["project", "analysis", "category", "view"];
const stepOf = (query) => STEPS.map((name) => new URLSearchParams(query).get(name)).join("\n");
let told = null;

function applyQuery() {
  const { query } = named("page");
  const isStep = told !== null && stepOf(query) !== stepOf(told) && stepOf(query) !== stepOf(location.search);
  told = query;
  history[isStep ? "pushState" : "replaceState"](null, "", location.pathname + (query ? "?" + query : ""));
}

function goBack() {
  send("address", location.search.slice(1));
}

function save(file, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function rasterise(drawing) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([drawing], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * image.width, height: 2 * image.height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done));
}

const COMMANDS = {
  async download({ file, media, text }) {
    save(file, media === "image/png" ? await rasterise(text) : new Blob([text], { type: media }));
  },
  hovered: showFacts,
  pointed: showPointed,
  share({ query, note }) {
    const dialog = byId("share");
    dialog.querySelector("textarea").value = location.origin + location.pathname + (query ? "?" + query : "");
    dialog.querySelector(".note").textContent = note;
    byId("copy").textContent = "Copy";
    dialog.showModal();
  },
};

function applyCommand() {
  const text = named("page").command;
  if (text) {
    const command = JSON.parse(text);
    COMMANDS[command.name](command);
  }
}

async function copyLink() {
  const area = byId("share").querySelector("textarea");
  area.select();
  try {
    await navigator.clipboard.writeText(area.value);
    byId("copy").textContent = "Copied";
  } catch {
    byId("copy").textContent = "Press Ctrl+C"; // no clipboard on plain http; the text is selected
  }
}

// Zoom of the three pictures in focus: the wheel zooms all of them about the same place, a double click ends it

function zoom(event) {
  const pane = event.composedPath().find((node) => node.dataset && "zoom" in node.dataset);
  if (!pane) return;
  event.preventDefault();
  const box = pane.getBoundingClientRect();
  const x = (event.clientX - box.x) / box.width;
  const y = (event.clientY - box.y) / box.height;
  for (const image of pane.getRootNode().querySelectorAll("[data-zoom] img")) {
    const was = Number(image.dataset.scale ?? 1);
    const scale = event.type === "dblclick" ? 1 : Math.min(20, Math.max(1, was * Math.exp(-event.deltaY / 300)));
    const [left, top] = (image.dataset.place ?? "0 0").split(" ").map(Number);
    const bound = (value) => Math.min(0, Math.max(1 - scale, value));
    const place = [bound(x - ((x - left) * scale) / was), bound(y - ((y - top) * scale) / was)];
    image.dataset.scale = scale;
    image.dataset.place = place.join(" ");
    image.style.transform = `translate(${place[0] * 100}%, ${place[1] * 100}%) scale(${scale})`;
  }
}

// Files, forms, theme

async function importFile() {
  const input = byId("file");
  const file = input.files[0];
  if (!file) return;
  const text = file.size > LARGEST_FILE ? null : await file.text();
  input.value = ""; // so that the same file can be chosen again
  send("import", text);
}

function keepFinding(event) {
  event.preventDefault();
  send("keep", Object.fromEntries(new FormData(event.target)));
  event.target.reset();
}

function setTheme(theme) {
  root.dataset.theme = theme;
  if (window.Bokeh?.documents.length) named("page").dark = theme === "dark";
}

function switchTheme() {
  const theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", theme);
  setTheme(theme);
}

// Inputs in our own panes: `change` does not leave their shadow trees, but the `input` before it does

function input(event) {
  const field = event.composedPath()[0];
  const { input: name, of } = field.dataset;
  slide(event);
  if (!name) return;
  typed = field;
  field.onchange = () => queueMicrotask(() => {
    if (!field.isConnected) return; // not changed but taken away: keepTyped goes on
    typed = null;
    send(name, { of, value: field.value });
  });
}

// A pane that is drawn anew while somebody types, as a colleague changed something, has a new field: it goes on there

let typed = null;

function keepTyped(pane) {
  const { input: name, of } = typed.dataset;
  const fields = Bokeh.index.find_one(pane)?.shadow_el.querySelectorAll("[data-input]") ?? [];
  const field = [...fields].find((other) => other.dataset.input === name && other.dataset.of === of);
  if (!field || field === typed) return;
  field.value = typed.value;
  field.focus();
  if (field.type === "text") field.setSelectionRange(typed.selectionStart, typed.selectionEnd);
  field.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
}

// A pane that is drawn anew loses the focus with the button that was pressed: who uses keys gets it back

let pressed = null;

const alike = (node) => node.dataset.action === pressed.action && node.dataset.value === pressed.value;

function keepFocus(pane) {
  pane.properties.text.change.connect(() => requestAnimationFrame(() => {
    const lost = !document.activeElement || document.activeElement === document.body;
    if (typed && lost) keepTyped(pane);
    const buttons = Bokeh.index.find_one(pane)?.shadow_el.querySelectorAll("button[data-action]") ?? [];
    if (pressed && lost) [...buttons].find(alike)?.focus();
    refocus();
  }));
}

// A text that a button carries

async function copyText(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling); // no clipboard on plain http
    button.textContent = "Press Ctrl+C";
  }
}

// Clicks and keys

function click(event) {
  const path = event.composedPath();
  const side = path.find((node) => node.nodeName === "BUTTON" && node.dataset.side);
  const target = path.find((node) => node.dataset?.action);
  const copied = path.find((node) => node.dataset?.copy);
  if (copied) copyText(copied);
  if (side) showSide(side.dataset.side);
  typed = null;
  pressed = target && event.detail === 0 ? { ...target.dataset } : null; // no mouse has clicked
  if (target) send(target.dataset.action, target.dataset.value);
  for (const menu of document.querySelectorAll(".menu[open]")) {
    if (!path.includes(menu) || path.some((node) => node.nodeName === "BUTTON" && menu.contains(node))) menu.open = false;
  }
}

function key(event) {
  if (event.composedPath().some((node) => /^(INPUT|TEXTAREA|SELECT)$/.test(node.nodeName)) || byId("share").open) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    send(event.shiftKey ? "redo" : "undo");
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    send("step", event.key === "ArrowRight" ? 1 : -1);
  } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && step(event.key === "ArrowUp" ? 1 : -1)) {
    event.preventDefault();
  } else if (event.key === "Escape" && root.dataset.focus === "true") {
    event.stopImmediatePropagation(); // the first Esc closes the sample, the next one clears the selection
    send("unfocus");
  } else if (event.key === "Escape") {
    send("clear");
  }
}

// Start

function start() {
  const page = named("page");
  setTheme(root.dataset.theme);
  watch(page, "marks", applyMarks);
  watch(page, "query", applyQuery);
  watch(page, "selection", applySelection);
  watch(page, "command", applyCommand);
  startPlots();
  startCategory();
  nameParts();
  showSide(root.dataset.side);
  for (const model of Bokeh.documents[0].roots()) if (model.type === "Div") keepFocus(model);
  named("points").selected.properties.indices.change.connect(reportSelection);
  addEventListener("popstate", goBack);
  Bokeh.documents[0].on_event?.("connection_lost", heal);
  root.dataset.ready = "";
}

const PATIENCE = 20_000; // ms until a page that does not come is said

function waitForPage() {
  if (window.Bokeh?.documents[0]?.get_model_by_name("page")) start();
  else if (performance.now() < PATIENCE) setTimeout(waitForPage, 10);
  else say("The viewer does not answer: its server, a script or its websocket cannot be reached.");
}

document.addEventListener("click", click);
document.addEventListener("input", input);
document.addEventListener("keydown", key, true);
document.addEventListener("wheel", zoom, { passive: false });
document.addEventListener("dblclick", zoom);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
  setTheme(localStorage.getItem("theme") ?? (matches ? "dark" : "light"));
});
document.addEventListener("DOMContentLoaded", () => {
  byId("theme").addEventListener("click", switchTheme);
  byId("import").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", importFile);
  byId("keep").addEventListener("submit", keepFinding);
  byId("copy").addEventListener("click", copyLink);
  byId("close").addEventListener("click", () => byId("share").close());
  waitForPage();
});
