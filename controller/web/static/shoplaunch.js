// Keeps elements with data-live fresh: fetches the same part of the page again and changes only what differs.
"use strict";

(() => {
  const KEYS = ["id", "data-job", "data-step", "data-refused"];
  const FIELDS = "input:not([type=hidden]), select, textarea";

  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;

  const keyOf = (node) => (isElement(node) ? KEYS.map((name) => node.getAttribute(name) ?? "").join("|") : "");

  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

  const isFocused = (node) => node.contains(document.activeElement);

  const isSelected = (node) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(node, true);
  };

  const isWritten = (field) =>
    field === document.activeElement ||
    field.value !== (field.defaultValue ?? field.value) ||
    field.checked !== field.defaultChecked;

  // What somebody has opened, writes into or has marked stays as it is, whatever came meanwhile.
  const isHeld = (node) => {
    if (!isElement(node)) return isSelected(node);
    if (node.matches("details")) return node.open;
    if (node.matches("form")) return [...node.querySelectorAll(FIELDS)].some(isWritten);
    return node.matches(FIELDS) && isWritten(node);
  };

  const holds = (node) => isHeld(node) || [...node.childNodes].some(holds);

  // Changes `old` into `fresh` in place, so that progress bars glide and focus stays where it is.
  const morph = (old, fresh) => {
    if (isHeld(old)) return;
    if (isElement(old)) {
      attributes(old, fresh);
      children(old, [...fresh.childNodes]);
    } else if (old.nodeValue !== fresh.nodeValue) {
      old.nodeValue = fresh.nodeValue;
    }
  };

  const attributes = (old, fresh) => {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  };

  const children = (old, fresh) => {
    const left = [...old.childNodes];
    const pairs = fresh.map((node) => {
      const at = left.findIndex((known) => same(known, node));
      return [at < 0 ? node : left.splice(at, 1)[0], node];
    });
    const [before, after] = [[...old.childNodes].filter(isSelected), pairs.map(([node]) => node)];
    // Of several that are marked none may move; they are put in order when nothing is marked any more
    if (before.length < 2) {
      left.filter((node) => !holds(node)).forEach((node) => node.remove());
      arrange(old, after);
    }
    for (const [node, from] of pairs) if (node !== from) morph(node, from);
  };

  // Puts the nodes in order around the one that has the focus or is marked: it would lose that if it moved.
  const arrange = (parent, nodes) => {
    if (nodes.length === 0) return;
    const fixed = Math.max(0, nodes.findIndex((node) => isFocused(node) || isSelected(node)));
    if (nodes[fixed].parentNode !== parent) parent.prepend(nodes[fixed]);
    for (let at = fixed - 1; at >= 0; at -= 1) if (nodes[at].nextSibling !== nodes[at + 1]) nodes[at + 1].before(nodes[at]);
    for (let at = fixed + 1; at < nodes.length; at += 1)
      if (nodes[at].previousSibling !== nodes[at - 1]) nodes[at - 1].after(nodes[at]);
  };

  const renew = (part, fresh) => {
    const focused = isFocused(part);
    morph(part, fresh);
    // What had the focus is no more: those who use a keyboard go on from here, not from the top of the page
    if (focused && !isFocused(part)) part.focus({ preventScroll: true });
  };

  const follow = async (part) => {
    try {
      const answer = await fetch(part.dataset.live, { redirect: "manual", headers: { "X-Shoplaunch-Live": "1" } });
      // Signed out meanwhile: the page itself leads to the login, but never away from what somebody writes
      if (answer.type === "opaqueredirect" && !holds(document.body)) {
        location.reload();
        return;
      }
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(part.id);
        if (fresh) renew(part, fresh);
      }
    } catch {
      // Offline for a moment: the next refresh will show it
    }
    wait(part);
  };

  const pause = document.getElementById("pause");

  const isPaused = () => document.hidden || pause?.getAttribute("aria-pressed") === "true";

  const wait = (part) => {
    const seconds = Number(part.dataset.every);
    if (part.dataset.live && seconds > 0) setTimeout(() => (isPaused() ? wait(part) : follow(part)), seconds * 1000);
  };

  document.querySelectorAll("[data-live]").forEach(wait);

  // A reader who is slow, or has the page read out, needs it to hold still
  if (pause) {
    pause.hidden = false;
    pause.addEventListener("click", () => {
      pause.setAttribute("aria-pressed", String(pause.getAttribute("aria-pressed") !== "true"));
    });
  }
})();
