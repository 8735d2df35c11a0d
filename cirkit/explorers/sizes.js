// The explorer of prompt length and depth: a measure of each size that was run, its interval, and a training to watch.
// State: cells [{length, depth, mean, low, high, seeds}], measure, length, depth; live, which a page without a kernel lacks.

const STYLE = `
.cir { font-size: .9rem; line-height: 1.35; color: inherit; max-width: 44rem; }
.cir-controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin-bottom: .5rem; }
.cir-controls label { display: grid; gap: .15rem; font-size: .8rem; }
.cir select, .cir button { font: inherit; color: inherit; background: transparent; border: 1px solid currentColor;
  border-radius: 4px; padding: .25rem .5rem; }
.cir option { color: #111; background: #fff; }
.cir :focus-visible { outline: 3px solid #0173b2; outline-offset: 2px; }
.cir svg { display: block; width: 100%; height: auto; background: none; }
.cir svg text { fill: currentColor; font-size: 11px; }
`;
const WIDTH = 560, HEIGHT = 190, LEFT = 42, BOTTOM = 34, TOP = 10;

function node(tag, properties = {}, ...children) {
  const out = Object.assign(document.createElement(tag), properties);
  out.append(...children);
  return out;
}

function shape(tag, attributes, text = "") {
  const out = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, value);
  out.textContent = text;
  return out;
}

function words(cell, measure) {
  const seeds = `${cell.seeds} seed${cell.seeds > 1 ? "s" : ""}`;
  return `${measure} ${cell.mean.toFixed(1)}, 95 % interval ${cell.low.toFixed(1)} to ${cell.high.toFixed(1)}, ${seeds}`;
}

// All cells of one depth along the length, the chosen one filled.
function chart(cells, chosen, measure) {
  const lengths = cells.map((cell) => cell.length);
  const most = Math.max(...cells.map((cell) => cell.high)), least = Math.min(...cells.map((cell) => cell.low));
  const low = Math.max(0, least - (most - least) / 4 - 0.5), high = most + (most - least) / 4 + 0.5;
  const first = Math.min(...lengths), last = Math.max(...lengths);
  const x = (length) => LEFT + 20 + (last > first ? (length - first) / (last - first) : 0.5) * (WIDTH - LEFT - 40);
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const out = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  out.setAttribute("aria-label", `${measure} along prompt length`);
  for (const value of [low, (low + high) / 2, high]) {
    out.append(shape("line", { x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value), stroke: "currentColor", opacity: 0.2 }));
    out.append(shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(1)));
  }
  for (const cell of cells) {
    const mine = cell === chosen;
    const line = { x1: x(cell.length), x2: x(cell.length), y1: y(cell.low), y2: y(cell.high), stroke: "#0173b2" };
    out.append(shape("line", { ...line, "stroke-width": mine ? 5 : 3, opacity: mine ? 0.8 : 0.4 }));
    const dot = shape("circle", { cx: x(cell.length), cy: y(cell.mean), r: mine ? 6 : 4, fill: mine ? "#de8f05" : "#0173b2" });
    dot.append(shape("title", {}, words(cell, measure)));
    out.append(dot, shape("text", { x: x(cell.length), y: HEIGHT - 16, "text-anchor": "middle" }, String(cell.length)));
  }
  out.append(shape("text", { x: WIDTH / 2, y: HEIGHT - 2, "text-anchor": "middle" }, "prompt length"));
  return out;
}

function chooser(label, values, change) {
  const select = node("select", { ariaLabel: label });
  const fill = (options, value) => {
    select.replaceChildren(...options.map((option) => node("option", { value: option, textContent: String(option) })));
    select.value = String(value);
  };
  fill(values, values[0]);
  select.addEventListener("change", () => change(Number(select.value)));
  return { fill, label: node("label", {}, label, select) };
}

// Only where a kernel trains: the loss of each step as it comes, then the measure on queries of no run.
function training(model) {
  const button = node("button", { type: "button", textContent: "Train this size now" });
  const result = node("div", {});
  result.setAttribute("aria-live", "polite");
  let latest = null, losses = [];
  button.addEventListener("click", () => {
    latest = `${Date.now()}-${Math.random()}`;
    losses = [];
    button.disabled = true;
    result.replaceChildren(node("p", { textContent: "Preparing …" }));
    model.send({ id: latest, length: model.get("length"), depth: model.get("depth") });
  });
  const hear = (message) => {
    if (message.id !== latest) return;
    if (message.kind === "step") losses.push(message.loss);
    else button.disabled = false;
    const text = message.kind === "step" ? `step ${message.step} of ${message.steps}, loss ${message.loss.toFixed(3)}` : message.text;
    result.replaceChildren(node("p", { textContent: text }));
    if (losses.length > 1) result.append(curve(losses));
  };
  model.on("msg:custom", hear);
  return { element: node("section", {}, button, result), stop: () => model.off("msg:custom", hear) };
}

function curve(losses) {
  const most = Math.max(...losses), at = (value, i) =>
    `${(LEFT + (i / (losses.length - 1)) * (WIDTH - LEFT)).toFixed(1)},${(5 + (1 - value / most) * 80).toFixed(1)}`;
  const out = shape("svg", { viewBox: `0 0 ${WIDTH} 90`, role: "img", "aria-label": "training loss" });
  out.append(shape("polyline", { points: losses.map(at).join(" "), fill: "none", stroke: "#029e73", "stroke-width": 2 }));
  return out;
}

function render({ model, el }) {
  const cells = model.get("cells"), measure = model.get("measure");
  const depths = [...new Set(cells.map((cell) => cell.depth))].sort((a, b) => a - b);
  const of = (depth) => cells.filter((cell) => cell.depth === depth).sort((a, b) => a.length - b.length);
  const set = (values) => {
    for (const [key, value] of Object.entries(values)) model.set(key, value);
    model.save_changes();
    draw();
  };
  const depthChooser = chooser("Layers with prompts", depths, (depth) => {
    const lengths = of(depth).map((cell) => cell.length);
    const length = lengths.includes(model.get("length")) ? model.get("length") : lengths[0];
    set({ depth, length });
  });
  const lengthChooser = chooser("Prompts in each", [0], (length) => set({ length }));
  const status = node("div", {});
  status.setAttribute("aria-live", "polite");
  const controls = node("div", { className: "cir-controls" }, depthChooser.label, lengthChooser.label);
  const frame = node("div", { className: "cir" }, node("style", { textContent: STYLE }), controls, status);
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Explorer of prompt length and depth");
  const live = model.get("live") ? training(model) : null;
  if (live) frame.append(live.element);
  el.replaceChildren(frame);

  function draw() {
    const mine = of(model.get("depth"));
    const chosen = mine.find((cell) => cell.length === model.get("length")) ?? mine[0];
    depthChooser.fill(depths, chosen.depth);
    lengthChooser.fill(mine.map((cell) => cell.length), chosen.length);
    status.replaceChildren(chart(mine, chosen, measure), node("p", { className: "cir-said", textContent: words(chosen, measure) }));
  }
  draw();
  return live?.stop;
}

export default { render };
