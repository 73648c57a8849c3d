"""What the server says: literal texts, in other languages and with other quotes, never twice the same bytes."""

import secrets
import string

#: Names stand in curly quotes; `say` replaces the quotes and fills the names.
TEXTS = {
    "acl": "You do not have permission to do this: “{acl}”.",
    "acl_denied": "Access denied",
    "acl_permission": "Permission denied",
    "account_exists": "This system already has an account named “{name}”.",
    "account_missing": "Account does not exist",
    "batch_command": "Invalid command “{name}”.",
    "cron_exists": "This cron job already exists.",
    "database_exists": "The database “{name}” already exists.",
    "database_limit": "You have reached your maximum allotment of databases ({limit}).",
    "database_missing": "The database “{name}” doesn’t exist.",
    "database_user_exists": "The user “{name}” cannot be created because it already exists.",
    "database_user_missing": "The user “{name}” doesn’t exist.",
    "domain_exists": "The domain “{name}” already exists in the Apache configuration.",
    "domain_foreign": "You do not own the domain “{name}”.",
    "domain_invalid": "“{name}” is not a valid domain name.",
    "feature": "You do not have the feature “{name}”.",
    "feature_off": "The feature “{name}” exists but is not enabled.",
    "group_exists": "This system already has a group named “{name}”.",
    "initial": "The name of another account on this server has the same initial {count} characters as the given "
    "username ({name}). Each username’s first {count} characters must be unique.",
    "json_user": "The user “{name}” must be given in small letters.",
    "module": 'Failed to load module "{name}": Cpanel::Exception::ModuleLoadError',
    "mysql_role": "The MySQL role is disabled on this server.",
    "name_invalid": "“{name}” is not a valid name.",
    "name_too_long": "The name “{name}” is too long: the limit is {limit} characters.",
    "no_access": "You do not have access to an account named “{name}”.",
    "no_function": 'The function "{name}" does not exist in module "{module}".',
    "no_such_file": "The file “{name}” could not be opened because of an error: No such file or directory",
    "not_yours": "You do not have a user named “{name}”.",
    "package_missing": "The package “{name}” does not exist.",
    "parameter_missing": "Provide the “{name}” parameter.",
    "parameter_unknown": "The parameter “{name}” is not known.",
    "path_outside": "The path “{name}” is outside of your home directory.",
    "prefix": "The name “{name}” does not begin with the required prefix “{prefix}”.",
    "privilege": "“{name}” is not a valid MySQL privilege.",
    "quota": "The file “{name}” could not be written because of an error: Disk quota exceeded",
    "reserved": "“{name}” is a reserved username on this system.",
    "suspended": "The account “{name}” is suspended.",
    "suspend_missing": "_suspendacct called for a user that does not exist. ()",
    "remove_missing": "System user {name} does not exist!",
    "system": "The system failed to do this: {error}",
    "unknown_app": 'Unknown app ("{name}") requested for this version ({version}) of the API.',
    "unencodable": "The text cannot be written in the character set “{name}”.",
    "upload_refused": "The function “Fileman::upload_files” cannot be called this way.",
    "username": "“{name}” is not a valid username.",
    "version_missing": "The PHP version “{name}” is not installed.",
    "weak_account": "Sorry, the password you selected cannot be used because it is too weak and would be too easy to "
    "crack. Please select a password with strength rating of {count} or higher.",
    "weak_mysql": "The password you selected cannot be used because it is too weak and would be too easy to guess. "
    "Please select a password with strength rating of {count} or higher.",
}

OTHERS = {
    "de": {
        "database_exists": "Die Datenbank “{name}” existiert bereits.",
        "database_limit": "Die Höchstzahl von Datenbanken ({limit}) ist erreicht.",
        "database_user_exists": "Der Benutzer “{name}” kann nicht angelegt werden, weil es ihn schon gibt.",
        "prefix": "Der Name “{name}” beginnt nicht mit dem vorgeschriebenen Präfix “{prefix}”.",
        "weak_mysql": "Das Kennwort ist zu schwach. Bitte wählen Sie eines mit der Stärke {count} oder höher.",
        "feature": "Sie verfügen nicht über die Funktion “{name}”.",
        "cron_exists": "Dieser Cron-Job existiert bereits.",
        "quota": "Die Datei “{name}” konnte nicht geschrieben werden: Disk quota exceeded",
        "no_such_file": "Die Datei “{name}” konnte nicht geöffnet werden: No such file or directory",
        "not_yours": "Sie haben keinen Benutzer namens “{name}”.",
        "account_exists": "Auf diesem System gibt es bereits ein Konto namens “{name}”.",
    },
    "fa": {
        "database_exists": "پایگاه داده “{name}” از قبل وجود دارد.",
        "database_limit": "به بیشترین تعداد پایگاه داده ({limit}) رسیده‌اید.",
        "database_user_exists": "کاربر “{name}” ساخته نشد، چون از قبل وجود دارد.",
        "prefix": "نام “{name}” با پیشوند لازم “{prefix}” آغاز نمی‌شود.",
        "weak_mysql": "گذرواژه بسیار ضعیف است. گذرواژه‌ای با قدرت {count} یا بیشتر برگزینید.",
        "feature": "شما ویژگی “{name}” را ندارید.",
        "cron_exists": "این کار زمان‌بندی‌شده از قبل وجود دارد.",
        "not_yours": "کاربری به نام “{name}” ندارید.",
        "account_exists": "حسابی به نام “{name}” از قبل در این سامانه هست.",
    },
}

_QUOTES = {"curly": "“”’", "straight": '""\'', "guillemets": "«»’"}
#: Where a volatile number stands before the text, and with which words.
_XID_ALONE = ("account_exists", "domain_exists")
_XID_FAILURE = ("not_yours",)


def xid():
    """Return six characters nobody can know in advance."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))


def say(quirks, key, **names):
    """Return the text `key` as this server words it."""
    template = OTHERS.get(quirks.language, {}).get(key, TEXTS[key])
    for curly, wanted in zip("“”’", _QUOTES[quirks.quotes], strict=True):
        template = template.replace(curly, wanted)
    text = template.format(**names)
    if quirks.prefixed_reasons:
        if key in _XID_FAILURE:
            return f"API failure: (XID {xid()}) {text}"
        if key in _XID_ALONE:
            return f"(XID {xid()}) {text}"
    return text


class Refusal(Exception):
    """The call fails as a real server fails it: a text, with HTTP 200."""

    def __init__(self, key, **names):
        super().__init__(key)
        self.key = key
        self.names = names

    def text(self, quirks):
        """Return what the server says."""
        return say(quirks, self.key, **self.names)
