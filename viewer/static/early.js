// What has to be known before anything is painted. Modules come later, so this is a script, and leaves nothing behind
// but an attribute of the page, `data-theme`.
"use strict";

{
  const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (prefersDark ? "dark" : "light");
}
