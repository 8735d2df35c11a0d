// The selection explorer: a person, the patches that are selected, and what these hold of what the caption names.
// State: items [{text, image, person, small, scores[layer][discard][patch]}], grid [rows, columns], layers [names],
// discards [ratios], item, layer, discard, retention; live, which a page without a kernel lacks.

const STYLE = `
.cis { font-size: .9rem; line-height: 1.4; color: inherit; max-width: 46rem; }
.cis-controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin-bottom: .6rem; }
.cis-controls label { display: grid; gap: .15rem; font-size: .8rem; min-width: 0; }
.cis select, .cis button, .cis input { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 4px; padding: .2rem .45rem; max-width: min(34rem, 82vw); }
.cis option { color: #111; background: #fff; }
.cis :focus-visible { outline: 3px solid #0173b2; outline-offset: 2px; }
.cis-view { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.cis svg { height: 300px; width: auto; border-radius: 4px; }
.cis-said { max-width: 24rem; }
`;
const SPACE = "http://www.w3.org/2000/svg";

function node(tag, properties = {}, ...children) {
  const out = Object.assign(document.createElement(tag), properties);
  out.append(...children);
  return out;
}

function drawing(tag, attributes) {
  const out = document.createElementNS(SPACE, tag);
  Object.entries(attributes).forEach(([key, value]) => out.setAttribute(key, value));
  return out;
}

// The numbers of the patches with the highest scores; of equal ones the first.
function selected(scores, retention) {
  const count = Math.max(1, Math.floor(scores.length * retention + 1e-9));
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, count);
}

function picture(item, grid, chosen) {
  const [rows, columns] = grid;
  const out = drawing("svg", { viewBox: `0 0 ${10 * columns} ${10 * rows}`, role: "img" });
  out.setAttribute("aria-label", `The image; ${chosen.length} of ${rows * columns} patches are selected`);
  out.append(drawing("image", {
    href: item.image, width: 10 * columns, height: 10 * rows, preserveAspectRatio: "none",
  }));
  for (let patch = 0; patch < rows * columns; patch += 1) {
    const on = chosen.includes(patch);
    out.append(drawing("rect", {
      x: 10 * (patch % columns), y: 10 * Math.floor(patch / columns), width: 10, height: 10,
      fill: on ? "none" : "#000", "fill-opacity": on ? 0 : .65, stroke: on ? "#de8f05" : "none", "stroke-width": .6,
    }));
  }
  return out;
}

function words(item, chosen, patches, label) {
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const small = sum(chosen.map((patch) => item.small[patch])) / (sum(item.small) || 1);
  const bare = chosen.filter((patch) => item.person[patch] === 0).length / chosen.length;
  return `${label}: ${chosen.length} of ${patches} patches hold ${(100 * small).toFixed(0)} % of the small things that `
    + `the caption names (any choice of as many: ${(100 * chosen.length / patches).toFixed(0)} %); `
    + `${(100 * bare).toFixed(0)} % of them show nothing of the person.`;
}

function chooser(label, options, change) {
  const select = node("select", { ariaLabel: label });
  options.forEach((text, value) => select.append(node("option", { value, textContent: text })));
  select.addEventListener("change", () => change(Number(select.value)));
  return { select, label: node("label", {}, label, select) };
}

// Only where a kernel composes: layers and a discard ratio of the reader's own.
function ask(model, show) {
  const blocks = node("input", { type: "text", maxLength: 40, value: "1, 2", ariaLabel: "Your own layers" });
  const ratio = node("input", { type: "number", min: 0, max: .95, step: .05, value: .25, ariaLabel: "Discard ratio" });
  const form = node("form", { className: "cis-controls" }, node("label", {}, "Your own layers", blocks),
    node("label", {}, "Discard ratio", ratio), node("button", { type: "submit", textContent: "Compose" }));
  const result = node("div", {});
  result.setAttribute("aria-live", "polite");
  let latest = null;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    latest = `${Date.now()}-${Math.random()}`;
    result.replaceChildren(node("p", { textContent: "Working …" }));
    model.send({ id: latest, item: model.get("item"), blocks: blocks.value, discard: Number(ratio.value) });
  });
  const hear = (message) => {
    if (message.id !== latest) return;
    if (message.kind === "answer") result.replaceChildren(...show(message.scores, message.note));
    else result.replaceChildren(node("p", { textContent: message.text }));
  };
  model.on("msg:custom", hear);
  return { element: node("section", {}, form, result), stop: () => model.off("msg:custom", hear) };
}

function render({ model, el }) {
  const items = model.get("items"), layers = model.get("layers"), discards = model.get("discards");
  const grid = model.get("grid"), patches = grid[0] * grid[1];
  const set = (key, value) => { model.set(key, value); model.save_changes(); };
  const person = chooser("Person", items.map((item, i) => `${i + 1}. ${item.text}`), (i) => set("item", i));
  const layer = chooser("Layers", layers, (i) => set("layer", i));
  const discard = chooser("Discard ratio", discards.map(String), (i) => set("discard", i));
  const slider = node("input", { type: "range", min: .1, max: 1, step: .05, ariaLabel: "Retention" });
  const told = node("span", {});
  slider.addEventListener("input", () => set("retention", Number(slider.value)));
  const status = node("div", {});
  status.setAttribute("aria-live", "polite");
  const controls = node("div", { className: "cis-controls" }, person.label, layer.label, discard.label,
    node("label", {}, told, slider));
  const frame = node("div", { className: "cis" }, node("style", { textContent: STYLE }), controls, status);
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Explorer of selected patches");
  const view = (scores, label) => {
    const item = items[model.get("item")], chosen = selected(scores, model.get("retention"));
    const said = node("p", { className: "cis-said", textContent: words(item, chosen, patches, label) });
    const shown = node("div", { className: "cis-view" }, picture(item, grid, chosen), said);
    return [node("p", { textContent: item.text }), shown];
  };
  const asking = model.get("live") ? ask(model, view) : null;
  if (asking) frame.append(asking.element);
  el.replaceChildren(frame);

  function draw() {
    const [i, l, d] = [model.get("item"), model.get("layer"), model.get("discard")];
    person.select.value = String(i);
    layer.select.value = String(l);
    discard.select.value = String(d);
    slider.value = String(model.get("retention"));
    told.textContent = `Retention ${Number(slider.value).toFixed(2)}`;
    status.replaceChildren(...view(items[i].scores[l][d], layers[l]));
  }
  ["item", "layer", "discard", "retention"].forEach((key) => model.on(`change:${key}`, draw));
  draw();
  return asking?.stop;
}

export default { render };
