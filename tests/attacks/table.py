"""What an attack test is about, as the table of attacks tells it."""


def attack(operation, outcome):
    """Mark a test: somebody does `operation` (str), and `outcome` (str) happens instead of what was meant."""

    def mark(function):
        function.attack = (operation, outcome)
        return function

    return mark
