// One field for each column: `read()` gives the JSON cell, `write(cell)` shows one.

import { breakable, element, shownNumber } from "./elements.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const TRUE = new Set(["true", "yes", "t", "y", "1"]);
const FALSE = new Set(["false", "no", "f", "n", "0"]);
const MOST_CHOICES = 60;

export function fieldFor(column, index) {
  const id = `field-${index}`;
  const control = controlFor(column, id);
  const note = element("p", { class: "note", id: `${id}-note` });
  const label = element("label", { for: id }, breakable(column.name, /(?<=[_.\-])/));
  const hint = element("p", { class: "hint", id: `${id}-hint` }, hintOf(column));
  const box = element("div", { class: `field ${column.kind}` }, label, element("div", { class: "control" }, ...control.parts), hint, note);
  for (const input of control.inputs) input.setAttribute("aria-describedby", `${id}-hint ${id}-note`);
  const mark = (kind, text) => {
    note.textContent = text;
    box.classList.toggle("bad", kind === "bad");
    box.classList.toggle("odd", kind === "odd");
    for (const input of control.inputs) {
      if (kind === "bad") input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  };
  return {
    column,
    box,
    read: control.read,
    write: control.write,
    focus: () => (control.inputs.find((input) => !input.hidden) ?? control.inputs[0]).focus(),
    refuse: (rule) => mark("bad", sentence(rule)),
    remark: (text) => mark("odd", sentence(text)),
    clear: () => mark("", ""),
  };
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}

function hintOf(column) {
  const blank = column.n_missing ? " · may be missing" : "";
  switch (column.kind) {
    case "number":
      return column.range
        ? `${shownNumber(column.range[0])} to ${shownNumber(column.range[1])} · typically ${shownNumber(column.typical)}${blank}`
        : "no value in training";
    case "date":
      return column.range ? `${column.range[0]} to ${column.range[1]}${blank}` : "no date in training";
    case "category": {
      const n = column.levels?.length ?? 0;
      return `${n} ${n === 1 ? "category" : "categories"}${blank}`;
    }
    case "text":
      return column.length ? `typically ${Math.round(column.length.median)} characters` : "text";
    default:
      return `true or false${blank}`;
  }
}

function controlFor(column, id) {
  switch (column.kind) {
    case "number":
      return numberControl(column, id);
    case "category":
      return (column.levels?.length ?? 0) > MOST_CHOICES ? longListControl(column, id) : choiceControl(column, id);
    case "boolean":
      return booleanControl(id);
    case "date":
      return dateControl(column, id);
    default:
      return textControl(id);
  }
}

function simple(input, read, write) {
  return { parts: [input], inputs: [input], read, write };
}

function numberControl(column, id) {
  // Not type=number: it hides what it cannot read, and the service says better what is wrong with it.
  const negative = column.range && column.range[0] < 0;
  const input = element("input", {
    id, type: "text", inputmode: negative ? "text" : column.integer ? "numeric" : "decimal",
    autocomplete: "off", spellcheck: "false", placeholder: "missing",
  });
  return simple(input, () => numberCell(input.value), (cell) => { input.value = cell ?? ""; });
}

function numberCell(text) {
  const stripped = text.trim();
  if (stripped === "") return null;
  const number = Number(stripped);
  return NUMBER.test(stripped) && Number.isFinite(number) ? number : stripped;
}

function choiceControl(column, id) {
  const levels = column.levels ?? [];
  const other = element("input", {
    id: `${id}-other`, type: "text", autocomplete: "off", hidden: true, "aria-label": `Another value of ${column.name}`,
  });
  const select = element(
    "select", { id },
    ...levels.map((level, i) => element("option", { value: i }, level.text)),
    element("option", { value: "missing" }, "missing"),
    element("option", { value: "other" }, "another value…"),
  );
  const show = () => { other.hidden = select.value !== "other"; };
  select.addEventListener("change", () => { show(); if (!other.hidden) other.focus(); });
  return {
    parts: [select, other],
    inputs: [select, other],
    read: () => {
      if (select.value === "missing") return null;
      if (select.value === "other") return other.value.trim() === "" ? null : other.value;
      return levels[Number(select.value)].value;
    },
    write: (cell) => {
      const text = textOf(cell);
      const at = levels.findIndex((level) => level.text === text);
      select.value = text === "" ? "missing" : at < 0 ? "other" : String(at);
      other.value = at < 0 ? text : "";
      show();
    },
  };
}

function longListControl(column, id) {
  const byText = new Map(column.levels.map((level) => [level.text, level.value]));
  const list = element("datalist", { id: `${id}-list` }, ...column.levels.map((level) => element("option", { value: level.text })));
  const input = element("input", { id, type: "text", list: `${id}-list`, autocomplete: "off", placeholder: "missing" });
  const read = () => {
    const text = input.value.trim();
    return text === "" ? null : byText.get(text) ?? text;
  };
  return { parts: [input, list], inputs: [input], read, write: (cell) => { input.value = textOf(cell); } };
}

function booleanControl(id) {
  const select = element(
    "select", { id },
    element("option", { value: "true" }, "true"),
    element("option", { value: "false" }, "false"),
    element("option", { value: "missing" }, "missing"),
  );
  const read = () => (select.value === "missing" ? null : select.value === "true");
  const write = (cell) => {
    const word = textOf(cell).toLowerCase();
    select.value = TRUE.has(word) ? "true" : FALSE.has(word) ? "false" : "missing";
  };
  return simple(select, read, write);
}

function dateControl(column, id) {
  const iso = column.format === null || column.format === undefined || column.format === "%Y-%m-%d";
  const timed = (column.range ?? []).some((end) => /[T ]\d/.test(end));
  const type = !iso ? "text" : timed ? "datetime-local" : "date";
  const input = element("input", { id, type, step: timed && iso ? "any" : null, autocomplete: "off" });
  const write = (cell) => {
    const text = textOf(cell);
    input.type = type;
    input.value = type === "date" ? text.slice(0, 10) : type === "text" ? text : text.replace(" ", "T");
    // A picker drops a date in a form that it does not know; as text it stays.
    if (input.value === "" && text !== "") {
      input.type = "text";
      input.value = text;
    }
  };
  return simple(input, () => (input.value.trim() === "" ? null : input.value.trim()), write);
}

function textControl(id) {
  const area = element("textarea", { id, rows: 4, placeholder: "missing" });
  return simple(area, () => (area.value.trim() === "" ? null : area.value), (cell) => { area.value = textOf(cell); });
}

export function textOf(cell) {
  return cell === null || cell === undefined ? "" : String(cell).trim();
}
