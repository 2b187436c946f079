/* While people wait: the tab's title and, for who wants it, a message on the desktop; and choosing rows of the list. */
(function () {
  "use strict";
  var words = document.body.dataset;
  var ENDED = ["ready", "failed"];

  /* The choice is kept in this browser: it is about this computer, not about the person. */
  function wanted() {
    try { return localStorage.getItem("notify") === "on" && Notification.permission === "granted"; } catch (off) { return false; }
  }
  function keep(on) {
    try { localStorage.setItem("notify", on ? "on" : "off"); } catch (off) { /* then it lasts as long as the page */ }
  }
  function say(text) { document.getElementById("announce").textContent = text; }
  function show() {
    document.querySelectorAll("[data-notify]").forEach(function (button) {
      button.setAttribute("aria-pressed", wanted() ? "true" : "false");
    });
  }
  if ("Notification" in window && window.isSecureContext) {
    document.documentElement.classList.add("can-notify");
    document.addEventListener("click", function (event) {
      var button = event.target.closest("[data-notify]");
      if (!button) return;
      if (wanted()) { keep(false); show(); return; }
      Notification.requestPermission().then(function (answer) {
        keep(answer === "granted");
        say(answer === "granted" ? words.wordNotifyOn : words.wordNotifyRefused);
        show();
      });
    });
    show();
  }

  /* What ended while nobody looked stands in the title until somebody does. */
  var news = 0;
  var title = document.title;
  function retitle() {
    var live = document.querySelector("[data-title]");
    title = live ? live.dataset.title : title;
    document.title = news && !live ? "(" + news + ") " + title : title;
  }
  document.addEventListener("portal:changed", function (event) {
    var node = event.target;
    if (ENDED.indexOf(node.dataset.state) < 0) return;
    /* "Queued" above "Ready" would contradict it. */
    if (node.dataset.title) document.querySelectorAll("main > .notices").forEach(function (told) { told.remove(); });
    if (document.hidden) { news += 1; retitle(); }
    if (node.dataset.mine === undefined || !wanted()) return;
    var message = new Notification(node.dataset.said, { tag: node.id, icon: document.querySelector("link[rel=icon]").href });
    message.onclick = function () { window.focus(); location.href = node.dataset.url; message.close(); };
  });
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) { news = 0; retitle(); }
  });

  /* Choosing rows. */
  function boxes() { return Array.prototype.slice.call(document.querySelectorAll("input[name=pick]")); }
  function count() {
    var bar = document.querySelector("[data-picked]");
    if (!bar) return;
    var all = boxes(), picked = all.filter(function (box) { return box.checked; });
    bar.textContent = bar.dataset.picked.replace("{n}", picked.length);
    /* A deed that only some of them allow says for how many it is. */
    document.querySelectorAll(".bulk [data-for]").forEach(function (button) {
      var those = picked.filter(function (box) {
        return box.closest("[data-can]").dataset.can.split(" ").indexOf(button.dataset.for) >= 0;
      });
      button.querySelector("[data-number]").textContent = those.length < picked.length ? " (" + those.length + ")" : "";
    });
    var whole = document.querySelector("[data-pick-all]");
    if (whole) {
      whole.checked = picked.length > 0 && picked.length === all.length;
      whole.indeterminate = picked.length > 0 && picked.length < all.length;
    }
  }
  function pick(on) {
    boxes().forEach(function (box) { box.checked = on; });
    count();
  }
  document.addEventListener("change", function (event) {
    if (event.target.dataset.pickAll !== undefined) pick(event.target.checked);
    if (event.target.name === "pick") count();
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-pick-none]")) pick(false);
  });
  document.addEventListener("htmx:afterSettle", function () { show(); count(); retitle(); });
  count();
})();
