// The field that chooses a category: it opens on all of them, says when nothing fits, and never keeps what is not shown.

import { named } from "./page.js";

const model = () => named("category");
const view = () => Bokeh.index.find_one(model());
const fieldOf = (event) => event.composedPath().find((node) => node === view()?.input_el);

// While it is open the category that is shown is its placeholder: an empty field lets all of them pass
function open(event) {
  const field = fieldOf(event);
  if (!field) return;
  field.placeholder = model().value;
  field.value = "";
}

// The menu is closed first: of an open one Bokeh would take the first that fits, though nobody chose it
function restore(field) {
  field.dispatchEvent(new KeyboardEvent("keyup", { key: "Escape" }));
  field.setCustomValidity("");
  field.value = model().value;
}

function leave(event) {
  const field = view()?.input_el;
  if (field && view().shadow_el.activeElement === field && !event.composedPath().includes(view().el)) restore(field);
}

function say(event) {
  const field = fieldOf(event);
  if (!field) return;
  const text = field.value.toLowerCase();
  const fits = model().completions.some((name) => name.toLowerCase().includes(text));
  field.setCustomValidity(fits ? "" : `No category is like “${field.value}”.`);
  field.reportValidity();
}

function keydown(event) {
  const field = fieldOf(event);
  if (field && (event.key === "Tab" || event.key === "Escape")) restore(field);
}

// The menu scrolls with the keys that walk through it
function keyup(event) {
  const field = fieldOf(event);
  if (field && event.key === "Escape") field.blur();
  else if (field) view().shadow_el.querySelector(".bk-menu .bk-active")?.scrollIntoView({ block: "nearest" });
}

export function startCategory() {
  document.addEventListener("focusin", open, true);
  document.addEventListener("focusout", (event) => fieldOf(event) && restore(fieldOf(event)));
  document.addEventListener("pointerdown", leave, true);
  document.addEventListener("input", say);
  document.addEventListener("keydown", keydown, true);
  document.addEventListener("keyup", keyup);
  model().properties.value.change.connect(() => setTimeout(() => view()?.input_el.blur(), 0));
}
