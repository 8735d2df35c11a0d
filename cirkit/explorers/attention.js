// The attention explorer: one caption or question, what each of its tokens attends to in the image, and the answer.
// State: items [{text, tokens, boxes, image}], models {name: [{weights, marks, answer, top}]}, images {row: url};
// live [names of models that can be asked], which a page without a kernel lacks.

const STYLE = `
.cia { font-size: .9rem; line-height: 1.4; color: inherit; max-width: 46rem; }
.cia-controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin-bottom: .6rem; }
.cia-controls label { display: grid; gap: .15rem; font-size: .8rem; min-width: 0; }
.cia select, .cia button, .cia input { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 4px; padding: .2rem .45rem; max-width: min(34rem, 82vw); }
.cia input[type="text"] { width: 24rem; }
.cia option { color: #111; background: #fff; }
.cia button[aria-pressed="true"] { border-width: 3px; font-weight: 600; }
.cia :focus-visible { outline: 3px solid #0173b2; outline-offset: 2px; }
.cia-tokens { display: flex; flex-wrap: wrap; gap: .3rem; margin: .4rem 0; }
.cia-view { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.cia svg { width: 220px; height: 220px; border-radius: 4px; }
.cia img { width: 60px !important; height: 60px !important; max-width: none !important; margin: 0 !important; }
.cia ol { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem; margin: .3rem 0 !important; padding: 0 !important; }
.cia li { border: 3px solid transparent; border-radius: 6px; }
.cia li.cia-own { border-color: #029e73; }
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

function picture(url, boxes, weights) {
  const out = drawing("svg", { viewBox: "0 0 100 100", role: "img" });
  const most = weights.indexOf(Math.max(...weights));
  out.setAttribute("aria-label", `The image; of its ${boxes.length} regions number ${most + 1} gets most attention`);
  out.append(drawing("image", { href: url, width: 100, height: 100, preserveAspectRatio: "none" }));
  boxes.forEach(([left, top, right, bottom], region) => {
    const frame = drawing("rect", {
      x: 100 * left, y: 100 * top, width: 100 * (right - left), height: 100 * (bottom - top), fill: "none",
      stroke: "#d55e00", "stroke-width": 6 * weights[region], "stroke-opacity": Math.min(1, .25 + weights[region]),
    });
    const title = drawing("title", {});
    title.textContent = `region ${region + 1}: ${(100 * weights[region]).toFixed(0)} % of the attention`;
    frame.append(title);
    out.append(frame);
  });
  return out;
}

function sentence(text, marks) {
  const out = node("p", {});
  const order = marks ? [...marks.keys()].sort((a, b) => marks[b] - marks[a]).slice(0, 3) : [];
  text.forEach((word, place) => out.append(node(order.includes(place) ? "strong" : "span", { textContent: word }), " "));
  return out;
}

function firsts(top, images, own) {
  const list = node("ol");
  top.forEach((row, place) => {
    const words = `rank ${place + 1}${row === own ? ", its own image" : ""}`;
    const inner = node("img", { src: images[row], alt: words, width: 60, height: 60 });
    list.append(node("li", { className: row === own ? "cia-own" : "", title: words }, inner));
  });
  return list;
}

function view(item, found, images, token, press) {
  const tokens = node("div", { className: "cia-tokens" });
  item.tokens.forEach((text, place) => {
    const button = node("button", { type: "button", textContent: text });
    button.setAttribute("aria-pressed", String(place === token));
    button.addEventListener("click", () => press(place));
    tokens.append(button);
  });
  const told = node("div", {}, node("p", { textContent: found.answer }));
  if (found.top.length) told.append(firsts(found.top, images, item.image));
  const shown = node("div", { className: "cia-view" });
  shown.append(picture(images[item.image], item.boxes, found.weights[token]), told);
  const parts = [tokens, shown];
  if (found.marks) parts.unshift(sentence(item.text, found.marks[token]));
  return parts;
}

function chooser(label, options, change) {
  const select = node("select", { ariaLabel: label });
  options.forEach((text, value) => select.append(node("option", { value, textContent: text })));
  select.addEventListener("change", () => change(Number(select.value)));
  return { select, label: node("label", {}, label, select) };
}

// Only where a kernel answers: a text of the reader's own about the image that is shown.
function ask(model, label) {
  const text = node("input", { type: "text", maxLength: 300 });
  const form = node("form", { className: "cia-controls" }, node("label", {}, label, text),
    node("button", { type: "submit", textContent: "Ask" }));
  const result = node("div", {});
  result.setAttribute("aria-live", "polite");
  let latest = null;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    latest = `${Date.now()}-${Math.random()}`;
    result.replaceChildren(node("p", { textContent: "Working …" }));
    model.send({ id: latest, model: model.get("model"), item: model.get("item"), text: text.value });
  });
  const hear = (message) => {
    if (message.id !== latest) return;
    if (message.kind !== "answer") { result.replaceChildren(node("p", { textContent: message.text })); return; }
    const draw = (token) => result.replaceChildren(...view(message.item, message.found, message.images, token, draw));
    draw(0);
  };
  model.on("msg:custom", hear);
  return { element: node("section", {}, form, result), stop: () => model.off("msg:custom", hear) };
}

function render({ model, el }) {
  const items = model.get("items");
  const names = Object.keys(model.get("models"));
  const live = model.get("live") ?? [];
  const set = (key, value) => { model.set(key, value); model.save_changes(); };
  const change = (key, value) => { if (key === "item") set("token", 0); set(key, value); };
  const itemChooser = chooser("Text", items.map((item, i) => `${i + 1}. ${item.text.join(" ")}`), (i) => change("item", i));
  const modelChooser = chooser("Score", names, (i) => change("model", names[i]));
  const status = node("div", {});
  status.setAttribute("aria-live", "polite");
  const controls = node("div", { className: "cia-controls" }, itemChooser.label, modelChooser.label);
  const frame = node("div", { className: "cia" }, node("style", { textContent: STYLE }), controls, status);
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Attention explorer");
  const asking = live.length ? ask(model, "Your own text about this image") : null;
  if (asking) frame.append(asking.element);
  el.replaceChildren(frame);

  function draw() {
    const [at, name] = [model.get("item"), model.get("model")];
    itemChooser.select.value = String(at);
    modelChooser.select.value = String(names.indexOf(name));
    const token = Math.min(model.get("token"), items[at].tokens.length - 1);
    const found = model.get("models")[name][at];
    status.replaceChildren(...view(items[at], found, model.get("images"), token, (place) => set("token", place)));
  }
  ["item", "model", "token"].forEach((key) => model.on(`change:${key}`, draw));
  draw();
  return asking?.stop;
}

export default { render };
