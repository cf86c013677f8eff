"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);

  // Theme: as the system, unless a reader chooses.
  one("#theme").addEventListener("change", (event) => {
    document.documentElement.dataset.theme = event.target.value;
  });

  // Which panels are shown: those that fit every choice.
  const choices = all("[data-panels]");
  const choose = () => {
    for (const panel of all(".panel")) {
      panel.hidden = choices.some((c) => c.value && panel.dataset[c.dataset.panels] !== c.value);
    }
  };
  choices.forEach((c) => c.addEventListener("change", choose));
  choose();

  // Which arms are shown: each has a key, and pointing at a key makes the others faint.
  const keys = all(".key");
  const arms = (number) => all(`.arm[data-arm="${number}"]`);
  const press = (key, on) => {
    key.setAttribute("aria-pressed", on);
    arms(key.dataset.arm).forEach((arm) => { arm.toggleAttribute("hidden", !on); });
  };
  const faint = (number) => {
    all(".arm").forEach((arm) => {
      arm.classList.toggle("faint", number !== null && arm.dataset.arm !== number);
    });
  };
  for (const key of keys) {
    key.addEventListener("click", () => press(key, key.getAttribute("aria-pressed") !== "true"));
    key.addEventListener("pointerenter", () => faint(key.dataset.arm));
    key.addEventListener("pointerleave", () => faint(null));
  }
  for (const button of all("[data-arms]")) {
    button.addEventListener("click", () => {
      keys.forEach((key) => press(key, button.dataset.arms === "all"));
    });
  }

  // Reading a chart: the values of all arms shown, nearest to the pointer or the arrow keys.
  const tip = one("#tip");
  const numbers = (text) => text.split(" ").map(Number);
  const show = (chart, label, x, y) => {
    const rows = [];
    let at = label;
    for (const arm of all(".arm:not([hidden])", chart)) {
      const labels = numbers(arm.dataset.x);
      const k = labels.reduce(
        (best, l, i) => (Math.abs(l - label) < Math.abs(labels[best] - label) ? i : best), 0);
      const value = numbers(arm.dataset.y)[k];
      rows.push([value, arm.dataset.name, numbers(arm.dataset.e)[k], arm.classList[1]]);
      at = labels[k];
    }
    if (!rows.length) { hide(chart); return; }
    rows.sort((a, b) => b[0] - a[0]);
    const table = document.createElement("table");
    table.createTHead().insertRow().insertCell().textContent = `${at} ${chart.dataset.unit}`;
    for (const [value, name, error, style] of rows) {
      const row = table.insertRow();
      const cell = row.insertCell();
      const dot = document.createElement("span");
      dot.className = style;
      dot.textContent = "● ";
      cell.append(dot, name);
      const said = Number.isNaN(error) ? "" : ` ± ${error.toFixed(4)}`;
      row.insertCell().textContent = `${value.toFixed(4)}${said}`.replaceAll("-", "−");
    }
    tip.replaceChildren(table);
    tip.hidden = false;
    const [low, high] = numbers(chart.dataset.range), [start, end] = numbers(chart.dataset.ends);
    const place = start + (at - low) / (high - low || 1) * (end - start);
    const cross = one(".cross", chart);
    cross.setAttribute("d", `M${place} 8V192`);
    cross.removeAttribute("hidden");
    chart.dataset.at = at;
    tip.style.left = `${Math.max(4, Math.min(x + 16, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - tip.offsetHeight - 8))}px`;
  };
  const hide = (chart) => { tip.hidden = true; one(".cross", chart).setAttribute("hidden", ""); };
  for (const chart of all(".chart")) {
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const [low, high] = numbers(chart.dataset.range), [start, end] = numbers(chart.dataset.ends);
      const place = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
      const label = low + (place - start) / (end - start) * (high - low);
      show(chart, label, event.clientX, event.clientY);
    });
    chart.addEventListener("pointerleave", () => hide(chart));
    chart.addEventListener("blur", () => hide(chart));
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") hide(chart);
      if (!step) return;
      event.preventDefault();
      const arm = one(".arm:not([hidden])", chart);
      if (!arm) return;
      const labels = numbers(arm.dataset.x), now = Number(chart.dataset.at);
      const next = "at" in chart.dataset
        ? labels.findLastIndex((l) => l <= now) + step : step > 0 ? 0 : labels.length - 1;
      const box = chart.getBoundingClientRect();
      show(chart, labels[Math.max(0, Math.min(next, labels.length - 1))], box.left, box.bottom);
    });
  }

  // Tables: sorted by their heads, filtered by words, saved as they are shown.
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = parseFloat(text.replace("−", "-").replace(/^[+<≈]/, ""));
    return [text, Number.isNaN(number) || /^\d+\D*[a-z_]/i.test(text) ? null : number];
  };
  const compare = (a, b) => {
    if (a[1] !== null && b[1] !== null) return a[1] - b[1];
    return a[0].localeCompare(b[0], undefined, { numeric: true });
  };
  const empty = (text) => text === "" || text === "–";
  for (const table of all("table.sortable")) {
    const heads = all("th", table), body = table.tBodies[0];
    heads.forEach((head, column) => {
      one("button", head).addEventListener("click", () => {
        const up = head.ariaSort !== "ascending";
        heads.forEach((other) => { other.ariaSort = "none"; });
        head.ariaSort = up ? "ascending" : "descending";
        const rows = [...body.rows].map((row) => [value(row, column), row]);
        rows.sort(([a], [b]) => empty(a[0]) - empty(b[0]) || (up ? compare(a, b) : compare(b, a)));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }
  for (const input of all("[data-table]")) {
    const id = input.dataset.table, body = one(`#${id}`).tBodies[0];
    const texts = new Map([...body.rows].map((row) => [row, row.textContent.toLowerCase()]));
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const [row, text] of texts) {
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      one(`[data-count="${id}"]`).value =
        shown === texts.size ? `${shown} rows` : `${shown} of ${texts.size} rows`;
    });
  }
  for (const button of all("[data-csv]")) {
    button.addEventListener("click", () => {
      const rows = all("tr", one(`#${button.dataset.csv}`)).filter((row) => !row.hidden);
      const quoted = (cell) => `"${cell.textContent.trim().replaceAll('"', '""')}"`;
      const lines = rows.map((row) => [...row.cells].map(quoted).join(","));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([lines.join("\r\n")], { type: "text/csv" }));
      link.download = `${button.dataset.csv}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  // On paper everything is open.
  addEventListener("beforeprint", () => all("details").forEach((d) => { d.open = true; }));
})();
