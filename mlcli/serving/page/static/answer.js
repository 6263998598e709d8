// What the model said: the prediction, how sure it is, and what was unusual about the row.

import { byId, count, element, shownNumber, shownShare, thresholdOf } from "./elements.js";

const MOST_CLASSES = 6;

export function showAnswer(card, answer, { seconds, onColumn }) {
  const value = answer.predictions[0];
  byId("answer").replaceChildren(
    element("h2", { class: "over" }, `Predicted ${card.target.name}`),
    element("p", { class: "prediction" }, shownPrediction(value)),
    answer.probabilities ? bars(card, answer) : place(card.target, value),
    // Else a class with the lesser bar as the prediction would look like a mistake.
    ...(card.target.threshold ? [element("p", { class: "hint" }, `The prediction is ${thresholdOf(card.target.threshold)}.`)] : []),
    remarks(answer.warnings ?? [], onColumn),
    element("p", { class: "hint" }, `Answered in ${shownNumber(Math.max(1, Math.round(seconds * 1000)))} ms by version ${answer.version}.`),
  );
}

export function shownPrediction(value) {
  return typeof value === "number" ? shownNumber(value) : String(value);
}

function bars(card, answer) {
  const shares = (card.target.classes ?? Object.keys(answer.probabilities)).map((name) => ({
    name, share: answer.probabilities[name]?.[0] ?? 0,
  }));
  const many = shares.length > MOST_CLASSES;
  if (many) shares.sort((a, b) => b.share - a.share);
  const list = (part) => element("ul", { class: "bars" }, ...part.map((one) => bar(one, one.name === String(answer.predictions[0]))));
  if (!many) return list(shares);
  const rest = shares.slice(MOST_CLASSES);
  return element(
    "div", {}, list(shares.slice(0, MOST_CLASSES)),
    element("details", {}, element("summary", {}, `${count(rest.length, "other class", "other classes")}`), list(rest)),
  );
}

function bar({ name, share }, chosen) {
  const fill = element("span", { class: "fill" });
  // Set through the object model: the page's policy allows no style attribute.
  fill.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
  return element(
    "li", { class: chosen ? "chosen" : null },
    element("span", { class: "name" }, name),
    element("span", { class: "share" }, shownShare(share)),
    element("span", { class: "track", "aria-hidden": "true" }, fill),
  );
}

function place(target, value) {
  if (!target.range || typeof value !== "number") return null;
  const [least, most] = target.range;
  const at = (number) => `${Math.min(100, Math.max(0, most > least ? ((number - least) / (most - least)) * 100 : 50))}%`;
  const dot = element("span", { class: "dot" });
  const tick = element("span", { class: "tick" });
  dot.style.left = at(value);
  tick.style.left = at(target.typical);
  const outside = value < least || value > most;
  return element(
    "figure", { class: "scale" },
    element("div", { class: "line", "aria-hidden": "true" }, tick, dot),
    element(
      "figcaption", { class: "hint" },
      `In training from ${shownNumber(least)} to ${shownNumber(most)}, typically ${shownNumber(target.typical)}.`,
      outside ? " This prediction lies outside." : "",
    ),
  );
}

function remarks(warnings, onColumn) {
  if (!warnings.length) return element("p", { class: "usual" }, "Nothing unusual about this row.");
  return element(
    "div", { class: "unusual" },
    element("h3", {}, "Unusual about this row"),
    element("ul", {}, ...warnings.map((warning) => element(
      "li", {},
      element("button", { type: "button", class: "link", onclick: () => onColumn(warning.column) }, warning.column),
      ` ${remarkOf(warning.kind)}`,
    ))),
  );
}

export function remarkOf(kind) {
  return kind === "unseen" ? "holds a category that training never saw" : "lies outside the training range";
}

export function showProblem(error, { onColumn }) {
  const columns = [...new Map(error.cells.map((cell) => [cell.column, cell])).values()];
  byId("answer").replaceChildren(
    element("h2", { class: "over" }, error.status ? `Not predicted (${error.status})` : "Not predicted"),
    // The list below names them, so the message that does so too is left out.
    element("p", { class: "refused" }, columns.length ? `${count(columns.length, "column")} cannot be read as sent.` : error.message),
    columns.length ? element("ul", { class: "cells" }, ...columns.map((cell) => element(
      "li", {},
      element("button", { type: "button", class: "link", onclick: () => onColumn(cell.column) }, cell.column),
      ` ${cell.rule}`,
    ))) : null,
    error.hint ? element("p", { class: "hint" }, error.hint) : null,
  );
}
