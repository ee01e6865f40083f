for (const button of document.querySelectorAll(".filter button")) {
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll(".filter button")) other.classList.toggle("on", other === button);
    for (const card of document.querySelectorAll("article")) card.hidden = Boolean(button.dataset.kind) && card.dataset.kind !== button.dataset.kind;
  });
}
