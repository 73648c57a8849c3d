// Keeps elements with data-live fresh: fetches the same part of the page again and changes what differs.
"use strict";

(() => {
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;

  // Changes `old` into `fresh` in place, so that progress bars glide and focus stays where it is.
  const morph = (old, fresh) => {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) return;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    after.forEach((node, index) => {
      const there = before[index];
      if (!there) old.append(node);
      else if (same(there, node)) morph(there, node);
      else there.replaceWith(node);
    });
    before.slice(after.length).forEach((node) => node.remove());
  };

  const follow = async (part) => {
    try {
      const answer = await fetch(part.dataset.live, { redirect: "manual" });
      // Signed out meanwhile: the page itself leads to the login
      if (answer.type === "opaqueredirect") {
        location.reload();
        return;
      }
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(part.id);
        if (fresh) morph(part, fresh);
      }
    } catch {
      // Offline for a moment: the next look will tell
    }
    wait(part);
  };

  const wait = (part) => {
    const seconds = Number(part.dataset.every);
    if (part.dataset.live && seconds > 0) setTimeout(() => (document.hidden ? wait(part) : follow(part)), seconds * 1000);
  };

  document.querySelectorAll("[data-live]").forEach(wait);
})();
