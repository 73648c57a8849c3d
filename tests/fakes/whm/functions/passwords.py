"""How strong a password is, from 0 to 100."""

import string

_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def strength(password):
    """Return a rating that grows with length and kinds of characters; 24 characters of four kinds have 100."""
    kinds = sum(any(one in group for one in password) for group in _CLASSES)
    kinds += any(not one.isalnum() for one in password)
    return min(100, min(len(password), 20) * 3 + kinds * 10)
