// The retrieval explorer: one question, the reference, and what each model puts first.
// State: queries [{text, reference, relevant}], models {name: [{top, scores, rank}]}, beside [names], pictures {row: url}.

const STYLE = `
.cir { font-size: .9rem; line-height: 1.35; color: inherit; max-width: 62rem; }
.cir-controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin-bottom: .75rem; }
.cir-controls label { display: grid; gap: .15rem; font-size: .8rem; flex: 0 1 auto; min-width: 0; }
.cir select, .cir button { font: inherit; color: inherit; background: transparent; border: 1px solid currentColor;
  border-radius: 4px; padding: .25rem .5rem; max-width: min(28rem, 82vw); }
.cir option { color: #111; background: #fff; }
.cir button:hover, .cir select:hover { background: color-mix(in srgb, currentColor 12%, transparent); }
.cir :focus-visible { outline: 3px solid #0173b2; outline-offset: 2px; }
.cir-asked { display: flex; gap: 1rem; align-items: center; margin: .25rem 0 .5rem; }
.cir figure { margin: 0 !important; padding: 0; width: auto; text-align: center; }
.cir-asked blockquote { margin: 0; padding: .25rem .75rem; border-left: 3px solid currentColor; font-size: 1.05rem;
  background: none; color: inherit; }
.cir img { width: 60px !important; height: 60px !important; max-width: none !important; object-fit: contain;
  display: block; border-radius: 3px; background: none !important; margin: 0 auto !important; padding: 0 !important; }
.cir-asked img { width: 84px !important; height: 84px !important; }
.cir section { border-top: 1px solid color-mix(in srgb, currentColor 30%, transparent); padding-top: .4rem; }
.cir-title { margin: 0 0 .3rem; font-weight: 600; }
.cir-title span { font-weight: 400; }
.cir ol { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(66px, 1fr)); gap: .2rem;
  margin: 0 0 .6rem !important; padding: 0 !important; }
.cir li { margin: 0; padding: 0 0 2px; border: 3px solid transparent; border-radius: 6px; }
.cir li.cir-right { border-color: #029e73; }
.cir figcaption { font-size: .75rem; color: inherit; margin: 0; padding: 0; line-height: 1.3; }
`;

function node(tag, properties = {}, ...children) {
  const out = Object.assign(document.createElement(tag), properties);
  out.append(...children);
  return out;
}

function picture(pictures, row, caption, description) {
  const image = node("img", { src: pictures[row], alt: description, width: 60, height: 60 });
  return node("figure", {}, image, node("figcaption", {}, caption));
}

function place(answer, count) {
  const rank = Number.isInteger(answer.rank) ? String(answer.rank) : answer.rank.toFixed(1);
  const where = answer.rank <= answer.top.length ? "framed below" : `not among the first ${answer.top.length}`;
  return `${count > 1 ? "the best right answer" : "the right answer"} is at rank ${rank} (${where})`;
}

function row(model, name, index) {
  const query = model.get("queries")[index];
  const answer = model.get("models")[name][index];
  const right = new Set(query.relevant.map(String));
  const title = node("p", { className: "cir-title" }, `${name}: `, node("span", {}, place(answer, right.size)));
  const list = node("ol");
  list.setAttribute("aria-label", `First ${answer.top.length} pictures of ${name}`);
  answer.top.forEach((item, position) => {
    const good = right.has(String(item));
    const said = `rank ${position + 1}, score ${answer.scores[position].toFixed(2)}${good ? ", a right answer" : ""}`;
    const figure = picture(model.get("pictures"), item, `${good ? "✓ " : ""}${position + 1}`, said);
    list.append(node("li", { className: good ? "cir-right" : "", title: said }, figure));
  });
  return node("section", {}, title, list);
}

function chooser(label, options, chosen, change) {
  const select = node("select", { ariaLabel: label });
  options.forEach((text, value) => select.append(node("option", { value, textContent: text })));
  select.value = String(chosen);
  select.addEventListener("change", () => change(Number(select.value)));
  return { select, label: node("label", {}, label, select) };
}

function render({ model, el }) {
  const queries = model.get("queries");
  const beside = model.get("beside");
  const names = Object.keys(model.get("models")).filter((name) => !beside.includes(name));
  const set = (key, value) => { model.set(key, value); model.save_changes(); draw(); };
  const step = (by) => set("query", (model.get("query") + by + queries.length) % queries.length);

  const asked = chooser("Question", queries.map((query, i) => `${i + 1}. ${query.text}`), model.get("query"),
    (value) => set("query", value));
  const shown = chooser("Model", names, names.indexOf(model.get("model")), (value) => set("model", names[value]));
  const before = node("button", { type: "button", textContent: "←", ariaLabel: "Previous question" });
  const after = node("button", { type: "button", textContent: "→", ariaLabel: "Next question" });
  before.addEventListener("click", () => step(-1));
  after.addEventListener("click", () => step(1));
  const status = node("div", {});
  status.setAttribute("aria-live", "polite");
  const controls = node("div", { className: "cir-controls" }, asked.label, before, after, shown.label);
  const frame = node("div", { className: "cir" }, node("style", { textContent: STYLE }), controls, status);
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Retrieval explorer");
  el.replaceChildren(frame);

  function draw() {
    const index = model.get("query");
    const query = queries[index];
    asked.select.value = String(index);
    shown.select.value = String(names.indexOf(model.get("model")));
    const question = node("div", { className: "cir-asked" });
    if (query.reference !== null) {
      question.append(picture(model.get("pictures"), query.reference, "reference", "The reference picture"));
    }
    question.append(node("blockquote", { textContent: query.text }), node("span", { textContent: "→" }));
    query.relevant.slice(0, 3).forEach((item) => {
      question.append(picture(model.get("pictures"), item, "✓ right answer", "A right answer"));
    });
    status.replaceChildren(question, ...[model.get("model"), ...beside].map((name) => row(model, name, index)));
  }
  model.on("change:query", draw);
  model.on("change:model", draw);
  draw();
}

export default { render };
