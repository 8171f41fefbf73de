// What assistive technology is told: names of parts of Bokeh's widgets that have none, and which button is the one on.

import { named, root } from "./page.js";

// Model -> the parts of its widget, and what each is called behind the model's title
const PARTS = {
  filter_confidence: { ".noUi-handle-lower": "at least", ".noUi-handle-upper": "at most" },
  percentile: { ".bk-spin-btn-up": "up", ".bk-spin-btn-down": "down" },
  gamma: { ".bk-spin-btn-up": "up", ".bk-spin-btn-down": "down" },
  limit: { ".bk-spin-btn-up": "up", ".bk-spin-btn-down": "down" },
};

export function nameParts() {
  for (const [name, parts] of Object.entries(PARTS)) {
    const model = named(name);
    for (const [part, word] of Object.entries(parts)) {
      Bokeh.index.find_one(model).shadow_el.querySelector(part).ariaLabel = `${model.title}: ${word}`;
    }
  }
}

export function showChosen({ view, spectrum }) {
  for (const button of document.querySelectorAll("[data-action='view']")) {
    if (button.dataset.value === view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  for (const button of document.querySelectorAll("[data-action='spectrum']")) {
    button.ariaPressed = button.dataset.value === spectrum;
  }
}

export function showSide(side) {
  root.dataset.side = side;
  for (const button of document.querySelectorAll("button[data-side]")) button.ariaPressed = button.dataset.side === side;
}
