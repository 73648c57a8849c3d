"""What job files, bundles, logins and sockets are found to be, by agent and controller alike."""

# fmt: off
SENTENCES = {
    "the bundle is not a complete ZIP file: {}": "بسته فایل ZIP کاملی نیست: {}",
    "the bundle claims a directory of {} bytes": "بسته فهرستی به اندازهٔ {} بایت ادعا می‌کند",
    "the bundle's members lie over one another": "بخش‌های بسته روی هم افتاده‌اند",
    "{} is not stored plainly": "{} ساده ذخیره نشده است",
    "{} lies outside of the members": "{} بیرون از بخش‌های بسته است",
    "{} is there twice": "{} دو بار هست",
    "the bundle has no variant {}": "بسته گونهٔ {} را ندارد",
    "a member's path is not safe: {}": "مسیر بخشی از بسته امن نیست: {}",
    "a link's target is not safe: {}": "مقصد پیوندی امن نیست: {}",
    "the manifest is larger than {} bytes": "فهرست بسته از {} بایت بزرگ‌تر است",
    "the bundle's format is {}": "قالب بسته {} است",
    "the manifest holds what is not text": "فهرست بسته چیزی جز متن دارد",
    "a member is listed twice": "بخشی از بسته دو بار در فهرست آمده است",
    "a link may leave the tree: {}": "پیوندی ممکن است از درخت بیرون برود: {}",
    "the manifest is not JSON": "فهرست بسته JSON نیست",
    "{} is uid {}": "{} دارای \u2066uid {}\u2069 است",
    "others may write to the folder {}": "دیگران می‌توانند در پوشهٔ {} بنویسند",
    "the server asks for {}": "سرور {} می‌خواهد",
    "the server asks for the password itself, or by a key of its own":
        "سرور خود گذرواژه را می‌خواهد، یا با کلیدی از خودش",
    "{} is {} (uid {})": "{} از آنِ {} است (\u2066uid {}\u2069)",
    "accounts may write to the folder {}": "حساب‌ها می‌توانند در پوشهٔ {} بنویسند",
    "the job file's format is {}": "قالب فایل کار {} است",
    "the job holds what is not text": "کار چیزی جز متن دارد",
    "the document root is not below the home directory": "پوشهٔ سایت درون پوشهٔ خانگی نیست",
    "the document root is not a plain path": "پوشهٔ سایت مسیر ساده‌ای نیست",
    "the shop's folder is not the end of its path": "پوشهٔ فروشگاه پایان مسیر آن نیست",
    "placeholders become more than {} bytes": "جای‌نگهدارها بیش از {} بایت می‌شوند",
    "unknown encoding step {}": "گام رمزگذاری ناشناختهٔ {}",
    "the bundle's nonce is not 8 hex digits": "شناسهٔ بسته ۸ رقم شانزده‌دهی نیست",
    "fragments are nested without end": "قطعه‌ها بی‌پایان در هم‌اند",
    "a placeholder has no end": "جای‌نگهداری پایان ندارد",
    "broken placeholder {}": "جای‌نگهدار خراب {}",
    "the bundle has no {}": "بسته {} ندارد",
    "the value of {} is not text": "مقدار {} متن نیست",
    "a value is not UTF-8 text": "مقداری متن UTF-8 نیست",
    "the document is from the future": "سند از آینده است",
    "the document has expired": "اعتبار سند تمام شده است",
    "the {} is not signed by a known key": "{} با کلیدی شناخته‌شده امضا نشده است",
    "{} is unknown": "{} ناشناخته است",
}
#: What is wrong with a document, by shared.schema and by the limits of manifests, behind the document's name.
_PROBLEMS = {
    "{} is not of type {}": "{} از نوع {} نیست",
    "{} is not {}": "{} برابر {} نیست",
    "{} is none of {}": "{} هیچ‌یک از {} نیست",
    "{} does not match {}": "{} با {} جور نیست",
    "{} is too short": "{} کوتاه‌تر از حد است",
    "{} is too long": "{} بلندتر از حد است",
    "{} is out of range": "{} بیرون از بازه است",
    "{} has {} items": "{} دارای {} عضو است",
    "{} lacks {}": "{} فاقد {} است",
    "{} is unknown": "{} ناشناخته است",
    "more than {} characters of checks and follow-up jobs": "بیش از {} نویسه برای بررسی‌ها و کارهای بعدی",
    "more than {} pairs of RSA keys": "بیش از {} جفت کلید RSA",
    "more than {} {}": "تعداد {1} بیش از {0} است",
    "a secret of more than {} characters": "رازی بلندتر از {} نویسه",
    "a version of PHP that is none": "نسخه‌ای از PHP که نسخه نیست",
    "names of {} that nobody can read": "نام‌های {} که کسی نمی‌تواند بخواند",
}
_DOCUMENTS = ("manifest", "order", "billing-event", "event", "job", "state", "ack")
SENTENCES |= {
    f"{name}: {english}": f"\u2066{name}\u2069: {persian}"
    for name in _DOCUMENTS
    for english, persian in _PROBLEMS.items()
}
