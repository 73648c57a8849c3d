"""An owner's `.htaccess`: what leads to https or to the template itself goes, everything else stays as it was."""

import pytest

from controller.recipes.tree.htaccess import LEFT_OUT, OVER_HTTPS, PROOFS, SHORTENED, adapted, in_folder, with_proofs

HOSTS = ["www.shop.example", "shop.example:8080"]
#: As owners write them; nothing of a whole file is left.
GOES = {
    "https": "RewriteCond %{HTTPS} off\nRewriteRule ^(.*)$ https://%{HTTP_HOST}%{REQUEST_URI} [L,R=301]\n",
    "https by port": "RewriteCond %{SERVER_PORT} !^443$\nRewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [R,L]\n",
    "https behind a proxy": "RewriteCond %{HTTP:X-Forwarded-Proto} !https\nRewriteCond %{HTTPS} !=on\n"
    "RewriteRule .* https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n",
    "https of Cloudflare": 'RewriteCond %{HTTP:CF-Visitor} \'"scheme":"http"\'\n'
    "RewriteRule ^(.*)$ https://www.shop.example/$1 [L]\n",
    "https for a part": "RewriteCond %{HTTPS} =off\nRewriteRule ^(login|cart) https://shop.example/$1 [R=302,L]\n",
    "www": "RewriteCond %{HTTP_HOST} !^www\\. [NC]\nRewriteRule ^(.*)$ http://www.%{HTTP_HOST}/$1 [R=301,L]\n",
    "no www": "RewriteCond %{HTTP_HOST} ^www\\.(.+)$ [NC]\nRewriteRule ^ https://%1%{REQUEST_URI} [R=301,L]\n",
    "own name": 'RewriteCond "%{HTTP_HOST}" "!=www.shop.example"\n'
    'RewriteRule "^/?(.*)" "https://www.shop.example/$1" [L,R,NE]\n',
    "an old name": "RewriteCond %{HTTP_HOST} ^old\\.example$ [OR]\nRewriteCond %{HTTP_HOST} ^www\\.old\\.example$\n"
    "RewriteRule (.*) https://shop.example/$1 [R=301,L]\n",
    "another port": "RewriteCond %{SERVER_PORT} 80\nRewriteRule ^(.*)$ https://shop.example:443/$1 [R,L]\n",
    "not before the proofs": "RewriteCond %{REQUEST_URI} !^/\\.well-known/\n"
    "RewriteRule ^(.*)$ https://shop.example/$1 [R=301,L]\n",
    "in two lines": "RewriteCond %{HTTPS} off\nRewriteRule ^(.*)$ \\\n   https://%{HTTP_HOST}/$1 [R=301,L]\n",
    "small letters": "rewritecond %{https} off\nrewriterule ^(.*)$ HTTPS://SHOP.EXAMPLE/$1 [r=301,l]\n",
    "forbidden without": "RewriteCond %{HTTPS} !on\nRewriteRule ^ - [F]\n",
    "required": "SSLRequireSSL\n",
    "alias": "Redirect 301 / https://www.shop.example/\n",
    "alias in words": 'Redirect permanent "/" "https://shop.example/"\n',
    "alias without status": "Redirect / https://shop.example/\n",
    "alias for good": "RedirectPermanent / https://shop.example/\n",
    "alias by pattern": "RedirectMatch 301 ^/(.*)$ https://www.shop.example/$1\n",
    "sent to browsers": 'Header always set Content-Security-Policy "upgrade-insecure-requests;"\n',
    "sent to browsers over https": "Header set Content-Security-Policy upgrade-insecure-requests env=HTTPS\n",
}
#: What is not about scheme or host.
STAYS = {
    "another page": "RewriteRule ^old$ /new [R=301,L]\n",
    "another host": "RewriteRule ^forum/(.*)$ https://forum.example/$1 [R=301,L]\n",
    "a longer name": "RewriteRule ^x$ https://shop.example.net/x [R=301,L]\n",
    "a sub-domain": "RewriteRule ^x$ https://blog.shop.example/x [R=301,L]\n",
    "hot links": "RewriteCond %{HTTP_REFERER} !shop.example\nRewriteRule \\.jpg$ - [F]\n",
    "robots": "RewriteCond %{HTTP_USER_AGENT} badbot\nRewriteRule ^ - [F]\n",
    "a language": "RewriteCond %{HTTP:Accept-Language} ^fa\nRewriteRule ^$ /fa/ [R=302,L]\n",
    "pictures of one host": "RewriteCond %{HTTP_HOST} ^shop.example$\nRewriteRule ^a/(.*)$ img/$1 [L]\n",
    "gone": "Redirect gone /old\nRedirect 410 /older\nRedirectMatch 404 /\\.git\n",
    "alias elsewhere": "Redirect 301 / https://other.example/\n",
    "comments": "# RewriteCond %{HTTPS} off\n# RewriteRule ^(.*)$ https://shop.example/$1 [R]\n",
    "another policy": "Header set Content-Security-Policy \"default-src 'self'\"\n",
    "the panel's block": "# php -- BEGIN cPanel-generated handler, do not edit\nAddHandler x .php\n",
    "no end of line": "Options -Indexes",
    "other line ends": "Options -Indexes\r\nDirectoryIndex index.php\r\n",
    "nothing": "",
    "bytes": "# \udcff\udcfe\n",
}
SHORTER = {
    "RewriteRule ^old$ https://www.shop.example/new?a=1 [R=301,L]\n": "RewriteRule ^old$ /new?a=1 [R=301,L]\n",
    "RewriteRule ^shop/(.*)$ https://%{HTTP_HOST}/$1 [R=301,L]\n": "RewriteRule ^shop/(.*)$ /$1 [R=301,L]\n",
    "RewriteRule ^(.*)/$ %{REQUEST_SCHEME}://%{HTTP_HOST}/$1 [R]\n": "RewriteRule ^(.*)/$ /$1 [R]\n",
    'Redirect 301 "/old" "https://shop.example/new"\n': 'Redirect 301 "/old" "/new"\n',
    "RedirectMatch 302 ^/$ https://shop.example/en/\n": "RedirectMatch 302 ^/$ /en/\n",
    "RedirectTemp /x https://shop.example\n": "RedirectTemp /x /\n",
}


def coded(text):
    return text.encode("utf-8", "surrogateescape")


def of(text, folder=""):
    found = adapted(coded(text), HOSTS, folder)
    return found.content.decode("utf-8", "surrogateescape"), list(found.notes)


@pytest.mark.parametrize("name", GOES)
def test_what_leads_to_https_or_to_the_template_goes_with_its_conditions(name):
    assert of(GOES[name]) == ("", [LEFT_OUT])
    around = "RewriteEngine On\n", "RewriteCond %{REQUEST_URI} ^/x\nRewriteRule ^x$ y [L]\n"
    assert of(around[0] + GOES[name] + around[1]) == ("".join(around), [LEFT_OUT])


@pytest.mark.parametrize("name", STAYS)
def test_everything_else_stays_byte_for_byte(name):
    assert of(STAYS[name]) == (STAYS[name], [])


@pytest.mark.parametrize("line", SHORTER)
def test_redirects_to_own_pages_keep_the_visitors_scheme_and_host(line):
    assert of(line) == (SHORTER[line], [SHORTENED])


def test_a_shop_in_a_folder_moves_to_the_root_with_its_redirects():
    line = "Redirect 301 /shop/old https://shop.example/shop/new\n"
    assert moved(of(line, "/shop")[0], "/shop/", "/") == "Redirect 301 /old /new\n"
    assert of("Redirect 301 /x https://shop.example/shopping\n", "/shop")[0] == "Redirect 301 /x /shopping\n"


def test_rules_that_pass_over_others_pass_over_as_many_as_before():
    text = f"RewriteCond %{{REQUEST_URI}} ^/x\nRewriteRule ^ - [S=1]\n{GOES['https']}RewriteRule ^y$ z [L]\n"
    assert of(text)[0].splitlines()[2:] == ["RewriteRule ^ -", "RewriteRule ^y$ z [L]"]


def test_a_policy_loses_nothing_but_what_asks_for_https():
    line = "Header set Content-Security-Policy \"default-src 'self'; upgrade-insecure-requests; img-src *\"\n"
    assert of(line)[0] == "Header set Content-Security-Policy \"default-src 'self'; img-src *\"\n"


def test_proofs_come_first_and_once():
    rules = b"RewriteEngine On\n"
    assert with_proofs(rules) == with_proofs(with_proofs(rules)) == PROOFS + rules


#: Rules that name paths of their domain, of a shop below %s, and lines with slashes that are none.
RULES = r"""
RewriteBase %s
RewriteRule . - [E=REWRITEBASE:%s]
RewriteRule ^api(?:/(.*))?$ %%{ENV:REWRITEBASE}dispatcher.php?url=$1 [QSA,L]
RewriteRule . %sindex.php [L]
RewriteRule ^old/(.*)$ "%snew/$1" [R=301]
RewriteCond %%{REQUEST_URI} !^%s(img|js)/
RewriteCond %%{REQUEST_URI} /img/
RewriteCond %%{DOCUMENT_ROOT}/x -f
  ErrorDocument 404 %sindex.php?controller=404
ErrorDocument 403 "no / entry"
ErrorDocument 500 https://status.example/
Redirect 301 %sa %sb
RedirectMatch ^%sc/(.*)$ %sd/$1
Redirect %se https://other.example/
Disallow: %s*?order=
Allow: */modules/*.css
# RewriteBase /
Header set Link "</x.css>; rel=preload"
RewriteRule ^x$ //cdn.example/x [R]
"""


def moved(text, old, new):
    template = in_folder(text.encode(), old, "1a2b3c4d")
    return template.replace(b"@@SL1a2b3c4d:base_uri:raw@@", new.encode()).decode()


def rules(base_uri):
    return RULES % ((base_uri,) * RULES.replace("%%", "").count("%s"))


@pytest.mark.parametrize("old", ["/", "/shop/", "/a/b/"])
@pytest.mark.parametrize("new", ["/", "/shop/", "/c.d/"])
def test_rules_that_name_paths_of_the_domain_go_to_wherever_the_shop_goes(old, new):
    assert moved(rules(old), old, new) == rules(new)


def test_rules_for_what_lies_next_to_the_folder_of_the_template_stay():
    others = "RewriteRule . /blog/index.php [L]\nRewriteRule ^shop/x$ - [F]\nErrorDocument 404 /shopping/x\n"
    assert moved(others, "/shop/", "/new/") == others


@pytest.mark.parametrize(
    "line",
    ["RewriteCond %{HTTP_REFERER} !^http://(www\\.)?shop\\.example/.*$ [NC]\n",
     'RewriteCond "%{HTTP_REFERER}" "!http://shop.example"\n',
     'SetEnvIfNoCase Referer "^http://shop.example/" own\n', "rewritecond %{http_referer} ^http://spam.example\n"],
)  # fmt: skip
def test_rules_about_the_page_before_hold_once_the_shop_has_https(line):
    found = adapted(line.encode(), HOSTS)
    assert found.content.decode() == line.replace("http://", "https?://")
    assert found.notes == [OVER_HTTPS]
    again = adapted(found.content, HOSTS)
    assert (again.content, again.notes) == (found.content, [])
