// A server that was stopped or started anew, or a network that was cut: one message, and the page loads itself again as
// soon as the server answers. Its address holds everything that is shown, but for what is being typed.

import { byId } from "./page.js";

const PAUSE = 1000; // ms between two questions, twice as long each time
const LONGEST = 10_000;
const MOST = 3; // reloads within a minute that nobody asked for: a websocket that never holds is no case for more

const LOST = "The connection is lost. The page loads again as soon as the server answers.";
const TYPED = "The connection is lost. What you have typed stays until you load the page again.";
const REFUSED = "The viewer was started anew, with another token, which it printed where it was started.";
const AGAIN = "The connection is lost again and again.";

export function say(text) {
  const banner = byId("lost");
  banner.hidden = false;
  banner.querySelector("span").textContent = text;
  banner.querySelector("a").href = location.href; // an empty address would be the folder of scripts
}

const isTyped = () => [...document.querySelectorAll("#keep :is(input, textarea)")].some(({ value }) => value);

const reloads = () => JSON.parse(sessionStorage.getItem("reloads") ?? "[]").filter((at) => Date.now() - at < 60_000);

function reload() {
  sessionStorage.setItem("reloads", JSON.stringify([...reloads(), Date.now()]));
  location.reload();
}

async function isThere() {
  try {
    const answer = await fetch("static/page.js", { cache: "no-store" }); // costs the server nothing, and asks the door
    return answer.ok ? "yes" : answer.status === 403 ? "refused" : "no";
  } catch {
    return "no";
  }
}

export async function heal() {
  if (reloads().length >= MOST) return say(AGAIN);
  for (let pause = PAUSE; ; pause = Math.min(LONGEST, 2 * pause)) {
    say(isTyped() ? TYPED : LOST);
    const found = await isThere();
    if (found === "refused") return say(REFUSED);
    if (found === "yes" && !isTyped()) return reload();
    await new Promise((rested) => setTimeout(rested, pause));
  }
}
