// Slices of the volume in focus: its pictures follow the sliders at once, the state does once the hand rests.

import { named, root, send } from "./page.js";

const REST = 300; // ms without a move before the place is reported
let timer = 0;
let held = null; // the slider that has the keyboard's focus: the pane is drawn anew once its place is reported

const pane = () => Bokeh.index.find_one(named("focus"))?.shadow_el;

function show(slider) {
  const sliders = [...slider.getRootNode().querySelectorAll("[data-slice]")];
  const place = sliders.map(({ value }) => value).join(",");
  slider.parentNode.querySelector("output").textContent = Number(slider.value) + 1;
  for (const image of slider.getRootNode().querySelectorAll("[data-zoom] img")) {
    const address = new URL(image.src);
    address.searchParams.set("place", place);
    image.src = address;
  }
  return place;
}

function report(slider, place) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    held = slider.matches(":focus") ? slider.dataset.slice : null;
    send("place", { value: place });
  }, REST);
}

// `change` does not leave the pane's shadow tree, but the `input` before it does
export function slide(event) {
  const slider = event.composedPath()[0];
  if (!slider.dataset.slice) return;
  const place = show(slider);
  slider.onchange = () => report(slider, place);
}

export function step(by) {
  const slider = root.dataset.focus === "true" && pane()?.querySelector("[data-slice]");
  if (!slider) return false;
  slider.value = Number(slider.value) + by;
  report(slider, show(slider));
  return true;
}

export function refocus() {
  if (held) pane()?.querySelector(`[data-slice="${held}"]`)?.focus();
  held = null;
}
