"""How the controller was installed – clone, package or image – and so what starts, stops and mends it."""

import sys

CLONE, PACKAGE, IMAGE = "clone", "package", "image"
#: Beginnings of the virtual environment's path -> what made it there.
_PLACES = (("/opt/shoplaunch/environments/", PACKAGE), ("/opt/shoplaunch/", IMAGE))

#: Name in braces in the catalogue's advice -> kind -> language -> a piece of a sentence.
PHRASES: "dict[str, dict[str, dict[str, str]]]" = {
    "service": {
        CLONE: {"en": "shoplaunch serve", "fa": "shoplaunch serve"},
        PACKAGE: {
            "en": "systemctl restart shoplaunch-web shoplaunch-worker",
            "fa": "systemctl restart shoplaunch-web shoplaunch-worker",
        },
        IMAGE: {"en": "podman restart shoplaunch", "fa": "podman restart shoplaunch"},
    },
    "start": {
        CLONE: {
            "en": "start `shoplaunch serve` or `shoplaunch worker`",
            "fa": "`shoplaunch serve` یا `shoplaunch worker` را اجرا کنید",
        },
        PACKAGE: {
            "en": "run `systemctl start shoplaunch-web shoplaunch-worker`",
            "fa": "`systemctl start shoplaunch-web shoplaunch-worker` را اجرا کنید",
        },
        IMAGE: {"en": "start the containers of Shoplaunch", "fa": "کانتینرهای Shoplaunch را اجرا کنید"},
    },
    "restart": {
        CLONE: {
            "en": "restart every `shoplaunch serve` and `shoplaunch worker`",
            "fa": "همهٔ `shoplaunch serve` و `shoplaunch worker`ها را دوباره راه بیندازید",
        },
        PACKAGE: {
            "en": "run `systemctl restart shoplaunch-web shoplaunch-worker`",
            "fa": "`systemctl restart shoplaunch-web shoplaunch-worker` را اجرا کنید",
        },
        IMAGE: {
            "en": "restart the containers of Shoplaunch",
            "fa": "کانتینرهای Shoplaunch را دوباره راه بیندازید",
        },
    },
    "stop": {
        CLONE: {
            "en": "stop `shoplaunch serve` and every `shoplaunch worker`",
            "fa": "`shoplaunch serve` و همهٔ `shoplaunch worker`ها را متوقف کنید",
        },
        PACKAGE: {
            "en": "run `systemctl stop shoplaunch-web shoplaunch-worker`",
            "fa": "`systemctl stop shoplaunch-web shoplaunch-worker` را اجرا کنید",
        },
        IMAGE: {"en": "stop the containers of Shoplaunch", "fa": "کانتینرهای Shoplaunch را متوقف کنید"},
    },
    "log": {
        CLONE: {"en": "look at its log", "fa": "گزارشش را ببینید"},
        PACKAGE: {
            "en": "look at its log (`journalctl -u shoplaunch-web -u shoplaunch-worker`)",
            "fa": "گزارشش را ببینید (`journalctl -u shoplaunch-web -u shoplaunch-worker`)",
        },
        IMAGE: {"en": "look at its container's log", "fa": "گزارش کانتینرش را ببینید"},
    },
    "recipe": {
        CLONE: {
            "en": "put the recipe's module here too (see controller/recipes/README.md) and restart `shoplaunch serve`",
            "fa": "پودمانش را اینجا هم بگذارید (controller/recipes/README.md) و `shoplaunch serve` را از نو آغاز کنید",
        },
        PACKAGE: {
            "en": "install a package that was built with the recipe's module",
            "fa": "بسته‌ای نصب کنید که با پودمان آن ساخته شده است",
        },
        IMAGE: {
            "en": "take an image that was built with the recipe's module",
            "fa": "ایمیجی به کار ببرید که با پودمان آن ساخته شده است",
        },
    },
    "operating": {
        CLONE: {"en": "controller/OPERATING.md", "fa": "controller/OPERATING.md"},
        PACKAGE: {
            "en": "/usr/share/doc/shoplaunch/OPERATING.md.gz",
            "fa": "/usr/share/doc/shoplaunch/OPERATING.md.gz",
        },
        IMAGE: {"en": "OPERATING.md of the project", "fa": "OPERATING.md پروژه"},
    },
    "libraries": {
        CLONE: {
            "en": "run `shoplaunch init` with internet access: it fetches the pinned libraries from pip's index",
            "fa": "با دسترسی اینترنت `shoplaunch init` را اجرا کنید: کتابخانه‌ها را از مخزن pip می‌گیرد",
        },
        PACKAGE: {
            "en": "run `shoplaunch init`: it takes the libraries that the package carries; where they are"
            " damaged, install the package's file again with `apt install --reinstall ./FILE.deb`",
            "fa": "`shoplaunch init` را اجرا کنید: کتابخانه‌های بستهٔ نصب‌شده را به کار می‌برد؛ اگر آن‌ها آسیب دیده‌اند، فایل"
            " بسته را با `apt install --reinstall ./FILE.deb` دوباره نصب کنید",
        },
        IMAGE: {
            "en": "run `shoplaunch init`: it takes the libraries that the image carries; where they are"
            " damaged, load the image again",
            "fa": "`shoplaunch init` را اجرا کنید: کتابخانه‌های ایمیج را به کار می‌برد؛ اگر آن‌ها آسیب دیده‌اند، ایمیج را"
            " دوباره بارگذاری کنید",
        },
    },
}


def kind_of(prefix: str) -> str:
    """Return which of the three made the virtual environment at `prefix`."""
    for beginning, kind in _PLACES:
        if prefix.startswith(beginning):
            return kind
    return CLONE


#: Of this process.
KIND = kind_of(sys.prefix)


def phrase(name: str, language: str = "en", kind: "str | None" = None) -> str:
    """Return one of `PHRASES` as it is for an installation of `kind`, this one unless given."""
    return PHRASES[name][kind or KIND][language]


def filled(text: str, language: str, kind: "str | None" = None) -> str:
    """Return `text` with the phrases of this installation in the place of their names in braces."""
    if "{" not in text:
        return text
    for name in PHRASES:
        text = text.replace("{" + name + "}", phrase(name, language, kind))
    return text
