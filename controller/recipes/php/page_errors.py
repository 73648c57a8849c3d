"""What PHP and applications write into a page that failed although its status says otherwise."""

from __future__ import annotations

#: As PHP writes them into a page, with its markup and without: what a text about errors would not hold.
PHP_ERRORS = (
    "<b>Fatal error</b>: ",
    "<b>Parse error</b>: ",
    "<b>Recoverable fatal error</b>: ",
    "\nFatal error: Uncaught ",
)
#: Said of an address that only the rules of .htaccess know.
RULES = "the rules of .htaccess do not work: the web server needs mod_rewrite and AllowOverride for this folder"
