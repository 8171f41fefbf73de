// Which rows of the table of points are selected: one bit a row, between Bokeh and the server.

import { named, send } from "./page.js";

export let table = { of: "", n: 0 };
let applying = false;

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

export function applySelection() {
  const text = named("page").selection;
  table = text ? JSON.parse(text) : { of: "", n: 0 };
  const points = named("points");
  if (!text || points.get_length() !== table.n || pack(points.selected.indices, table.n) === table.bits) return;
  applying = true;
  points.selected.indices = unpack(table.bits);
  applying = false;
}

export function reportSelection() {
  if (!applying && named("points").get_length() === table.n) {
    send("select", { of: table.of, bits: pack(named("points").selected.indices, table.n) });
  }
}
