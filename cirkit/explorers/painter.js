// The painter explorer: one caption under one score, the image of every stage, and where a word is attended to.
// State: captions [{text, words}], models {name: [{images: [url], stages: [{weights, first, maps}]}]}, caption, model,
// stage, word; maps {shape, step, steps}: bytes in base64, 128 for zero; live [names of models that can be asked],
// which a page without a kernel lacks.

const STYLE = `
.cip { font-size: .9rem; line-height: 1.4; color: inherit; max-width: 48rem; }
.cip-controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: end; margin-bottom: .6rem; }
.cip-controls label { display: grid; gap: .15rem; font-size: .8rem; min-width: 0; }
.cip select, .cip button, .cip input { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 4px; padding: .2rem .45rem; max-width: min(34rem, 82vw); }
.cip input[type="text"] { width: 24rem; }
.cip input[type="number"] { width: 7rem; }
.cip option { color: #111; background: #fff; }
.cip button[aria-pressed="true"] { border-width: 3px; font-weight: 600; }
.cip :focus-visible { outline: 3px solid #0173b2; outline-offset: 2px; }
.cip-words { display: flex; flex-wrap: wrap; gap: .3rem; margin: .4rem 0; }
.cip-view { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-end; }
.cip figure { margin: 0 !important; padding: 0; width: auto; text-align: center; }
.cip figcaption { font-size: .75rem; color: inherit; margin: .15rem 0 0; padding: 0; line-height: 1.3; }
.cip img, .cip-frame { width: 128px !important; height: 128px !important; max-width: none !important;
  margin: 0 !important; padding: 0 !important; display: block; border-radius: 3px; image-rendering: pixelated; }
.cip-frame { position: relative; }
.cip-frame, .cip-frame img { width: 256px !important; height: 256px !important; }
.cip-frame canvas { position: absolute; inset: 0; width: 100%; height: 100%; image-rendering: pixelated; }
`;
const SHADE = .75; // of what no place attends to

function node(tag, properties = {}, ...children) {
  const out = Object.assign(document.createElement(tag), properties);
  out.append(...children);
  return out;
}

// The map of one word, from 0 where it gets least of a place's attention to 1 where it gets most.
export function spread(maps, number) {
  const [, rows, columns] = maps.shape;
  const bytes = atob(maps.steps);
  const values = Array.from({ length: rows * columns }, (_, i) => bytes.charCodeAt(number * rows * columns + i));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { rows, columns, values: values.map((value) => (value - least) / Math.max(most - least, 1)) };
}

function shade({ rows, columns, values }) {
  const canvas = node("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  values.forEach((value, i) => { pixels.data[4 * i + 3] = Math.round(255 * SHADE * (1 - value)); });
  context.putImageData(pixels, 0, 0);
  return canvas;
}

// What the chosen word gets, as a sentence.
export function told(words, stage, word) {
  const share = stage.weights[word];
  const times = (share * words.length).toFixed(1);
  const kept = stage.first.includes(word) ? "Bright: places that attend to it most."
    : "No map of it is kept: others are attended to more.";
  return `“${words[word]}” gets ${(100 * share).toFixed(0)} % of the attention, ${times} × uniform. ${kept}`;
}

function view(caption, found, place, press) {
  const stage = found.stages[place.stage];
  const words = node("div", { className: "cip-words" });
  caption.words.forEach((text, i) => {
    const times = (stage.weights[i] * caption.words.length).toFixed(1);
    const button = node("button", { type: "button", textContent: `${text} ${times}×` });
    button.setAttribute("aria-pressed", String(i === place.word));
    button.addEventListener("click", () => press(i));
    words.append(button);
  });
  const shown = node("div", { className: "cip-view" });
  found.images.forEach((url, i) => shown.append(node("figure", {},
    node("img", { src: url, alt: `The image of stage ${i + 1}` }), node("figcaption", {}, `stage ${i + 1}`))));
  const number = stage.first.indexOf(place.word);
  const frame = node("div", { className: "cip-frame" }, node("img", { src: found.images[place.stage + 1], alt: "" }));
  if (number >= 0) frame.append(shade(spread(stage.maps, number)));
  frame.setAttribute("role", "img");
  const said = told(caption.words, stage, place.word);
  frame.setAttribute("aria-label", `The image of stage ${place.stage + 2}. ${said}`);
  shown.append(node("figure", {}, frame, node("figcaption", {}, `stage ${place.stage + 2}, “${caption.words[place.word]}”`)));
  return [words, shown, node("p", { textContent: said })];
}

function chooser(label, options, change) {
  const select = node("select", { ariaLabel: label });
  options.forEach((text, value) => select.append(node("option", { value, textContent: text })));
  select.addEventListener("change", () => change(Number(select.value)));
  return { select, label: node("label", {}, label, select) };
}

const strongest = (found, stage) => found.stages[stage].first[0] ?? 0;

// New content in its place; a button that had the focus hands it to the one that follows it there.
function replace(place, ...content) {
  const focused = [...place.querySelectorAll("button")].indexOf(document.activeElement);
  place.replaceChildren(...content);
  if (focused >= 0) place.querySelectorAll("button")[focused]?.focus();
}

// Only where a kernel paints: a caption of the reader's own under the score that is chosen above.
function ask(model) {
  const text = node("input", { type: "text", maxLength: 300, placeholder: "a small bird with a red breast" });
  const noise = node("input", { type: "number", min: 0, max: 999999, step: 1, value: 0 });
  const form = node("form", { className: "cip-controls" }, node("label", {}, "Your own caption", text),
    node("label", {}, "Noise, a number", noise), node("button", { type: "submit", textContent: "Paint" }));
  const result = node("div", {});
  result.setAttribute("aria-live", "polite");
  let latest = null;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    latest = `${Date.now()}-${Math.random()}`;
    result.replaceChildren(node("p", { textContent: "Working …" }));
    model.send({ id: latest, model: model.get("model"), text: text.value, noise: Number(noise.value) });
  });
  const hear = (message) => {
    if (message.id !== latest) return;
    if (message.kind !== "answer") { result.replaceChildren(node("p", { textContent: message.text })); return; }
    const stage = message.found.stages.length - 1;
    const draw = (word) => replace(result, node("p", { textContent: `${message.model}: ${message.note}` }),
      ...view(message.caption, message.found, { stage, word }, draw));
    draw(strongest(message.found, stage));
  };
  model.on("msg:custom", hear);
  return { element: node("section", {}, form, result), stop: () => model.off("msg:custom", hear) };
}

function render({ model, el }) {
  const captions = model.get("captions"), models = model.get("models"), names = Object.keys(models);
  const stages = models[names[0]][0].stages.length;
  const live = model.get("live") ?? [];
  const found = () => models[model.get("model")][model.get("caption")];
  let quiet = false;
  const set = (key, value) => {
    quiet = true; // one drawing for the choice and the word that goes with it
    model.set(key, value);
    if (key !== "word") model.set("word", strongest(found(), model.get("stage")));
    quiet = false;
    model.save_changes();
    draw();
  };
  const captionChooser = chooser("Caption", captions.map((each, i) => `${i + 1}. ${each.text}`), (i) => set("caption", i));
  const modelChooser = chooser("Score", names, (i) => set("model", names[i]));
  const stageChooser = chooser("Stage", Array.from({ length: stages }, (_, i) => `${i + 2}`), (i) => set("stage", i));
  const controls = node("div", { className: "cip-controls" }, captionChooser.label, modelChooser.label);
  if (stages > 1) controls.append(stageChooser.label);
  const status = node("div", {});
  status.setAttribute("aria-live", "polite");
  const frame = node("div", { className: "cip" }, node("style", { textContent: STYLE }), controls, status);
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Explorer of painted images");
  const asking = live.length ? ask(model) : null;
  if (asking) frame.append(asking.element);
  el.replaceChildren(frame);

  function draw() {
    if (quiet) return;
    const at = model.get("caption"), place = { stage: model.get("stage"), word: model.get("word") };
    captionChooser.select.value = String(at);
    modelChooser.select.value = String(names.indexOf(model.get("model")));
    stageChooser.select.value = String(place.stage);
    replace(status, ...view(captions[at], found(), place, (word) => set("word", word)));
  }
  ["caption", "model", "stage", "word"].forEach((key) => model.on(`change:${key}`, draw));
  draw();
  return asking?.stop;
}

export default { render };
