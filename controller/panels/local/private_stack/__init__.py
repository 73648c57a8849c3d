"""A private MariaDB, PHP-FPM and Apache below one directory."""
