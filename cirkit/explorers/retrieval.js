// The retrieval explorer: one query, its reference image, and what each model ranks first.
// State: queries [{text, reference, relevant}], models {name: [{top, scores, rank}]}, beside [names], images {row: url};
// live [names of models that can be asked], which a page without a kernel lacks.

const STYLE = `
.cir { font-size: .9rem; line-height: 1.35; color: inherit; max-width: 62rem; }
.cir-controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin-bottom: .75rem; }
.cir-controls label { display: grid; gap: .15rem; font-size: .8rem; flex: 0 1 auto; min-width: 0; }
.cir select, .cir button, .cir input { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 4px; padding: .25rem .5rem; max-width: min(28rem, 82vw); }
.cir input[type="text"] { width: 24rem; }
.cir option { color: #111; background: #fff; }
.cir button:hover, .cir select:hover { background: color-mix(in srgb, currentColor 12%, transparent); }
.cir :focus-visible { outline: 3px solid #0173b2; outline-offset: 2px; }
.cir-query { display: flex; gap: 1rem; align-items: center; margin: .25rem 0 .5rem; }
.cir figure { margin: 0 !important; padding: 0; width: auto; text-align: center; }
.cir-query blockquote { margin: 0; padding: .25rem .75rem; border-left: 3px solid currentColor; font-size: 1.05rem;
  background: none; color: inherit; }
.cir img { width: 60px !important; height: 60px !important; max-width: none !important; object-fit: contain;
  display: block; border-radius: 3px; background: none !important; margin: 0 auto !important; padding: 0 !important; }
.cir-query img { width: 84px !important; height: 84px !important; }
.cir section { border-top: 1px solid color-mix(in srgb, currentColor 30%, transparent); padding-top: .4rem; }
.cir-title { margin: 0 0 .3rem; font-weight: 600; }
.cir-title span { font-weight: 400; }
.cir ol { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(66px, 1fr)); gap: .2rem;
  margin: 0 0 .6rem !important; padding: 0 !important; }
.cir li { margin: 0; padding: 0 0 2px; border: 3px solid transparent; border-radius: 6px; }
.cir li.cir-relevant { border-color: #029e73; }
.cir figcaption { font-size: .75rem; color: inherit; margin: 0; padding: 0; line-height: 1.3; }
`;

function node(tag, properties = {}, ...children) {
  const out = Object.assign(document.createElement(tag), properties);
  out.append(...children);
  return out;
}

function image(url, caption, description) {
  const inner = node("img", { src: url, alt: description, width: 60, height: 60 });
  return node("figure", {}, inner, node("figcaption", {}, caption));
}

function ranking(name, answer, images, relevant) {
  const list = node("ol");
  list.setAttribute("aria-label", `First ${answer.top.length} gallery images of ${name}`);
  answer.top.forEach((item, position) => {
    const good = relevant.has(String(item));
    const words = `rank ${position + 1}, score ${answer.scores[position].toFixed(2)}${good ? ", relevant" : ""}`;
    const figure = image(images[item], `${good ? "✓ " : ""}${position + 1}`, words);
    list.append(node("li", { className: good ? "cir-relevant" : "", title: words }, figure));
  });
  return list;
}

function position(answer, count) {
  const rank = Number.isInteger(answer.rank) ? String(answer.rank) : answer.rank.toFixed(1);
  const where = answer.rank <= answer.top.length ? "framed below" : `not among the first ${answer.top.length}`;
  return `${count > 1 ? "the best relevant item" : "the target"} is at rank ${rank} (${where})`;
}

function row(model, name, index) {
  const relevant = new Set(model.get("queries")[index].relevant.map(String));
  const answer = model.get("models")[name][index];
  const title = node("p", { className: "cir-title" }, `${name}: `, node("span", {}, position(answer, relevant.size)));
  return node("section", {}, title, ranking(name, answer, model.get("images"), relevant));
}

function chooser(label, options, chosen, change) {
  const select = node("select", { ariaLabel: label });
  options.forEach((text, value) => select.append(node("option", { value, textContent: text })));
  select.value = String(chosen);
  select.addEventListener("change", () => change(Number(select.value)));
  return { select, label: node("label", {}, label, select) };
}

// Only where a kernel answers: a modification text and a reference image of the reader's own.
function ask(model, live) {
  const text = node("input", { type: "text", maxLength: 300, placeholder: "how the target differs" });
  const file = node("input", { type: "file", accept: "image/*" });
  const form = node("form", { className: "cir-controls" },
    node("label", {}, "Your modification text", text),
    node("label", {}, "Your reference image (else the one above)", file),
    node("button", { type: "submit", textContent: "Search" }));
  const result = node("div", {});
  result.setAttribute("aria-live", "polite");
  const say = (words) => result.replaceChildren(node("p", { textContent: words }));
  let latest = null;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const buffers = file.files.length ? [await file.files[0].arrayBuffer()] : [];
    latest = `${Date.now()}-${Math.random()}`;
    say("Searching …");
    const parts = { id: latest, model: model.get("model"), query: model.get("query"), text: text.value };
    model.send(parts, undefined, buffers);
  });
  const hear = (message) => {
    if (message.id !== latest) return;
    if (message.kind !== "answer") { say(message.text); return; }
    const query = node("div", { className: "cir-query" }, image(message.reference, "reference", "The reference image"),
      node("blockquote", { textContent: message.text }));
    const title = node("p", { className: "cir-title" }, `${message.model}: `, node("span", {}, message.note));
    const list = ranking(message.model, message, message.images, new Set());
    result.replaceChildren(query, node("section", {}, title, list));
  };
  model.on("msg:custom", hear);
  const whose = node("p", { className: "cir-title", textContent: `Ask ${live.join(", ")}` });
  return { element: node("section", { className: "cir-live" }, whose, form, result), stop: () => model.off("msg:custom", hear) };
}

function render({ model, el }) {
  const queries = model.get("queries");
  const beside = model.get("beside");
  const live = model.get("live") ?? [];
  const names = Object.keys(model.get("models")).filter((name) => !beside.includes(name));
  const set = (key, value) => { model.set(key, value); model.save_changes(); draw(); };
  const step = (by) => set("query", (model.get("query") + by + queries.length) % queries.length);

  const queryChooser = chooser("Query", queries.map((query, i) => `${i + 1}. ${query.text}`), model.get("query"),
    (value) => set("query", value));
  const modelChooser = chooser("Model", names, names.indexOf(model.get("model")), (value) => set("model", names[value]));
  const before = node("button", { type: "button", textContent: "←", ariaLabel: "Previous query" });
  const after = node("button", { type: "button", textContent: "→", ariaLabel: "Next query" });
  before.addEventListener("click", () => step(-1));
  after.addEventListener("click", () => step(1));
  const status = node("div", {});
  status.setAttribute("aria-live", "polite");
  const controls = node("div", { className: "cir-controls" }, queryChooser.label, before, after, modelChooser.label);
  const frame = node("div", { className: "cir" }, node("style", { textContent: STYLE }), controls, status);
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Retrieval explorer");
  const asking = live.length ? ask(model, live) : null;
  if (asking) frame.append(asking.element);
  el.replaceChildren(frame);

  function draw() {
    const index = model.get("query");
    const query = queries[index];
    const images = model.get("images");
    queryChooser.select.value = String(index);
    modelChooser.select.value = String(names.indexOf(model.get("model")));
    const shown = node("div", { className: "cir-query" });
    if (query.reference !== null) shown.append(image(images[query.reference], "reference", "The reference image"));
    shown.append(node("blockquote", { textContent: query.text }), node("span", { textContent: "→" }));
    const caption = query.relevant.length > 1 ? "✓ relevant" : "✓ target";
    query.relevant.slice(0, 3).forEach((item) => shown.append(image(images[item], caption, caption.slice(2))));
    status.replaceChildren(shown, ...[model.get("model"), ...beside].map((name) => row(model, name, index)));
  }
  model.on("change:query", draw);
  model.on("change:model", draw);
  draw();
  return asking?.stop;
}

export default { render };
