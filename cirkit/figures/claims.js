// Buttons and a search field above the claims; without this script the whole table stands there.
for (const table of document.querySelectorAll("figure.cirkit table.claims")) {
  if (table.dataset.filtered) continue;
  table.dataset.filtered = "yes";
  const rows = [...table.tBodies[0].rows];
  const bar = document.createElement("div");
  bar.className = "claim-filter";
  const words = Object.assign(document.createElement("input"), { type: "search", placeholder: "filter by words" });
  words.setAttribute("aria-label", "filter claims by words");
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  let verdict = "";
  const show = () => {
    const wanted = words.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = (verdict && row.dataset.verdict !== verdict) || !row.textContent.toLowerCase().includes(wanted);
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length}`;
    for (const button of bar.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
    }
  };
  for (const name of ["", ...new Set(rows.map((row) => row.dataset.verdict))]) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name || "all" });
    button.dataset.verdict = name;
    button.onclick = () => { verdict = name; show(); };
    bar.append(button);
  }
  words.oninput = show;
  bar.append(words, count);
  table.parentElement.before(bar);
  show();
}
