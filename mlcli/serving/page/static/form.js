// The form: every field, in sections where there are many, with a search over their names.

import { byId, count, element } from "./elements.js";
import { fieldFor, textOf } from "./fields.js";

const SECTION = 24;

export function buildForm(card, onSubmit) {
  const form = byId("rows");
  const fields = card.columns.map(fieldFor);
  const byName = new Map(fields.map((field) => [field.column.name, field]));
  let start = card.examples[0] ?? {};

  byId("fields").replaceChildren(...sectionsOf(fields));
  const picker = byId("example");
  picker.replaceChildren(
    ...card.examples.map((_, i) => element("option", { value: i }, `example row ${i + 1}`)),
    element("option", { value: "empty" }, "an empty row"),
  );

  const read = () => Object.fromEntries(fields.map((field) => [field.column.name, field.read()]));
  const write = (row) => {
    for (const field of fields) {
      field.clear();
      field.write(row[field.column.name] ?? null);
    }
    update();
  };
  const changes = () => fields
    .filter((field) => textOf(field.read()) !== textOf(startCells.get(field)))
    .map((field) => ({ name: field.column.name, from: startCells.get(field), to: field.read() }));
  const update = () => {
    const n = changes().length;
    byId("changed").textContent = n ? `${count(n, "column")} changed` : "";
    byId("reset").hidden = n === 0;
  };
  // What the fields say of the row, since a field may show a cell in another form than the row has it.
  let startCells = new Map();
  const begin = (row) => {
    start = row;
    for (const field of fields) field.write(row[field.column.name] ?? null);
    startCells = new Map(fields.map((field) => [field, field.read()]));
    write(row);
  };

  picker.addEventListener("change", () => {
    begin(picker.value === "empty" ? {} : card.examples[Number(picker.value)]);
    if (picker.value !== "empty") onSubmit();
  });
  form.addEventListener("input", (event) => {
    const field = fields.find((one) => one.box.contains(event.target));
    if (field) field.clear();
    update();
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); onSubmit(); });
  byId("reset").addEventListener("click", () => { begin(start); onSubmit(); });
  if (fields.length > SECTION) enableSearch(fields);
  begin(start);

  return {
    read,
    write,
    changes,
    field: (name) => byName.get(name),
    clearMarks: () => fields.forEach((field) => field.clear()),
    reveal: (name) => reveal(byName.get(name)),
  };
}

function sectionsOf(fields) {
  if (fields.length <= SECTION) return [element("div", { class: "grid" }, ...fields.map((field) => field.box))];
  const sections = [];
  const size = Math.ceil(fields.length / Math.ceil(fields.length / SECTION));
  for (let first = 0; first < fields.length; first += size) {
    const part = fields.slice(first, first + size);
    const names = `${part[0].column.name} – ${part.at(-1).column.name}`;
    sections.push(element(
      "details", { class: "section", open: first === 0 },
      element("summary", {}, element("span", {}, `Columns ${first + 1} to ${first + part.length}`), element("span", { class: "muted names" }, names)),
      element("div", { class: "grid" }, ...part.map((field) => field.box)),
    ));
  }
  return sections;
}

function enableSearch(fields) {
  const input = byId("search-text");
  byId("search").hidden = false;
  let opened = null;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const sections = [...document.querySelectorAll("#fields .section")];
    if (words.length && !opened) opened = sections.map((section) => section.open);
    let n = 0;
    for (const field of fields) {
      const name = field.column.name.toLowerCase();
      field.box.hidden = !words.every((word) => name.includes(word));
      if (!field.box.hidden) n += 1;
    }
    sections.forEach((section, i) => {
      section.hidden = !section.querySelector(".field:not([hidden])");
      section.open = words.length ? true : opened?.[i] ?? section.open;
    });
    if (!words.length) opened = null;
    byId("search-note").textContent = words.length ? `${count(n, "column")} found` : "";
  });
  // Enter in the search box must not send the row.
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
}

function reveal(field) {
  if (!field) return;
  if (field.box.hidden) {
    byId("search-text").value = "";
    byId("search-text").dispatchEvent(new Event("input", { bubbles: true }));
  }
  const section = field.box.closest("details");
  if (section) section.open = true;
  field.focus();
}
