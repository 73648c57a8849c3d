"""Job ids and times that a page breaks over two lines: nobody copies such an id whole."""

_FOLDED = r"""
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
const whole = /^[0-9a-z]{10}$|\d\d:\d\d(:\d\d)?$|[۰-۹]{2}:[۰-۹]{2}(:[۰-۹]{2})?$/;
for (let node; (node = texts.nextNode());) {
  const cell = node.parentElement.closest("td");
  if (!cell || !whole.test(node.data.trim()) || node.data.trim().length > 24) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) found.push(node.data.trim());
}
return found;
"""


def folded(driver):
    """Return the ids and times in the tables of the open page that stand on more than one line."""
    return driver.execute_script(_FOLDED)
