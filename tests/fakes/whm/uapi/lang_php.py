"""UAPI LangPHP: which PHP serves the site; setting it also rewrites cPanel's block in `.htaccess`, as the account."""

import re

from tests.fakes.whm.protocol.registry import numbered, uapi
from tests.fakes.whm.protocol.texts import Refusal
from tests.fakes.whm.work import hands
from tests.fakes.whm.work.hands import FileError

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


def _hosts(account):
    """Return name -> (document root, PHP) of the account's virtual hosts; a parked domain has none."""
    found = {account.domain: (account.document_root_path, account.php)}
    return found | {site.name: (site.root, site.php) for site in account.sites.values() if site.kind != "parked"}


@uapi("LangPHP", "php_get_vhost_versions", feature="multiphp")
def php_get_vhost_versions(double, account, _args):
    """Return which version serves which site."""
    return [
        {
            "vhost": name,
            "version": version,
            "account": account.user,
            "account_owner": account.owner,
            "documentroot": root,
            "homedir": account.home,
            "main_domain": double.quirks.number(1 if name == account.domain else 0),
            "php_fpm": double.quirks.number(1),
            "php_fpm_pool_parms": {},
            "phpversion_source": {"domain": name} if name in account.php_chosen else {"system_default": 1},
            "is_suspended": double.quirks.number(1 if account.suspended else 0),
        }
        for name, (root, version) in _hosts(account).items()
    ]


@uapi("LangPHP", "php_set_vhost_versions", ("version",), ("vhost", "vhost-*"), feature="multiphp", changes=True)
def php_set_vhost_versions(double, account, args):
    """Another version serves the sites; here one PHP serves all of an account's, whatever is said of each."""
    names, hosts = numbered(args, "vhost"), _hosts(account)
    if not names:
        raise Refusal("parameter_missing", name="vhost")
    for name in names:
        if name not in hosts:
            raise Refusal("domain_foreign", name=name)
    if args["version"] not in double.engine.php_versions():
        raise Refusal("version_missing", name=args["version"])
    with account.guard:
        double.engine.set_php(account, args["version"])
        for name in names:
            _set(double, account, name, args["version"])
    return {"vhosts": names}


def _set(double, account, name, version):
    if name == account.domain:
        account.php = version
    for site in account.sites.values():
        if site.name == name:
            site.php = version
    choose(double, account, name, _hosts(account)[name][0], version)


def choose(double, account, name, root, version):
    """The virtual host has a PHP of its own choice, and `root` the block that says so."""
    account.php_chosen.add(name)
    write_block(double, account, root, version)


def write_block(double, account, root, version):
    """The `.htaccess` in `root` has the host's own block, once; everything else in it stays."""
    path = f"{root}/.htaccess"
    try:
        before = hands.read(account, path).decode("utf-8", "surrogateescape")
    except FileError:
        before = ""
    after = _BLOCK.sub("", _INI_BLOCK.sub("", before)).rstrip("\n")
    quirks = double.quirks
    text = (after + "\n\n" if after else "") + (INI_BLOCK + "\n" if quirks.php_ini_block else "")
    text += BLOCK.format(name=version, handler=quirks.php_handler)
    hands.run(account, "write", path, content=text.encode("utf-8", "surrogateescape"), mode=0o644)
