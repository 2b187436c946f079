/* The palette: the search page in a dialog, opened by Ctrl-K or ⌘K and led by the arrow keys. */
(function () {
  "use strict";
  var dialog = document.getElementById("palette");
  if (!dialog || !dialog.showModal) return;
  var input = dialog.querySelector("input[name=q]");
  var isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  document.querySelectorAll("[data-key]").forEach(function (key) { if (isMac) key.textContent = "⌘ K"; });

  function links() { return Array.prototype.slice.call(dialog.querySelectorAll(".found-link")); }
  function open() {
    if (dialog.open) { dialog.close(); return; }
    waits = false;
    dialog.showModal();
    input.select();
    input.focus();
    window.htmx.trigger(input, "palette-open");
  }
  function move(step) {
    var all = links();
    if (!all.length) return;
    var place = all.indexOf(document.activeElement) + step;
    if (place < 0) input.focus();
    else all[Math.min(place, all.length - 1)].focus();
  }

  document.addEventListener("keydown", function (event) {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-palette-open]") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      open();
    }
  });
  dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", function (event) {
    /* A search field that holds text takes the first Escape for itself and empties; people mean the dialog. */
    if (event.key === "Escape") { event.preventDefault(); dialog.close(); }
    else if (event.key === "ArrowDown") { event.preventDefault(); move(1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); move(-1); }
    else if (event.key.length === 1 && event.target !== input && !event.ctrlKey && !event.metaKey) input.focus();
  });
  /* Enter opens the first thing found for exactly this text, as soon as it is there; once more, and the search page does
     the same. */
  var form = dialog.querySelector("form"), waits = false;
  form.addEventListener("submit", function (event) {
    if (waits) return;
    event.preventDefault();
    waits = true;
    goOn();
  });
  function goOn() {
    if (!waits || dialog.dataset.text !== input.value) return;
    var first = links()[0];
    if (first) first.click();
    else form.submit();
  }
  input.addEventListener("input", function () { waits = false; });
  /* Who has moved on to a link already stays on it when what is found comes anew. */
  var held = null;
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.target.id !== "palette-results") return;
    held = event.target.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.target.id !== "palette-results") return;
    if (held !== null) (links().find(function (link) { return link.getAttribute("href") === held; }) || input).focus();
    held = null;
    dialog.dataset.text = event.detail.requestConfig.parameters.get("q");
    document.getElementById("palette-said").textContent = event.target.querySelector("[data-found]").dataset.found;
    goOn();
  });
})();
