"""What visits to a shop find: checks of pages, connections, certificates; and the notes of those steps."""

# fmt: off
SENTENCES = {
    # Network
    "packed as {}, which nobody asked for": "با {} فشرده شده که کسی نخواسته بود",
    "{} unpacks to more than {} bytes": "{} پس از باز شدن از {} بایت بیشتر است",
    "what is packed as {} does not end": "آنچه با {} فشرده شده پایان ندارد",
    "what is said to be {} is none": "آنچه {} خوانده شده، آن نیست",
    "no whole answer within {} s": "در {} ثانیه پاسخ کاملی نرسید",
    "no whole answer in time": "پاسخ کامل به‌موقع نرسید",
    "more came in than any answer needs": "بیش از آنچه پاسخی لازم دارد رسید",
    "the answer has {} bytes, more than {}": "پاسخ {} بایت دارد، بیش از {}",
    "the answer has more than {} bytes": "پاسخ بیش از {} بایت دارد",
    "the name servers do not answer": "سرورهای نام پاسخ نمی‌دهند",
    "the host's name is not known": "نام میزبان شناخته نیست",
    "its headers are endless": "سرآیندهایش بی‌پایان است",
    "certificate: {}": "گواهی: {}",
    "no TLS: {}": "TLS نیست: {}",
    "Connection refused": "اتصال پذیرفته نشد",
    "Connection reset by peer": "طرف مقابل اتصال را بست",
    "No route to host": "راهی به میزبان نیست",
    "Network is unreachable": "شبکه در دسترس نیست",
    "no answer": "پاسخی نیست",
    # Checks
    "{}: {} redirects without end": "{}: {} بی‌پایان به جای دیگری می‌فرستد",
    "{} leads to another host: {}": "{} به میزبان دیگری می‌رود: {}",
    "{} leads out of the shop's folder {}": "{} از پوشهٔ فروشگاه {} بیرون می‌رود",
    "{}: {} was not asked for: the visits take too long in all":
        "{}: {} درخواست نشد: بازدیدها روی هم بیش از حد طول می‌کشند",
    "{} leads to what is no address": "{} به چیزی می‌رود که نشانی نیست",
    "{}: no answer to {}: {}": "{}: پاسخی به {} نرسید: {}",
    "{}: {} answers more than {} bytes: {}": "{}: {} بیش از {} بایت پاسخ می‌دهد: {}",
    "{} answered {}, expected {}": "{} پاسخ {} داد؛ انتظار: {}",
    "{} is {}, expected {}": "{} از نوع {} است؛ انتظار: {}",
    "{} is blank": "{} خالی است",
    "{} lacks expected text {}: {}": "در {} متن {} که انتظار می‌رفت نیست: {}",
    "{} holds forbidden text {}: {}": "در {} متن {} که نباید باشد هست: {}",
    "{}: {} names no address of its own": "{}: {} هیچ نشانی‌ای از خود نام نمی‌برد",
    "{}: none of {} {} that {} names answers: {}": "{}: از {} {} که {} نام می‌برد هیچ‌یک پاسخ نمی‌دهد: {}",
    "{}: {} answered {}": "{}: {} پاسخ {} داد",
    "{}: {} holds forbidden text: {}": "{}: در {} متنی که نباید باشد هست: {}",
    "{}: the form at {} is sent to another host": "{}: فرم {} به میزبان دیگری فرستاده می‌شود",
    "{}: the new administrator cannot sign in at {}": "{}: مدیر تازه نمی‌تواند در {} وارد شود",
    "{}: {} leads back to the form for signing in": "{}: {} به فرم ورود برمی‌گرداند",
    "another site answers for this name": "سایت دیگری برای این نام پاسخ می‌دهد",
    "see the account's error_log": "error_log حساب را ببینید",
    "front: http does not lead to https (status {})": "صفحهٔ نخست: http به https نمی‌رود (وضعیت {})",
    "front: the shop still answers": "صفحهٔ نخست: فروشگاه هنوز پاسخ می‌دهد",
    "https://{}: {}": "\u2066https://{}\u2069: {}",
    "{} has {} rows instead of {}": "{0} به جای {2} ردیف، {1} ردیف دارد",
    "the agent's final report lacks stage prove": "گزارش پایانی عامل مرحلهٔ prove را ندارد",
    # Causes
    "PHP ended without a word; the account's error_log names file and line":
        "PHP بی‌هیچ پیامی پایان یافت؛ error_log حساب فایل و خط را می‌گوید",
    "the folder asks for a password: see .htaccess": "پوشه گذرواژه می‌خواهد: \u200e.htaccess را ببینید",
    "the web server refuses it: see the modes of files and folders, .htaccess, and ModSecurity's log":
        "وب‌سرور آن را نمی‌پذیرد: مجوز فایل‌ها و پوشه‌ها، \u200e.htaccess و لاگ ModSecurity را ببینید",
    "the application or its .htaccess does not know the address": "برنامه یا \u200e.htaccess آن این نشانی را نمی‌شناسد",
    "the web server or a plug-in limits how often it is asked": "وب‌سرور یا افزونه‌ای شمار درخواست‌ها را محدود می‌کند",
    "PHP or .htaccess failed; the account's error_log names file and line":
        "PHP یا \u200e.htaccess خطا داد؛ error_log حساب فایل و خط را می‌گوید",
    "PHP did not answer: see the account's error_log": "PHP پاسخ نداد: error_log حساب را ببینید",
    "the shop is in maintenance, or the account is at its limits":
        "فروشگاه در حال تعمیر است، یا حساب به سقف محدودیت‌هایش رسیده است",
    "PHP took too long: see the account's error_log": "PHP بیش از حد طول کشید: error_log حساب را ببینید",
    "the rules of .htaccess do not work: the web server needs mod_rewrite and AllowOverride for this folder":
        "قواعد \u200e.htaccess کار نمی‌کنند: وب‌سرور برای این پوشه mod_rewrite و AllowOverride لازم دارد",
    "the account is at its limits of processes or CPU": "حساب به سقف پردازه‌ها یا پردازنده رسیده است",
    # Notes
    "{} visits": "{} بازدید",
    "the shop answers over http as before": "فروشگاه مانند پیش با http پاسخ می‌دهد",
    "https answers, http leads there": "https پاسخ می‌دهد و http به آن می‌رود",
    "visitors get status {}": "بازدیدکنندگان وضعیت {} می‌گیرند",
    "asked for; on http until it is served": "درخواست شد؛ تا رسیدنش با http کار می‌کند",
    "not asked for yet: {}": "هنوز درخواست نشده: {}",
    "sites of a {} server are served over http": "سایت‌های سرور {} با http ارائه می‌شوند",
    "the domain does not lead to the server": "دامنه به این سرور نمی‌رسد",
}
