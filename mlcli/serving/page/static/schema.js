// One JSON Schema as a list of its properties; what is nested is opened on demand.

import { element, shownNumber } from "./elements.js";

const MOST_VALUES = 12;

export function showSchema(schema, document_) {
  const found = resolved(schema, document_);
  const rows = [
    element("p", { class: "type" }, element("span", {}, typeOf(found)), limits(found)),
    found.description ? element("p", { class: "hint" }, found.description) : null,
    values("One of", found.enum ?? (found.const === undefined ? undefined : [found.const])),
    found.enum ? null : values("Such as", scalars(found.examples)),
  ];
  if (found.properties) rows.push(properties(found, document_));
  if (found.prefixItems) rows.push(nested("Cells", () => element("ol", { class: "cells-of" }, ...found.prefixItems.map((item) => element("li", {}, showSchema(item, document_))))));
  if (found.items && typeof found.items === "object") rows.push(nested("Each item", () => showSchema(found.items, document_)));
  for (const one of found.oneOf ?? found.anyOf ?? []) {
    const shown = resolved(one, document_);
    rows.push(nested(`Or: ${shown.title ?? typeOf(shown)}`, () => showSchema(shown, document_)));
  }
  return element("div", { class: "schema" }, ...rows);
}

function resolved(schema, document_) {
  const reference = schema.$ref;
  if (typeof reference !== "string" || !reference.startsWith("#/")) return schema;
  const keys = reference.slice(2).split("/").map((key) => decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.reduce((part, key) => part?.[key], document_) ?? {};
}

function typeOf(schema) {
  const kind = [schema.type].flat().filter(Boolean).join(" or ");
  const choices = (schema.oneOf ?? schema.anyOf) ? "any of" : schema.enum ? "one value" : "anything";
  return `${kind || choices}${schema.format ? ` (${schema.format})` : ""}`;
}

function limits(schema) {
  const said = [
    ["minimum", "from", ""], ["maximum", "to", ""], ["minItems", "at least", "items"], ["maxItems", "at most", "items"], ["maxLength", "at most", "characters"],
  ].filter(([key]) => schema[key] !== undefined).map(([key, before, after]) => `${before} ${shownNumber(schema[key])} ${after}`.trim());
  return said.length ? element("span", { class: "hint" }, ` · ${said.join(", ")}`) : null;
}

function scalars(list) {
  return (list ?? []).filter((value) => value === null || typeof value !== "object");
}

function values(title, list) {
  if (!list?.length) return null;
  const shown = list.slice(0, MOST_VALUES).map((value) => element("code", {}, JSON.stringify(value)));
  const more = list.length - shown.length;
  return element("p", { class: "values hint" }, `${title} `, ...shown.flatMap((code) => [code, " "]), more > 0 ? `and ${more} more` : "");
}

function properties(schema, document_) {
  const required = new Set(schema.required ?? []);
  return element("dl", { class: "properties" }, ...Object.entries(schema.properties).filter(([, part]) => part !== false).flatMap(([name, part]) => [
    element("dt", {}, element("code", {}, name), required.has(name) ? null : element("span", { class: "hint" }, " optional")),
    element("dd", {}, showSchema(part, document_)),
  ]));
}

// Made when it is opened: a schema may name itself, and most of it is never looked at.
function nested(title, make) {
  const details = element("details", { class: "nested" }, element("summary", {}, title));
  details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(make()); });
  return details;
}
