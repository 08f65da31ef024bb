(function () {
  var root = document.documentElement;
  var buttons = document.querySelectorAll("[data-language]");
  function show(language) {
    root.lang = language;
    buttons.forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    });
  }
  buttons.forEach(function (button) {
    button.addEventListener("click", function () { show(button.dataset.language); });
  });
  var asked = location.hash === "#ja" || location.hash === "#en" ? location.hash.slice(1) : "";
  show(asked || ((navigator.language || "").slice(0, 2) === "ja" ? "ja" : "en"));
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (one) { one.open = true; });
  });
})();
