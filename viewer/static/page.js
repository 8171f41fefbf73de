// The page and its models: how its scripts find them, hear of their changes, and report to the server.

export const root = document.documentElement;
export const named = (name) => Bokeh.documents[0].get_model_by_name(name);
export const byId = (id) => document.getElementById(id);

let count = 0;

export function send(name, value = null) {
  named("page").action = JSON.stringify({ name, value, count: ++count });
}

export function watch(model, property, apply) {
  model.properties[property].change.connect(apply);
  apply();
}
