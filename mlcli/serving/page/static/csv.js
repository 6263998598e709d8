// A scored file: the client's own lines as they are, with the model's columns behind them.

// Returns the records of a CSV as raw text, line ends taken off; a quoted cell may hold line ends.
export function recordsOf(text) {
  const records = [];
  let quoted = false;
  let start = 0;
  for (let i = 0; i <= text.length; i += 1) {
    const letter = text[i];
    if (letter === '"') quoted = !quoted;
    if (i === text.length || (letter === "\n" && !quoted)) {
      const record = text.slice(start, i).replace(/\r$/, "");
      if (record !== "") records.push(record);
      start = i + 1;
    }
  }
  return records;
}

export function separatorOf(header) {
  const bare = header.replace(/"[^"]*"/g, "");
  return [",", ";", "\t", "|"].map((mark) => ({ mark, n: bare.split(mark).length })).sort((a, b) => b.n - a.n)[0].mark;
}

function cellsOf(record) {
  const cells = [""];
  let quoted = false;
  for (let i = 0; i < record.length; i += 1) {
    const letter = record[i];
    if (letter === '"' && quoted && record[i + 1] === '"') {
      cells[cells.length - 1] += letter;
      i += 1;
    } else if (letter === '"') {
      quoted = !quoted;
    } else if (letter === "," && !quoted) {
      cells.push("");
    } else {
      cells[cells.length - 1] += letter;
    }
  }
  return cells;
}

function quotedCell(text, separator) {
  return text.includes(separator) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Returns the input with the answer's columns behind it; null where their rows do not fit each other.
export function joined(input, answer) {
  const left = recordsOf(input.replace(/^\uFEFF/, ""));
  const right = recordsOf(answer).map(cellsOf);
  if (left.length !== right.length || left.length === 0) return null;
  const separator = separatorOf(left[0]);
  return left.map((record, n) => [record, ...right[n].map((cell) => quotedCell(cell, separator))].join(separator)).join("\n") + "\n";
}
