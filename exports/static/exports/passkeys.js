/* Connects the forms of passkeys with allauth's own functions; without this script, or in a browser that knows no
   passkeys, what needs them stays hidden and everything else works. */
(function () {
  "use strict";
  var begin = window.allauth && window.allauth.webauthn && window.allauth.webauthn.forms;
  if (!begin || !window.PublicKeyCredential) return;

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var kind = form.dataset.passkey;
    var wiring = { ids: { credential: form.querySelector("[name=credential]").id } };
    wiring.ids[kind] = form.querySelector("[data-passkey-start]").id;
    var alone = form.querySelector("[name=passwordless]");
    if (alone) wiring.ids.passwordless = alone.id;
    if (form.dataset.options) wiring.data = JSON.parse(form.dataset.options);
    begin[kind + "Form"](wiring);
  });
  document.querySelectorAll("[data-passkey-hidden]").forEach(function (node) { node.hidden = false; });
  document.querySelectorAll("[data-passkey-missing]").forEach(function (node) { node.hidden = true; });

  /* Cancelled, timed out, or no key at hand: the browser has said so itself; the page says what to do now. */
  document.addEventListener("allauth.error", function (event) {
    event.preventDefault();
    document.querySelectorAll("[data-passkey-trouble]").forEach(function (node) { node.hidden = false; });
  });
})();
