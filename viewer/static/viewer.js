// The part of the page that Bokeh has no model for: selections as bits, clicks in our own panes, keys, theme.
"use strict";

const root = document.documentElement;
let count = 0;
let applying = false;
let table = { of: "", n: 0 };

const named = (name) => Bokeh.documents[0].get_model_by_name(name);

function send(name, value = null) {
  named("page").action = JSON.stringify({ name, value, count: ++count });
}

function pack(indices, n) {
  const bytes = new Uint8Array(Math.ceil(n / 8));
  for (const i of indices) bytes[i >> 3] |= 1 << (i & 7);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

function unpack(text) {
  const bytes = atob(text);
  const indices = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes.charCodeAt(i);
    for (let bit = 0; byte >> bit; bit++) if ((byte >> bit) & 1) indices.push(8 * i + bit);
  }
  return indices;
}

function applySelection() {
  const text = named("page").selection;
  table = text ? JSON.parse(text) : { of: "", n: 0 };
  const selected = named("points").selected;
  if (!text || pack(selected.indices, table.n) === table.bits) return;
  applying = true;
  selected.indices = unpack(table.bits);
  applying = false;
}

function reportSelection() {
  if (!applying) send("select", { of: table.of, bits: pack(named("points").selected.indices, table.n) });
}

function applyView() {
  root.dataset.view = named("page").view;
}

function applyQuery() {
  const query = named("page").query;
  history.replaceState(null, "", location.pathname + (query ? "?" + query : ""));
}

function setTheme(theme) {
  root.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  if (window.Bokeh?.documents.length) named("page").dark = theme === "dark";
}

function preferredTheme() {
  return localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function watch(model, property, apply) {
  model.properties[property].change.connect(apply);
  apply();
}

function start() {
  const page = named("page");
  setTheme(root.dataset.theme);
  watch(page, "view", applyView);
  watch(page, "query", applyQuery);
  watch(page, "selection", applySelection);
  named("points").selected.properties.indices.change.connect(reportSelection);
  root.dataset.ready = "";
}

function waitForPage() {
  if (window.Bokeh?.documents[0]?.get_model_by_name("page")) start();
  else setTimeout(waitForPage, 20);
}

document.addEventListener("click", (event) => {
  const target = event.composedPath().find((node) => node.dataset?.action);
  if (target) send(target.dataset.action, target.dataset.value);
});

document.addEventListener("keydown", (event) => {
  const typing = event.composedPath().some((node) => /^(INPUT|TEXTAREA|SELECT)$/.test(node.nodeName));
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing) {
    event.preventDefault();
    send("undo");
  }
});

root.dataset.theme = preferredTheme();
document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("theme").addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  waitForPage();
});
