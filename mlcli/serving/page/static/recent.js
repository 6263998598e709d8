// The predictions of this visit, newest first.

import { byId, element, shownShare } from "./elements.js";
import { shownPrediction } from "./answer.js";

const MOST = 25;
const MOST_CHANGES = 3;

export function recentTable(onLoad) {
  const entries = [];
  let made = 0;
  const render = () => {
    const sure = entries.some((entry) => entry.share !== null);
    byId("recent").replaceChildren(element(
      "div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "recent-title" },
      element(
        "table", {},
        element("thead", {}, element(
          "tr", {},
          ...["", "Prediction", ...(sure ? ["Probability"] : []), "Changed", "Unusual", ""].map((text, i) => (
            text ? element("th", { scope: "col" }, text) : element("td", { class: i ? null : "index" }))),
        )),
        element("tbody", {}, ...entries.map((entry) => rowOf(entry, sure, onLoad))),
      ),
    ));
  };
  return {
    add: (entry) => {
      made += 1;
      entries.unshift({ ...entry, number: made });
      entries.length = Math.min(entries.length, MOST);
      render();
    },
  };
}

function rowOf(entry, sure, onLoad) {
  const changed = entry.changes.slice(0, MOST_CHANGES).map((change) => `${change.name}: ${cell(change.from)} → ${cell(change.to)}`);
  const more = entry.changes.length - changed.length;
  return element(
    "tr", {},
    element("td", { class: "index" }, String(entry.number)),
    element("th", { scope: "row" }, shownPrediction(entry.prediction)),
    sure ? element("td", {}, entry.share === null ? "" : shownShare(entry.share)) : null,
    element("td", { class: "changes" }, changed.length ? changed.join("; ") + (more ? ` and ${more} more` : "") : entry.start),
    element("td", {}, entry.unusual.join(", ")),
    element("td", { class: "end" }, element(
      "button", { type: "button", class: "small", "aria-label": `Load row ${entry.number} into the form`, onclick: () => onLoad(entry.row) }, "Load",
    )),
  );
}

function cell(value) {
  const text = value === null ? "missing" : String(value);
  return text.length > 32 ? `${text.slice(0, 31)}…` : text;
}
