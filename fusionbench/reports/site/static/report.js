"use strict";
// Three parts: every page sorts its tables and has a theme; a data set's page has the viewer, plots and samples.

(() => {
  const byId = (id) => document.getElementById(id);
  const element = (name, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  };
  const svg = (name, attributes, text = "") => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    return node;
  };
  const remembered = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* a page without a memory works, too */ } },
  };

  // ---- theme
  const theme = (name) => { if (name) document.documentElement.dataset.theme = name; };
  theme(remembered.get("fusionbench-theme"));
  byId("theme")?.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme
      ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    theme(next);
    remembered.set("fusionbench-theme", next);
  });

  // ---- sorting: numbers by data-value, text by itself; what has no value stays at the end
  document.addEventListener("click", (event) => {
    const head = event.target.closest("table[data-sortable] thead th");
    if (!head || !event.target.closest("button")) return;
    const table = head.closest("table");
    const place = [...head.parentNode.children].indexOf(head);
    const before = head.getAttribute("aria-sort");
    const first = head.dataset.better === "high" ? "descending" : "ascending";
    const order = before === null ? first : before === "ascending" ? "descending" : "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => {
      const cell = row.children[place];
      const value = cell?.dataset.value;
      return value === undefined ? cell?.textContent.trim() ?? "" : value === "" ? null : Number(value);
    };
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  });

  // ---- a data set
  window.fusionbench = (data) => {
    const first = data.columns.length - data.methods; // columns before it are sources
    const state = { sample: 0, left: 0, right: first, mode: "side", zoom: 1, x: 0, y: 0, sorted: first };
    const has = (column, sample) => data.pictures[column]?.[sample] === "1";
    const path = (folder, column, sample, suffix) => `${folder}/${data.dataset}/${column}/${sample}${suffix}`;
    const error = new Map(data.errors.map(([method, sample, text]) => [`${method} ${sample}`, text]));
    const score = (metric, column, sample) => column < first ? null : data.scores[metric][column - first][sample];
    const written = (value) => value === null ? "–" : Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
      ? value.toExponential(2) : value.toFixed(Math.abs(value) < 10 ? 3 : 2);

    const fill = (select, names, chosen) => {
      select.replaceChildren(...names.map((name, place) => element("option", { value: place, textContent: name })));
      select.value = chosen;
    };

    // -- viewer
    const stage = byId("stage");
    const panes = ["left", "right"].map((side) => {
      const root = byId(side);
      return { side, image: root.querySelector("img"), frame: root.querySelector(".frame"),
        choice: root.querySelector("select"), absent: root.querySelector(".absent") };
    });
    const place = () => {
      for (const { image, frame } of panes) {
        if (!image.naturalWidth) continue;
        const fit = Math.min(frame.clientWidth / image.naturalWidth, frame.clientHeight / image.naturalHeight);
        const scale = fit * state.zoom;
        const x = (frame.clientWidth - image.naturalWidth * scale) / 2 + state.x * frame.clientWidth;
        const y = (frame.clientHeight - image.naturalHeight * scale) / 2 + state.y * frame.clientHeight;
        image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
        image.classList.toggle("magnified", scale > 2);
      }
      byId("zoom").textContent = `${Math.round(state.zoom * 100)} %`;
    };
    const zoom = (factor, pane = panes[0], at = null) => {
      const next = Math.min(Math.max(state.zoom * factor, 1), 40);
      const ratio = next / state.zoom;
      // The point under the pointer stays where it is.
      const px = at ? (at.x / pane.frame.clientWidth) - 0.5 : 0;
      const py = at ? (at.y / pane.frame.clientHeight) - 0.5 : 0;
      state.x = px + (state.x - px) * ratio;
      state.y = py + (state.y - py) * ratio;
      state.zoom = next;
      if (next === 1) state.x = state.y = 0;
      place();
    };
    const readout = () => {
      const rows = ["left", "right"].map((side) => state[side]).filter((column) => column >= first);
      const table = byId("readout");
      table.replaceChildren();
      if (!rows.length || !data.metrics.length) return;
      table.append(element("thead", {}, element("tr", {}, element("th"),
        ...data.metrics.map((metric) => element("th", { scope: "col", textContent: metric.label })))));
      table.append(element("tbody", {}, ...rows.map((column) => element("tr", {},
        element("th", { scope: "row", textContent: data.columns[column] }),
        ...data.metrics.map((metric, place) => {
          const values = rows.map((other) => score(place, other, state.sample));
          const own = score(place, column, state.sample);
          const best = metric.better === null || values.length < 2 || values.includes(null) || values[0] === values[1]
            ? null : metric.better ? Math.max(...values) : Math.min(...values);
          return element("td", { textContent: written(own), className: own !== null && own === best ? "better" : "" });
        })))));
    };
    const show = () => {
      for (const { side, image, choice, absent } of panes) {
        const column = state[side];
        choice.value = column;
        const there = has(column, state.sample);
        image.hidden = !there;
        absent.hidden = there;
        image.alt = `${data.columns[column]}, sample ${data.samples[state.sample]}`;
        if (there) image.src = path("images", column, state.sample, data.suffix);
        else absent.textContent = error.get(`${column - first} ${state.sample}`) ?? `${data.columns[column]} has no picture of this sample.`;
      }
      byId("sample").value = state.sample;
      for (const row of byId("per-sample").tBodies[0].rows) row.toggleAttribute("aria-current", Number(row.dataset.sample) === state.sample);
      readout();
      place();
    };
    const go = (sample) => { state.sample = (sample + data.samples.length) % data.samples.length; show(); };
    let blinking = 0;
    const compare = (mode) => {
      state.mode = mode;
      stage.className = mode;
      byId("slider").hidden = mode !== "slider";
      for (const button of document.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", button.dataset.mode === mode);
      clearInterval(blinking);
      if (mode === "blink") blinking = setInterval(() => stage.classList.toggle("first"), 700);
      place();
    };
    const some = data.pictures.some((column) => column.includes("1"));
    byId("viewer").hidden = !some;
    byId("no-pictures").hidden = some;
    if (some) {
      state.left = first ? Math.min(1, first - 1) : first;
      state.right = first < data.columns.length ? first + data.best : 0;
      fill(byId("sample"), data.samples, 0);
      for (const pane of panes) {
        fill(pane.choice, data.columns, state[pane.side]);
        pane.choice.addEventListener("change", () => { state[pane.side] = Number(pane.choice.value); show(); });
        pane.image.addEventListener("load", () => {
          stage.style.setProperty("--ratio", pane.image.naturalWidth / pane.image.naturalHeight);
          place();
        });
        pane.frame.addEventListener("wheel", (event) => {
          event.preventDefault();
          const box = pane.frame.getBoundingClientRect();
          zoom(event.deltaY < 0 ? 1.25 : 0.8, pane, { x: event.clientX - box.left, y: event.clientY - box.top });
        }, { passive: false });
        pane.frame.addEventListener("pointerdown", (event) => {
          pane.frame.setPointerCapture(event.pointerId);
          const start = { x: event.clientX, y: event.clientY, from: { x: state.x, y: state.y } };
          const move = (now) => {
            state.x = start.from.x + (now.clientX - start.x) / pane.frame.clientWidth;
            state.y = start.from.y + (now.clientY - start.y) / pane.frame.clientHeight;
            place();
          };
          const end = () => { pane.frame.removeEventListener("pointermove", move); pane.frame.removeEventListener("pointerup", end); };
          pane.frame.addEventListener("pointermove", move);
          pane.frame.addEventListener("pointerup", end);
        });
      }
      byId("sample").addEventListener("change", (event) => go(Number(event.target.value)));
      byId("previous").addEventListener("click", () => go(state.sample - 1));
      byId("next").addEventListener("click", () => go(state.sample + 1));
      byId("in").addEventListener("click", () => zoom(1.5));
      byId("out").addEventListener("click", () => zoom(1 / 1.5));
      byId("fit").addEventListener("click", () => zoom(0));
      byId("slider").addEventListener("input", (event) => stage.style.setProperty("--split", `${event.target.value}%`));
      for (const button of document.querySelectorAll("[data-mode]")) button.addEventListener("click", () => compare(button.dataset.mode));
      new ResizeObserver(place).observe(stage);
      const turn = (step) => { state.right = (state.right + step + data.columns.length) % data.columns.length; show(); };
      const keys = { ArrowLeft: () => go(state.sample - 1), ArrowRight: () => go(state.sample + 1), "1": () => compare("side"),
        "2": () => compare("slider"), "3": () => compare("blink"), "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5),
        "0": () => zoom(0), "[": () => turn(-1), "]": () => turn(1) };
      document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
        if (event.target.matches("input") && event.key.startsWith("Arrow")) return; // moves the slider
        if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
      });
    }

    // -- distributions: quartiles, whiskers to the farthest value within 1.5 times their distance, and each value
    const quantile = (sorted, q) => {
      const at = (sorted.length - 1) * q, low = Math.floor(at);
      return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
    };
    const plot = (metric) => {
      const rows = data.scores[metric]?.map((values) => values.filter((value) => value !== null).sort((a, b) => a - b)) ?? [];
      const all = rows.flat();
      if (!all.length) { byId("plot").replaceChildren(); return; }
      const low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
      const width = 960, left = 190, step = 30, height = rows.length * step + 34;
      const x = (value) => left + 12 + (value - low) / span * (width - left - 36);
      const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Distribution of ${data.metrics[metric].label} over ${data.units}` });
      for (let tick = 0; tick <= 4; tick += 1) {
        const value = low + span * tick / 4;
        drawn.append(svg("line", { class: "axis", x1: x(value), x2: x(value), y1: 6, y2: height - 24 }),
          svg("text", { x: x(value), y: height - 8, "text-anchor": "middle" }, written(value)));
      }
      rows.forEach((values, place) => {
        const y = place * step + 21;
        const name = data.columns[first + place];
        drawn.append(svg("text", { class: "name", x: left, y: y + 4, "text-anchor": "end" }, name.length > 26 ? `${name.slice(0, 25)}…` : name));
        if (!values.length) return;
        for (const value of values.length <= 600 ? values : []) drawn.append(svg("circle", { class: "dot", cx: x(value), cy: y, r: 2 }));
        const [a, middle, b] = [0.25, 0.5, 0.75].map((q) => quantile(values, q));
        const reach = 1.5 * (b - a);
        const from = values.find((value) => value >= a - reach), to = values.findLast((value) => value <= b + reach);
        drawn.append(svg("line", { class: "box", x1: x(Math.min(from, a)), x2: x(Math.max(to, b)), y1: y, y2: y }),
          svg("rect", { class: "box", x: x(a), y: y - 8, width: Math.max(x(b) - x(a), 1), height: 16, rx: 3, "fill-opacity": .75 }),
          svg("line", { class: "median", x1: x(middle), x2: x(middle), y1: y - 8, y2: y + 8 }));
      });
      byId("plot").replaceChildren(drawn);
    };
    fill(byId("metric"), data.metrics.map((metric) => metric.label), 0);
    byId("metric").addEventListener("change", (event) => plot(Number(event.target.value)));
    if (data.metrics.length) plot(0);

    // -- samples
    const methods = data.columns.slice(first);
    const list = (column) => {
      const table = byId("per-sample");
      const head = (text, better) => {
        const cell = element("th", { scope: "col", className: better === undefined ? "text" : "" }, element("button", { type: "button", textContent: text }));
        if (better) cell.dataset.better = "high";
        return cell;
      };
      table.tHead.replaceChildren(element("tr", {}, head("Sample"), ...(some ? [element("th", { scope: "col" })] : []),
        ...data.metrics.map((metric) => head(metric.label, metric.better ?? false))));
      table.tBodies[0].replaceChildren(...data.samples.map((name, sample) => {
        const row = element("tr", {}, element("th", { scope: "row", textContent: name }));
        row.dataset.sample = sample;
        if (some) {
          const shown = has(column, sample) ? element("img", { src: path("thumbs", column, sample, ".jpg"), loading: "lazy", decoding: "async", alt: "" }) : "";
          row.append(element("td", {}, shown));
        }
        const why = error.get(`${column - first} ${sample}`);
        if (why !== undefined) row.append(element("td", { className: "failed", colSpan: data.metrics.length, textContent: why }));
        else data.metrics.forEach((_, metric) => {
          const value = score(metric, column, sample);
          const cell = element("td", { textContent: written(value) });
          cell.dataset.value = value ?? "";
          row.append(cell);
        });
        row.addEventListener("click", () => {
          if (!some) return;
          state.right = column;
          go(sample);
          byId("viewer").scrollIntoView({ behavior: "smooth" });
        });
        return row;
      }));
    };
    fill(byId("column"), methods, 0);
    byId("column").addEventListener("change", (event) => list(first + Number(event.target.value)));
    if (methods.length) list(first);
    if (some) show();
  };
})();
