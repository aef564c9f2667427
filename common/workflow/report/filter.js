"use strict";
// Filters the rows of each paper's numbers. Without this script the page shows all of them.
for (const section of document.querySelectorAll("section.values")) {
  const form = section.querySelector("form.filter");
  const rows = [...section.querySelectorAll("tbody")]; // one per printed number, its accepted outcomes within
  const shown = form.querySelector("output");
  const apply = () => {
    const { verdict, artefact, text } = form.elements;
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden =
        (verdict.value !== "" && row.dataset.verdict !== verdict.value) ||
        (artefact.value !== "" && row.dataset.artefact !== artefact.value) ||
        !words.every((word) => content.includes(word));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
  for (const link of document.querySelectorAll("a[data-verdict]")) {
    if (link.dataset.paper !== section.dataset.paper) continue;
    link.addEventListener("click", () => {
      form.reset();
      form.elements.verdict.value = link.dataset.verdict;
      setTimeout(apply);
    });
  }
}
// A printed page cannot be unfolded; provenance stays folded there, for it would be most of the paper.
window.addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not(.origin, .origin details)")) part.open = true;
});
