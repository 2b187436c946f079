/* Runs before the first paint: a page that follows the system is dark or light from the start. */
(function () {
  "use strict";
  var page = document.documentElement;
  page.classList.add("js");
  if (page.dataset.theme !== "system") return;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function follow() { page.setAttribute("data-bs-theme", dark.matches ? "dark" : "light"); }
  dark.addEventListener("change", follow);
  follow();
})();
