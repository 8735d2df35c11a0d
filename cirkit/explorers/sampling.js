// The sampling explorer: one query, and what CompoDiff ranks first under weights of guidance, steps and a condition.
// State: queries [{text, avoid, box, reference, relevant}], grid {image, text, calls}, top [query][cell] of gallery rows,
// rank [query][cell], images {row: url}, query, cell [image, text, calls, told]; live: whether a model can be asked.

const STYLE = `
.cis { font-size: .9rem; line-height: 1.35; color: inherit; max-width: 62rem; }
.cis-controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin-bottom: .75rem; }
.cis-controls label { display: grid; gap: .15rem; font-size: .8rem; min-width: 0; }
.cis-controls label.cis-told { display: flex; gap: .4rem; align-items: center; }
.cis select, .cis button, .cis input { font: inherit; color: inherit; background: transparent; }
.cis select, .cis button, .cis input[type="text"] { border: 1px solid currentColor; border-radius: 4px;
  padding: .25rem .5rem; max-width: min(28rem, 82vw); }
.cis input[type="range"] { width: 11rem; accent-color: #0173b2; }
.cis option { color: #111; background: #fff; }
.cis :focus-visible { outline: 3px solid #0173b2; outline-offset: 2px; }
.cis-query { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; margin: .25rem 0 .5rem; }
.cis figure { margin: 0 !important; padding: 0; width: auto; text-align: center; }
.cis img { width: 72px !important; height: 72px !important; max-width: none !important; object-fit: fill;
  display: block; border-radius: 3px; background: none !important; margin: 0 !important; padding: 0 !important; }
.cis-frame { position: relative; width: 72px; height: 72px; margin: 0 auto; touch-action: none; }
.cis-large, .cis-large img { width: 144px !important; height: 144px !important; }
.cis-box { position: absolute; border: 2px dashed #de8f05; background: rgb(222 143 5 / 25%); pointer-events: none; }
.cis blockquote { margin: 0; padding: .25rem .75rem; border-left: 3px solid currentColor; background: none;
  color: inherit; }
.cis ol { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem; margin: 0 0 .6rem !important;
  padding: 0 !important; }
.cis li { margin: 0; padding: 0 0 2px; border: 3px solid transparent; border-radius: 6px; }
.cis li.cis-relevant { border-color: #029e73; }
.cis figcaption { font-size: .75rem; color: inherit; margin: 0; padding: 0; line-height: 1.3; }
.cis-title { margin: .4rem 0 .3rem; font-weight: 600; }
`;

function node(tag, properties = {}, ...children) {
  const out = Object.assign(document.createElement(tag), properties);
  out.append(...children);
  return out;
}

function boxed(url, box, description, large = false) {
  const frame = node("div", { className: large ? "cis-frame cis-large" : "cis-frame" },
    node("img", { src: url, alt: description, draggable: false }));
  if (box) frame.append(overlay(box));
  return frame;
}

function overlay([left, top, right, bottom]) {
  const out = node("div", { className: "cis-box" });
  const percent = (value) => `${100 * value}%`;
  Object.assign(out.style, { left: percent(left), top: percent(top), width: percent(right - left),
    height: percent(bottom - top) });
  return out;
}

function figure(url, caption, box, description) {
  return node("figure", {}, boxed(url, box, description), node("figcaption", {}, caption));
}

function ranking(top, images, relevant) {
  const list = node("ol");
  list.setAttribute("aria-label", `First ${top.length} gallery images`);
  top.forEach((item, place) => {
    const good = relevant.has(String(item));
    const words = `rank ${place + 1}${good ? ", relevant" : ""}`;
    const shown = figure(images[item], `${good ? "✓ " : ""}${place + 1}`, null, words);
    list.append(node("li", { className: good ? "cis-relevant" : "", title: words }, shown));
  });
  return list;
}

function slider(label, values, chosen, change) {
  const output = node("output", { textContent: values[chosen] });
  const input = node("input", { type: "range", min: 0, max: values.length - 1, step: 1, value: chosen, ariaLabel: label });
  input.setAttribute("aria-valuetext", String(values[chosen]));
  input.addEventListener("input", () => change(Number(input.value)));
  const show = (index) => {
    input.value = String(index);
    output.textContent = values[index];
    input.setAttribute("aria-valuetext", String(values[index]));
  };
  return { label: node("label", {}, node("span", {}, `${label}: `, output), input), show };
}

// Only where a kernel answers: texts of the reader's own, and a box drawn on the reference image.
function ask(model) {
  const text = node("input", { type: "text", maxLength: 300, placeholder: "how the target differs" });
  const avoid = node("input", { type: "text", maxLength: 300, placeholder: "what it should not show" });
  const place = node("div", {});
  const form = node("form", { className: "cis-controls" }, node("label", {}, "Your text", text),
    node("label", {}, "Your negative text", avoid), node("button", { type: "submit", textContent: "Search" }));
  const result = node("div", {});
  result.setAttribute("aria-live", "polite");
  let latest = null;
  let box = null;

  function redraw() {
    box = null;
    const query = model.get("queries")[model.get("query")];
    const frame = boxed(model.get("images")[query.reference], null, "The reference image; drag to mark a region", true);
    let start = null;
    const at = (event) => {
      const { left, top, width, height } = frame.getBoundingClientRect();
      const inside = (value) => Math.min(1, Math.max(0, value));
      return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
    };
    const mark = () => {
      frame.querySelector(".cis-box")?.remove();
      if (box) frame.append(overlay(box));
    };
    frame.addEventListener("pointerdown", (event) => { start = at(event); box = null; mark(); });
    frame.addEventListener("pointermove", (event) => {
      if (!start) return;
      const end = at(event);
      const [x, y] = [0, 1].map((axis) => [start[axis], end[axis]].sort((one, other) => one - other));
      box = x[1] - x[0] > 0.02 && y[1] - y[0] > 0.02 ? [x[0], y[0], x[1], y[1]] : null;
      mark();
    });
    frame.addEventListener("pointerup", () => { start = null; });
    frame.addEventListener("pointerleave", () => { start = null; });
    place.replaceChildren(node("p", { textContent: "Drag on the image to mark the region that may change." }), frame);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    latest = `${Date.now()}-${Math.random()}`;
    result.replaceChildren(node("p", { textContent: "Searching …" }));
    model.send({ id: latest, query: model.get("query"), text: text.value, avoid: avoid.value, box, cell: model.get("cell") });
  });
  const hear = (message) => {
    if (message.id !== latest) return;
    if (message.kind !== "answer") { result.replaceChildren(node("p", { textContent: message.text })); return; }
    result.replaceChildren(node("p", { className: "cis-title", textContent: message.note }),
      ranking(message.top, message.images, new Set()));
  };
  model.on("msg:custom", hear);
  model.on("change:query", redraw);
  redraw();
  const title = node("p", { className: "cis-title", textContent: "Ask the model, under the weights and steps above" });
  return { element: node("section", {}, title, place, form, result), stop: () => model.off("msg:custom", hear) };
}

function render({ model, el }) {
  const queries = model.get("queries");
  const grid = model.get("grid");
  const names = ["image", "text", "calls"];
  const labels = { image: "Weight of the image", text: "Weight of the text", calls: "Steps" };
  const set = (key, value) => { model.set(key, value); model.save_changes(); draw(); };
  const turn = (axis, value) => set("cell", model.get("cell").map((old, i) => (i === axis ? value : old)));

  const select = node("select", { ariaLabel: "Query" });
  queries.forEach((query, i) => select.append(node("option", { value: i, textContent: `${i + 1}. ${query.text}` })));
  select.addEventListener("change", () => set("query", Number(select.value)));
  const sliders = names.map((name, axis) => slider(labels[name], grid[name], model.get("cell")[axis],
    (value) => turn(axis, value)));
  const told = node("input", { type: "checkbox" });
  const condition = node("span", {});
  told.addEventListener("change", () => turn(3, told.checked ? 1 : 0));
  const status = node("div", {});
  status.setAttribute("aria-live", "polite");
  const controls = node("div", { className: "cis-controls" }, node("label", {}, "Query", select),
    ...sliders.map((each) => each.label), node("label", { className: "cis-told" }, told, condition));
  const frame = node("div", { className: "cis" }, node("style", { textContent: STYLE }), controls, status);
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Sampling explorer");
  const asking = model.get("live") ? ask(model) : null;
  if (asking) frame.append(asking.element);
  el.replaceChildren(frame);

  function draw() {
    const index = model.get("query");
    const query = queries[index];
    const cell = model.get("cell");
    const [images, relevant] = [model.get("images"), new Set(query.relevant.map(String))];
    select.value = String(index);
    sliders.forEach((each, axis) => each.show(cell[axis]));
    told.checked = cell[3] === 1;
    condition.textContent = query.avoid === null ? "the mask is told" : `the negative text is told: “${query.avoid}”`;
    const flat = ((cell[3] * grid.image.length + cell[0]) * grid.text.length + cell[1]) * grid.calls.length + cell[2];
    const box = query.box && told.checked ? query.box : null;
    const shown = node("div", { className: "cis-query" },
      figure(images[query.reference], "reference", box, "The reference image"),
      node("blockquote", { textContent: query.text }), node("span", { textContent: "→" }));
    query.relevant.slice(0, 2).forEach((item) => shown.append(figure(images[item], "✓ target", null, "A target")));
    const rank = model.get("rank")[index][flat];
    const title = node("p", { className: "cis-title", textContent: `The best target is at rank ${rank}` });
    status.replaceChildren(shown, title, ranking(model.get("top")[index][flat], images, relevant));
  }
  model.on("change:query", draw);
  model.on("change:cell", draw);
  draw();
  return asking?.stop;
}

export default { render };
