"""UAPI; there is no module Cron in it, on purpose."""

from tests.fakes.whm.uapi import account, domain_info, features, fileman, lang_php, mysql, ssl, tokens

__all__ = ["account", "domain_info", "features", "fileman", "lang_php", "mysql", "ssl", "tokens"]
