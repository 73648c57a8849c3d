"""What an attack test is about, as the table of attacks tells it."""


def attack(deed, outcome):
    """Mark a test: somebody does `deed` (str), and `outcome` (str) happens instead of what was meant."""

    def mark(function):
        function.attack = (deed, outcome)
        return function

    return mark
