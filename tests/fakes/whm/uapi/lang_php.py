"""UAPI LangPHP: which PHP serves the site; setting it also rewrites cPanel's block in `.htaccess`, as the account."""

import re

from tests.fakes.whm import hands
from tests.fakes.whm.hands import FileError
from tests.fakes.whm.registry import numbered, uapi
from tests.fakes.whm.texts import Refusal

BLOCK = """# php -- BEGIN cPanel-generated handler, do not edit
# Set the “{name}” package as the default “PHP” programming language.
<IfModule mime_module>
  AddHandler application/x-httpd-{name}{handler} .php .php8 .phtml
</IfModule>
# php -- END cPanel-generated handler, do not edit
"""
INI_BLOCK = """# BEGIN cPanel-generated php ini directives, do not edit
# Manual editing of this file may result in unexpected behavior.
<IfModule lsapi_module>
   php_value max_execution_time 30
</IfModule>
# END cPanel-generated php ini directives, do not edit
"""
_INI_BLOCK = re.compile(r"# BEGIN cPanel-generated php ini.*?# END cPanel-generated php ini[^\n]*\n", re.S)
_BLOCK = re.compile(r"# php -- BEGIN cPanel-generated handler.*?# php -- END cPanel-generated handler[^\n]*\n", re.S)


@uapi("LangPHP", "php_get_installed_versions", feature="multiphp")
def php_get_installed_versions(double, _account, _args):
    """Return the names of the versions."""
    return {"versions": sorted(double.engine.php_versions())}


@uapi("LangPHP", "php_get_vhost_versions", feature="multiphp")
def php_get_vhost_versions(double, account, _args):
    """Return which version serves which site."""
    return [
        {
            "vhost": account.domain,
            "version": account.php,
            "account": account.user,
            "account_owner": account.owner,
            "documentroot": account.document_root_path,
            "homedir": account.home,
            "main_domain": double.quirks.number(1),
            "php_fpm": double.quirks.number(1),
            "php_fpm_pool_parms": {},
            "phpversion_source": {"domain": account.domain},
            "is_suspended": double.quirks.number(1 if account.suspended else 0),
        }
    ]


@uapi("LangPHP", "php_set_vhost_versions", ("version",), ("vhost", "vhost-*"), feature="multiphp", changes=True)
def php_set_vhost_versions(double, account, args):
    """Another version serves the sites."""
    sites = numbered(args, "vhost")
    if not sites:
        raise Refusal("parameter_missing", name="vhost")
    for site in sites:
        if site != account.domain:
            raise Refusal("domain_foreign", name=site)
    if args["version"] not in double.engine.php_versions():
        raise Refusal("version_missing", name=args["version"])
    with account.guard:
        double.engine.set_php(account, args["version"])
        account.php = args["version"]
        write_block(double, account)
    return {"vhosts": sites}


def write_block(double, account):
    """The account's `.htaccess` has the host's own block, once; everything else in it stays."""
    path = f"{account.document_root_path}/.htaccess"
    try:
        before = hands.read(account, path).decode("utf-8", "surrogateescape")
    except FileError:
        before = ""
    after = _BLOCK.sub("", _INI_BLOCK.sub("", before)).rstrip("\n")
    quirks = double.quirks
    text = (after + "\n\n" if after else "") + (INI_BLOCK + "\n" if quirks.php_ini_block else "")
    text += BLOCK.format(name=account.php, handler=quirks.php_handler)
    hands.run(account, "write", path, content=text.encode("utf-8", "surrogateescape"), mode=0o644)
