/* Small helps on top of pages that work without them: true times, copying, quiet polling, announcements. */
(function () {
  "use strict";
  var words = document.body.dataset;
  var MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

  function fill(text, values) {
    return text.replace(/\{(\w+)\}/g, function (all, name) { return values[name]; });
  }

  /* Times drift: the server wrote "3 min ago" when the page was made. */
  function ago(passed) {
    if (passed < MINUTE) return words.wordNow;
    if (passed < HOUR) return fill(words.wordMinutesAgo, { n: Math.floor(passed / MINUTE) });
    if (passed < DAY) return fill(words.wordHoursAgo, { n: Math.floor(passed / HOUR) });
    if (passed < 8 * DAY) return fill(words.wordDaysAgo, { n: Math.floor(passed / DAY) });
    return null;
  }
  function left(rest) {
    if (rest <= 0) return words.wordLeftNone;
    if (rest < MINUTE) return words.wordLeftLittle;
    if (rest < HOUR) return fill(words.wordLeftMinutes, { n: Math.floor(rest / MINUTE) });
    if (rest < 2 * DAY) return fill(words.wordLeftHours, { h: Math.floor(rest / HOUR), m: Math.floor(rest / MINUTE) % 60 });
    return fill(words.wordLeftDays, { n: Math.floor(rest / DAY) });
  }
  function tick() {
    var now = Date.now();
    document.querySelectorAll("time[data-live]").forEach(function (node) {
      var at = Date.parse(node.dateTime);
      var kind = node.dataset.live;
      var text = kind === "ago" ? ago(now - at) : kind === "lasted" ? left(Math.max(now - at, 1)) : left(at - now);
      if (text && node.textContent !== text) node.textContent = text;
    });
  }
  window.setInterval(tick, 15000);

  /* A person without a chosen time zone sees times in the browser's own from the next page on. */
  try {
    var zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && document.cookie.indexOf("time_zone=" + zone) < 0) {
      document.cookie = "time_zone=" + zone + "; path=/; max-age=31536000; samesite=lax" +
        (location.protocol === "https:" ? "; secure" : "");
    }
  } catch (refused) { /* cookies may be off: times stay in UTC, which they say */ }

  document.addEventListener("click", function (event) {
    var copier = event.target.closest("[data-copy]");
    if (copier && navigator.clipboard) {
      navigator.clipboard.writeText(copier.dataset.copy).then(function () { announce(words.wordCopied); flash(copier); });
    }
    document.querySelectorAll("details.menu[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  function flash(button) {
    var label = button.querySelector("[data-label]");
    if (!label) return;
    var before = label.textContent;
    label.textContent = words.wordCopied;
    window.setTimeout(function () { label.textContent = before; }, 1500);
  }
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    var menu = document.querySelector("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  document.addEventListener("submit", function (event) {
    var question = event.submitter && event.submitter.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
  /* Filters answer at once; without scripts their button does it. Who goes through choices by keyboard is waited for,
     and finds the place again on the page that comes. */
  var PLACE = "filter in hand", byKey = false, soon = 0;
  document.addEventListener("keydown", function () { byKey = true; }, true);
  document.addEventListener("pointerdown", function () { byKey = false; }, true);
  document.addEventListener("change", function (event) {
    var field = event.target;
    if (!field.form || field.form.dataset.auto === undefined || field.type === "search") return;
    window.clearTimeout(soon);
    if (field.type === "date" && field.value && field.value < "1000") return; // the year is still being typed
    soon = window.setTimeout(function () {
      try { if (byKey) sessionStorage.setItem(PLACE, field.name); } catch (off) { /* then the page begins at its top */ }
      field.form.requestSubmit();
    }, byKey ? 700 : 0);
  });
  try {
    var place = sessionStorage.getItem(PLACE), filters = document.querySelector("form[data-auto]");
    sessionStorage.removeItem(PLACE);
    var those = place && filters ? Array.from(filters.elements).filter(function (one) { return one.name === place; }) : [];
    var field = those.find(function (one) { return one.checked; }) || those[0];
    if (field) field.focus();
  } catch (off) { /* nothing was kept */ }

  /* A browser that goes back fills filters as they were left; the list is that of the address. */
  window.addEventListener("pageshow", function (event) {
    var entry = performance.getEntriesByType("navigation")[0];
    if (!event.persisted && !(entry && entry.type === "back_forward")) return;
    document.querySelectorAll("form[data-auto]").forEach(function (form) { form.reset(); });
  });

  /* Who goes from "last month" to a calendar begins with last month's days, not with nothing. Before the form is
     asked for its preview, hence on the way down. */
  document.addEventListener("change", function (event) {
    var shown = document.getElementById("preview");
    if (event.target.name !== "range" || !shown || !shown.dataset.firstDay) return;
    var names = { days: ["first_day", "last_day"], exact: ["exact_from", "exact_to"] }[event.target.value] || [];
    var fields = names.map(function (name) { return event.target.form.elements[name]; });
    var filled = function (field) { return field.value === (field.dataset.filled || ""); };
    if (!fields.length || !fields.every(filled)) return;
    fields.forEach(function (field) {
      var name = field.name.replace(/_(\w)/, function (all, letter) { return letter.toUpperCase(); });
      field.value = field.dataset.filled = shown.dataset[name];
    });
    event.target.form.elements.exact_zone.value = "workspace";
  }, true);

  /* Enter in a field that has a button of its own means that button, not the first one of the form. Whoever still
     chooses Japanese characters ends that with it. */
  document.addEventListener("keydown", function (event) {
    var button = event.key === "Enter" && !event.isComposing && document.getElementById(event.target.dataset.enter || "");
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  /* A browser that goes back fills the form as it was left; what it would send was said of the form as it first came. */
  function isChanged(field) {
    if (field.options) return Array.from(field.options).some(function (one, at) {
      return one.selected !== (one.defaultSelected || (at === 0 && !field.querySelector("[selected]")));
    });
    return field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked
      : field.defaultValue !== undefined && field.value !== field.defaultValue;
  }
  window.addEventListener("pageshow", function () {
    var shown = document.getElementById("preview");
    var form = shown && shown.closest("form"); // the page of a file's rows calls them its preview, too
    if (form && Array.from(form.elements).some(isChanged)) {
      shown.dispatchEvent(new CustomEvent("portal:again"));
    }
  });

  /* A fault that the preview no longer finds is gone from its field, too. */
  document.addEventListener("htmx:oobAfterSwap", function (event) {
    var said = event.target;
    if (!said.hidden || !said.id) return;
    document.querySelectorAll("[aria-describedby~='" + said.id + "'].is-invalid").forEach(function (field) {
      field.classList.remove("is-invalid");
      field.removeAttribute("aria-invalid");
    });
  });

  /* After a refusal the first field to mend is where one goes on. */
  var wrong = Array.from(document.querySelectorAll("form [aria-invalid='true']")).find(function (field) {
    return field.offsetParent !== null;
  });
  if (wrong) wrong.focus();

  /* Sending one form loses what was typed into another: the browser asks first. */
  var unsaved = new Set();
  function keep(event) { if (unsaved.size) event.preventDefault(); }
  document.addEventListener("input", function (event) {
    if (!event.target.form || event.target.form.dataset.unsaved === undefined) return;
    unsaved.add(event.target.form);
    window.addEventListener("beforeunload", keep); // only now: browsers keep no page in memory that has one
  });
  document.addEventListener("submit", function (event) { unsaved.delete(event.target); });

  /* Who comes back to a page that starts a download, or loads it anew, doesn't want the file once more. */
  var once = document.querySelector("[data-instead]");
  if (once) window.history.replaceState(null, "", once.dataset.instead);

  /* A change of state is said once, when it happens, not at every look. */
  function announce(text) { document.getElementById("announce").textContent = text; }
  var known = {};
  function states() {
    var said = [];
    document.querySelectorAll("[data-state]").forEach(function (node) {
      var before = known[node.id];
      if (before && before !== node.dataset.state) {
        said.push(node.dataset.said);
        node.dispatchEvent(new CustomEvent("portal:changed", { bubbles: true }));
      }
      known[node.id] = node.dataset.state;
    });
    if (said.length) announce(said.join(" "));
  }
  states();
  document.addEventListener("htmx:afterSettle", function () {
    states();
    tick();
    var live = document.querySelector("[data-title]");
    if (live) document.title = live.dataset.title;
  });

  /* Hidden pages look a tenth as often. */
  var skipped = 0;
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (!document.hidden || !event.target.hasAttribute("data-poll")) return;
    skipped += 1;
    if (skipped % 10) event.preventDefault();
  });

  /* Nothing moves under a pressed finger or mouse button: what shifts between press and release takes the click away.
     What came meanwhile is asked for again; what polls does so by itself. */
  var pressed = false, late = [];
  document.addEventListener("pointerdown", function (event) {
    // The list of a select keeps the release to itself.
    pressed = event.button === 0 && event.target.closest("button, a, summary, label") !== null;
  }, true);
  function released() {
    // The click comes after the release.
    window.setTimeout(function () {
      pressed = false;
      late.splice(0).forEach(function (node) { node.dispatchEvent(new CustomEvent("portal:again")); });
    }, 0);
  }
  ["pointerup", "pointercancel", "contextmenu"].forEach(function (name) { document.addEventListener(name, released, true); });
  document.addEventListener("pointermove", function (event) { if (pressed && !event.buttons) released(); });
  window.addEventListener("blur", released);
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (!pressed) return;
    event.detail.shouldSwap = false;
    late.push(event.detail.requestConfig.elt);
  });

  /* What a person opened, chose or typed stays as it is when the page around it changes. */
  if (window.Idiomorph) {
    window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = function (name, node) {
      if (name === "open" && node.tagName === "DETAILS") return false;
      return true;
    };
    window.Idiomorph.defaults.callbacks.beforeNodeMorphed = function (before, after) {
      if (before.type === "checkbox" && before.name === "pick") after.checked = before.checked;
      return true;
    };
  }
})();
