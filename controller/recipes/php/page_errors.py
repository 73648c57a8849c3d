"""Error texts that PHP and applications write into a page that failed in spite of its status."""

from __future__ import annotations

#: As PHP writes them into a page, with and without its markup: an article about errors would not contain them.
PHP_ERRORS = (
    "<b>Fatal error</b>: ",
    "<b>Parse error</b>: ",
    "<b>Recoverable fatal error</b>: ",
    "\nFatal error: Uncaught ",
)
#: The message for an address that only the rules of .htaccess resolve.
RULES = "the rules of .htaccess do not work: the web server needs mod_rewrite and AllowOverride for this folder"
