"""What every application's walk shares: the order of its steps, the sign-in form and the pages of the back office."""

import time

PAGES = 10
#: Seconds after which a check for people believes that somebody is one.
SLOW_AS_A_PERSON = 3
FIRST = ("front", "product")


class Walker:
    """The walk through one shop. An application's own says what is in `SEEN`, its forms, and how its menu is read."""

    #: Steps of a whole walk, behind those of every walk.
    SEEN = ("category", "search", "cart", "registration")
    #: Selectors: name, password and button of the form, what only those see who are signed in, the form's complaint.
    NAME = PASSWORD = SUBMIT = INSIDE = COMPLAINT = ""

    def __init__(self, one):
        self._one, self._visitor, self._query = one, one.visitor, one.query

    def walk(self):
        """Take the steps."""
        one = self._one
        for name in (*FIRST, *(self.SEEN if one.whole else ()), "login"):
            one.do(name, getattr(self, name))
        if one.whole:
            pages = self._spread(self.menu())
            for number in range(PAGES):
                one.do(f"back office {number + 1}", lambda number=number: self._office(pages, number))

    def menu(self):
        """Return the addresses the back office's menu leads to."""
        raise NotImplementedError

    def form(self):
        """Open the form for signing in; return (page, field of the name, field of the password)."""
        page = self._visitor.open(self._one.row["admin_url"])
        return page, self._visitor.first(self.NAME), self._visitor.first(self.PASSWORD)

    def login(self):
        """The back office opens to the new owner."""
        visitor = self._visitor
        page, name, password = self.form()
        if name is None or password is None:
            page.faults.append("asks for no name and password")
            return page.row("login")
        visitor.fill(name, f"{self._one.row['account']}@example.com")
        visitor.fill(password, self._one.password)
        # "I am human" may be asked
        for box in visitor.all("form input[type='checkbox'], form [role='checkbox'][aria-checked='false']"):
            if box.is_displayed() and not box.is_selected():
                visitor.click(box)
        if visitor.all("form [role='checkbox']"):
            # The page asks the server for a key, which counts only for somebody as slow as a person
            visitor.until(
                lambda: [one for one in visitor.all("form input[id*='captcha']") if one.get_property("value")]
            )
            time.sleep(SLOW_AS_A_PERSON)
        visitor.click(visitor.first(self.SUBMIT))
        if not visitor.until(lambda: visitor.all(self.INSIDE), 90):
            page = visitor.look()
            error = visitor.first(self.COMPLAINT)
            page.faults.append(f"does not open: {error.text[:200] if error is not None else page.title}")
            return page.row("login")
        return visitor.look().row("login")

    def _spread(self, found):
        """Return ten of the addresses, spread over the menu."""
        step = max(1, len(found) / PAGES)
        chosen = (int(number * step) for number in range(PAGES))
        return list(dict.fromkeys(found[number] for number in chosen if number < len(found)))

    def _office(self, pages, number):
        if number >= len(pages):
            return "the menu has no more" if pages else "nobody got in"
        page = self._visitor.open(pages[number])
        if any("ERR_NAME_NOT_RESOLVED" in fault for fault in page.faults):
            return f"leads to another site, which cannot be reached here: {pages[number][-80:]}"
        # The form of an employee has the same fields, below the menu
        is_form = self._visitor.all(self.NAME) and self._visitor.all(self.PASSWORD)
        if is_form and not self._visitor.all(self.INSIDE):
            page.faults.append("asks to sign in again")
        return self.excused(page) or page.row(f"back office {number + 1}", title=page.title)

    def excused(self, page):
        """Return why the page's faults are none of the shop's; a false value where they are."""
        return ""
