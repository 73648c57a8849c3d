"""What closes a developer's or unfinished site in a `.htaccess` is taken out; what guards parts of it stays."""

import pytest

from controller.recipes import living

ROOT, BELOW = b".htaccess", b"admin/.htaccess"


def left(content, path=ROOT):
    """Return (what stays, why something does not)."""
    plain = living.opened(path, content)
    return plain.content, list(plain.notes)


@pytest.mark.parametrize(
    "line",
    [
        b"SetEnv APP_ENV dev", b'SetEnv "PS_DEV_MODE" 1', b"  setenv SYMFONY_DEBUG 1",
        b"SetEnv WP_ENVIRONMENT_TYPE local",
        b"SetEnvIf Host ^localhost APP_ENV=dev", b"php_flag display_errors on", b"php_value error_reporting -1",
        b"php_value xdebug.mode debug", b"php_flag display_startup_errors On",
    ],
)  # fmt: skip
def test_a_developers_environment_and_shown_errors_go(line):
    assert left(b"Options -Indexes\n" + line + b"\nRewriteEngine on\n", BELOW) == (
        b"Options -Indexes\nRewriteEngine on\n", [living.DEVELOPMENT]
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        b"SetEnv HTTP_MOD_REWRITE On", b"php_value memory_limit 512M", b"SetEnv no-gzip 1", b"# SetEnv APP_ENV dev",
        b"SetEnvIf Request_URI x APPLE", b"SetEnv MY_APP_ENVELOPE 1",
    ],
)  # fmt: skip
def test_other_variables_and_limits_stay(line):
    assert left(line + b"\n") == (line + b"\n", [])


def test_the_password_before_pages_goes_wherever_it_is_asked():
    asks = b'AuthType Basic\nAuthName "staging"\nAuthUserFile /home/x/.htpasswd\nRequire valid-user\n'
    assert left(b"Options -Indexes\n" + asks, BELOW) == (b"Options -Indexes\n", [living.PASSWORD])
    assert left(b"Require all granted\nAuthType None\n") == (b"Require all granted\nAuthType None\n", [])


@pytest.mark.parametrize(
    "closed",
    [
        b"Order deny,allow\nDeny from all\nAllow from 1.2.3.4\n", b"Require ip 1.2.3.4\n", b"Require local\n",
        b"<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>\n",
    ],
)  # fmt: skip
def test_a_site_that_lets_in_some_addresses_alone_lets_in_all(closed):
    content, notes = left(closed + b"RewriteEngine on\n")
    assert notes == [living.ADDRESSES]
    assert b"1.2.3.4" not in content and b"local" not in content and b"denied" not in content
    assert content.endswith(b"RewriteEngine on\n")


@pytest.mark.parametrize(
    "guard",
    [
        b'<Files ".env">\nRequire all denied\n</Files>\n',
        b'<FilesMatch "\\.(log|sql)$">\n<IfModule x>\nOrder allow,deny\nDeny from all\n</IfModule>\n</FilesMatch>\n',
        b"Order allow,deny\nAllow from all\nDeny from 6.6.6.6\n",
        b"<RequireAll>\nRequire all granted\nRequire not ip 6.6.6.6\n</RequireAll>\n",
    ],
)  # fmt: skip
def test_guards_of_parts_and_of_single_addresses_stay(guard):
    assert left(guard) == (guard, [])


def test_a_folder_that_nobody_may_enter_stays_closed():
    assert left(b"Deny from all\n", b"app/.htaccess") == (b"Deny from all\n", [])


def test_rules_that_lead_others_to_a_notice_go_with_their_conditions():
    notice = (
        b"RewriteCond %{REMOTE_ADDR} !^1\\.2\\.3\\.4$\nRewriteCond %{REQUEST_URI} !/maintenance.html$\n"
        b"RewriteRule .* /maintenance.html [R=302,L]\n"
    )
    own = b"RewriteCond %{REQUEST_FILENAME} -f\nRewriteRule .* - [L]\n"
    assert left(b"RewriteEngine on\n" + notice + own) == (b"RewriteEngine on\n" + own, [living.MAINTENANCE])
    refused = b"RewriteCond %{REMOTE_ADDR} !^1\\.2\\.3\\.4$\nRewriteRule ^ - [F]\n"
    assert left(refused + own) == (own, [living.MAINTENANCE])
    banned = b"RewriteCond %{REMOTE_ADDR} ^6\\.6\\.6\\.6$\nRewriteRule ^ - [F]\n"
    assert left(banned + own) == (banned + own, [])


@pytest.mark.parametrize(
    "closed",
    [
        b"<RequireAll>\nRequire ip 1.2.3.4\n</RequireAll>\n",
        b"<RequireAny>\n# office\n  <RequireAll>\nRequire ip 1.2.3.4\n  </RequireAll>\n\n"
        b"Require local\n</RequireAny>\n",
        b"<RequireAny>\nAuthType Basic\nAuthUserFile /home/x/.htpasswd\nRequire valid-user\n</RequireAny>\n",
    ],
)
def test_sections_that_are_left_empty_go_since_apache_answers_500_for_them(closed):
    own = b"<IfModule mod_rewrite.c>\nRewriteEngine on\n</IfModule>\n"
    content, notes = left(closed + own)
    assert b"Require" not in content and content.endswith(own) and notes


def test_a_section_that_still_requires_something_stays():
    mixed = b"<RequireAny>\nRequire ip 1.2.3.4\nRequire env LET_IN\n</RequireAny>\n"
    assert left(mixed)[0] == b"<RequireAny>\nRequire env LET_IN\n</RequireAny>\n"


@pytest.mark.parametrize(
    "rule", [b"^(.*)$ /wait.html [R=302,L]", b".* https://elsewhere.example/ [R,L]", b"^ other/ [L]"]
)
def test_all_but_some_addresses_are_led_nowhere_else(rule):
    only = b"RewriteCond %{REMOTE_ADDR} !=1.2.3.4\nRewriteRule " + rule + b"\n"
    assert left(only) == (b"", [living.MAINTENANCE])
    some = b"RewriteCond %{REMOTE_ADDR} !=1.2.3.4\nRewriteRule ^secret/ /wait.html [L]\n"
    assert left(some) == (some, [])


def test_who_lacks_a_cookie_is_led_to_no_notice():
    preview = b"RewriteCond %{HTTP_COOKIE} !preview=1 [NC]\nRewriteRule ^ /coming-soon.html [L]\n"
    assert left(preview) == (b"", [living.MAINTENANCE])
    chosen = b"RewriteCond %{HTTP_COOKIE} !lang=\nRewriteRule ^$ /en/ [R,L]\n"
    assert left(chosen) == (chosen, [])
