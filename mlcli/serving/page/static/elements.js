// Small pieces of a page. Every text goes in as text: nothing here, or anywhere else, makes markup of it.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 6, useGrouping: true });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function shownNumber(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) {
    // A year or a code reads better without a comma.
    return Math.abs(value) < 10000 ? String(value) : whole.format(value);
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e15)) return value.toExponential(3);
  return size < 10000 ? String(Number(value.toPrecision(6))) : plain.format(value);
}

export function shownShare(value) {
  const percent = value * 100;
  if (percent > 99.95 && percent < 100) return "> 99.9 %";
  if (percent < 0.05 && percent > 0) return "< 0.1 %";
  return `${percent.toFixed(1)} %`;
}

// From which probability on a row gets the positive class, where that is not one half.
export function thresholdOf(threshold) {
  return `${threshold.class} from a probability of ${shownNumber(threshold.value * 100)} % on`;
}

// A long name may break where `seam` matches.
export function breakable(text, seam) {
  const whole_ = element("span", {});
  for (const part of text.split(seam)) whole_.append(part, element("wbr"));
  return whole_;
}

export function count(n, one, many = `${one}s`) {
  return `${whole.format(n)} ${n === 1 ? one : many}`;
}

export function copyButton(text, what) {
  const button = element("button", { type: "button", class: "small", "aria-label": `Copy the ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await copied(text());
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
  return button;
}

async function copied(text) {
  // The clipboard's own interface exists on https and localhost only.
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* refused by the browser: the older way below may still be allowed */ }
  }
  const area = element("textarea", { class: "offscreen", "aria-hidden": "true" });
  const before = document.activeElement;
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}
