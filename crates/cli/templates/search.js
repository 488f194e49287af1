// Search in the pages: loads the one small file that lists the words beginning like the one typed.
(function () {
  "use strict";
  var form = document.querySelector("form.search");
  if (!form) return;
  var root = form.getAttribute("data-root");
  var input = form.querySelector("input");
  var list = form.querySelector("ul");
  var said = form.querySelector("p");
  var known = {}, asked = {}, shown = 20;
  form.hidden = false;

  function plain(text) {
    return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  }
  function words(text) {
    return plain(text).split(/[^\p{Alphabetic}\p{N}]+/u).filter(Boolean);
  }
  function isrc(text) {
    var code = text.toUpperCase().replace(/[^A-Z0-9]/g, "");
    return /^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$/.test(code) ? code : "";
  }
  function hex(text) {
    return Array.from(new TextEncoder().encode(text), function (byte) {
      return byte.toString(16).padStart(2, "0");
    }).join("");
  }
  window.streamledgerFound = function (file) {
    known[file[0]] = file[1];
    show();
  };
  function ask(key) {
    if (asked[key]) return;
    asked[key] = true;
    var script = document.createElement("script");
    script.src = root + "search/" + hex(key) + ".js";
    script.onerror = function () { window.streamledgerFound([key, []]); };
    document.head.appendChild(script);
  }
  function show() {
    var code = isrc(input.value);
    var wanted = words(input.value);
    // The longest word has the smallest file, as a rule.
    var longest = wanted.slice().sort(function (a, b) { return b.length - a.length; })[0] || "";
    list.replaceChildren();
    if (!code && Array.from(longest).length < 2) {
      said.textContent = "";
      return;
    }
    var key = code ? "isrc" + code.slice(-2) : Array.from(longest).slice(0, 2).join("");
    if (!known[key]) {
      ask(key);
      said.textContent = "Searching";
      return;
    }
    var found = known[key].filter(function (entry) {
      if (code) return entry[2] === "tracks/" + code + ".html";
      var has = words(entry[0] + " " + entry[1]);
      return wanted.every(function (word) {
        return has.some(function (other) { return other.startsWith(word); });
      });
    });
    found.slice(0, shown).forEach(function (entry) {
      var item = document.createElement("li"), link = document.createElement("a");
      link.href = root + entry[2];
      link.textContent = entry[0];
      item.append(link);
      if (entry[1]) item.append(" ", entry[1]);
      list.append(item);
    });
    said.textContent = found.length === 0 ? "Nothing found."
      : found.length > shown ? "The first " + shown + " of " + found.length + ": type more to narrow it down."
      : found.length === 1 ? "1 found." : found.length + " found.";
  }
  input.addEventListener("input", show);
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var first = list.querySelector("a");
    if (first) first.click();
  });
})();
