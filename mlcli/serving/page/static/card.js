// The model card: what it predicts, how it is served, how good it is.

import { breakable, byId, count, element, shownNumber, thresholdOf } from "./elements.js";

const HEADLINES = { classification: ["roc_auc", "f1", "accuracy"], regression: ["r2", "mae", "rmse"] };

export function showCard(card) {
  const { target, engine } = card;
  document.title = `${card.name} · mlcli`;
  byId("card").replaceChildren(
    element("h1", {}, breakable(card.name, /(?<=[_.\-])/)),
    element(
      "p", { class: "lead" },
      "Predicts ", element("strong", {}, target.name), aboutTarget(target), ` from ${count(card.columns.length, "column")}.`,
    ),
    element(
      "dl", { class: "facts" },
      ...fact("Model", card.model),
      ...fact("Version", card.version),
      ...fact("Task", card.task),
      ...fact("Trained", `${card.created.slice(0, 10)}, on ${count(card.n_train, "row")}`),
      ...fact("Served by", servedBy(engine)),
      ...(target.threshold ? fact("Threshold", thresholdOf(target.threshold)) : []),
    ),
    ...scores(card),
  );
  byId("foot").textContent = `mlcli ${card.mlcli_version} · artifact ${card.digest.slice(0, 12)}`;
}

function servedBy(engine) {
  if (!engine.compiled) return `scikit-learn${engine.reason ? `: ${engine.reason}` : ""}`;
  const rows = engine.n_rows === null ? "" : ` on ${count(engine.n_rows, "row")}`;
  return `compiled program, proven equal to scikit-learn${rows}`;
}

function aboutTarget(target) {
  if (target.classes) {
    const names = target.classes.slice(0, 5).join(", ");
    return ` (${names}${target.classes.length > 5 ? ` and ${target.classes.length - 5} more` : ""})`;
  }
  return target.range ? ` (${shownNumber(target.range[0])} to ${shownNumber(target.range[1])} in training)` : "";
}

function fact(name, value) {
  return [element("div", {}, element("dt", {}, name), element("dd", {}, value))];
}

function scores(card) {
  if (!card.metrics.length) return [];
  const known = HEADLINES[card.task] ?? [];
  const first = known.map((name) => card.metrics.find((metric) => metric.name === name)).filter((metric) => metric?.value !== undefined);
  const shown = first.length ? first : card.metrics.slice(0, 3);
  return [
    element("ul", { class: "scores", "aria-label": `Scores on ${count(card.n_test, "held-out row")}` }, ...shown.map(headline)),
    element(
      "details", { class: "all" },
      element("summary", {}, `All ${count(card.metrics.length, "score")} on ${count(card.n_test, "held-out row")}`),
      table(card.metrics),
    ),
  ];
}

function headline(metric) {
  return element(
    "li", {},
    element("span", { class: "title" }, metric.title),
    element("span", { class: "value" }, shownScore(metric.value)),
    element("span", { class: "hint" }, metric.low === null ? "" : `${shownScore(metric.low)} to ${shownScore(metric.high)}`),
    element("span", { class: "hint" }, metric.dummy === null ? "" : `dummy ${shownScore(metric.dummy)}`),
  );
}

function table(metrics) {
  const head = ["Score", "Model", "Interval", "Dummy"];
  return element(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "All scores" },
    element(
      "table", {},
      element("thead", {}, element("tr", {}, ...head.map((text, i) => element("th", { scope: "col", class: i ? "number" : null }, text)))),
      element("tbody", {}, ...metrics.map((metric) => element(
        "tr", {},
        element("th", { scope: "row" }, metric.title, metric.greater_is_better ? "" : element("span", { class: "hint" }, " less is better")),
        element("td", { class: "number" }, shownScore(metric.value)),
        element("td", { class: "number" }, metric.low === null ? "–" : `${shownScore(metric.low)} to ${shownScore(metric.high)}`),
        element("td", { class: "number" }, shownScore(metric.dummy)),
      ))),
    ),
  );
}

function shownScore(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size >= 1000 ? shownNumber(Math.round(value)) : value.toFixed(size >= 10 ? 1 : 3);
}
