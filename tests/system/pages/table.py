"""How the commands of the pages are run by the tests: in which order, with which values, and which ones only begin."""

from dataclasses import dataclass

PACKED = "--docroot {root} --database '{database}'"
NO_END = "works for minutes or hours, and is run by itself"
OTHERS = "changes what is no test's: packages, services or other runs on this machine"
NAMED = "names a command or an option, without what belongs to it"
#: The file of containers has the service that pages name.
WEB = "grep -q '^  web:' {project}/packaging/container/compose.yml"


@dataclass(frozen=True)
class Step:
    """A command as it stands on a page, and as it is run: `run` instead, answered with `answer`, ending with one of
    `codes`. What stands in braces is filled in by the session (tests.system.pages.session); `why` explains what else
    differs."""

    text: str
    run: str = ""
    answer: str = ""
    codes: tuple[int, ...] = (0,)
    why: str = ""


#: One session: what stands in blocks of a page comes in the order of the page.
SESSION = (
    # Install
    Step(
        'export PATH="$PWD/.venv/bin:$PATH"',
        'cd {project} && export PATH="$PWD/.venv/bin:$PATH" && command -v shoplaunch',
    ),
    Step("shoplaunch init"),
    Step("shoplaunch --version --json"),
    Step(
        "$EDITOR /var/lib/shoplaunch/shoplaunch.toml", "true {home}/shoplaunch.toml && test -f {home}/shoplaunch.toml",
        why="an editor waits for a person; the settings are those of the private services",
    ),
    Step("shoplaunch serve --bind 127.0.0.1:8000 &", "{serve}", why="at a port that is free; seen to answer"),
    Step("shoplaunch server add web1 --panel local"),
    Step("shoplaunch server check web1"),
    Step("shoplaunch skeleton install web1"),
    Step("shoplaunch config show"),
    Step("shoplaunch config check", codes=(0, 3), why="3: everybody may read the settings of the services here"),
    # The first shop
    Step(
        "SHOPLAUNCH_SOURCE_PASSWORD=… shoplaunch pack --check --docroot /home/template/public_html "
        "--database mysql://template@localhost/template",
        "SHOPLAUNCH_SOURCE_PASSWORD={password} shoplaunch pack --check " + PACKED,
    ),
    Step(
        "SHOPLAUNCH_SOURCE_PASSWORD=… shoplaunch pack --docroot /home/template/public_html "
        "--database mysql://template@localhost/template -o classic.bundle",
        "SHOPLAUNCH_SOURCE_PASSWORD={password} shoplaunch pack " + PACKED + " -o classic.bundle",
    ),
    Step("shoplaunch bundle show classic.bundle"),
    Step("shoplaunch bundle add classic classic.bundle"),
    Step(
        "shoplaunch order --server web1 --bundle classic --domain shop.example.com --email owner@example.com "
        '--account alice --create-account --shop-name "Alice\'s Shop" --language en',
        "shoplaunch order --server web1 --bundle classic --domain {account}.localhost --email owner@example.com "
        '--account {account} --create-account --shop-name "Alice\'s Shop" --language en',
        why="the account has a name nobody else has",
    ),
    Step("shoplaunch watch ID", "shoplaunch watch {live}"),
    # WHMCS
    Step("shoplaunch key add whmcs"),
    Step("$EDITOR /var/lib/shoplaunch/shoplaunch.toml", "test -f {home}/shoplaunch.toml", why="as above"),
    # Another machine
    Step("shoplaunch migrate"),
    Step("shoplaunch doctor", codes=(0, 1), why="1: mail goes to a folder here, and doctor says so"),
    # cPanel servers
    Step(
        "shoplaunch server add cp1 --panel cpanel --url https://cp1.example.com:2087 --user reseller "
        "--token-file cp1.token",
        "shoplaunch server add cp1 --panel cpanel --url {whm} --user {reseller} --token-file {token} --ca {ca} "
        "--option cpanel_url={cpanel} --cpanel-token-file {own_token}",
        why="the double has an authority of its own, and its accounts' pages are at a port of their own",
    ),
    Step("shoplaunch server check cp1"),
    Step("shoplaunch skeleton install cp1"),
    Step("shoplaunch skeleton install cp1 --with-bundle classic", answer="y\n"),
    Step("shoplaunch skeleton status cp1"),
    Step("shoplaunch skeleton sweep cp1", answer="y\n"),
    # What to do when
    Step("shoplaunch jobs"),
    Step("shoplaunch show ID", "shoplaunch show {live}"),
    Step("show ID", "shoplaunch show {failed}"),
    Step("shoplaunch retry ID", "shoplaunch retry {failed}"),
    Step(
        "shoplaunch retry ID --step check", "shoplaunch retry {live} --step check", codes=(1,),
        why="a shop that lives was checked: it is refused",
    ),
    Step(
        "retry ID --step notify", "shoplaunch retry {live} --step notify", codes=(1,),
        why="its client has the message: it is refused",
    ),
    Step("shoplaunch cancel ID", "shoplaunch cancel {failed}", answer="y\n"),
    Step("shoplaunch refused list"),
    Step("shoplaunch refused send NUMBER", "shoplaunch refused send {refused}", "y\n", (1,), "it is not fixed"),
    Step("shoplaunch refused dismiss NUMBER", "shoplaunch refused dismiss {refused}", answer="y\n"),
    Step("shoplaunch certificate ID", "shoplaunch certificate {live}"),
    Step("shoplaunch skeleton install SERVER", "shoplaunch skeleton install web1"),
    Step("skeleton status SERVER", "shoplaunch skeleton status web1"),
    Step("skeleton sweep SERVER", "shoplaunch skeleton sweep web1", answer="y\n"),
    Step("bundle list"),
    Step("shoplaunch skeleton install --all", codes=(3,), why="cp1 has a bundle, which is named"),
    Step("shoplaunch agent keep --channel stable"),
    Step("shoplaunch agent roll-out", codes=(1,), why="nothing but the kept agent is there"),
    Step("shoplaunch agent status"),
    Step("shoplaunch agent list"),
    Step("shoplaunch agent stop"),
    Step("shoplaunch agent follow"),
    Step("shoplaunch server set web1 --channel next"),
    Step("bundle add NAME FILE --paid", "shoplaunch bundle add bought classic.bundle --paid"),
    Step("bundle remove NAME", "shoplaunch bundle remove bought", answer="y\n"),
    Step("server list"),
    Step("shoplaunch engine status"),
    Step("engine status"),
    Step("server set NAME --here", "shoplaunch server set web1 --here"),
    Step("shoplaunch server set NAME --here", "shoplaunch server set web1 --here"),
    Step("shoplaunch server check NAME", "shoplaunch server check web1"),
    Step("shoplaunch server set NAME --start auto|cron", "shoplaunch server set web1 --start cron"),
    Step("shoplaunch server set cp1 --option KEY=VALUE", "shoplaunch server set cp1 --option fetch_rate=0"),
    Step(
        "shoplaunch server set cp1 --cpanel-token-file FILE",
        "shoplaunch server set cp1 --cpanel-token-file {own_token}",
    ),
    # Operators
    Step("user list"),
    Step("user password NAME", "shoplaunch user password {operator}", answer="y\n"),
    Step("user sessions NAME", "shoplaunch user sessions {operator}"),
    Step("shoplaunch user role NAME look|operate|administer", "shoplaunch user role {operator} operate", answer="y\n"),
    Step("shoplaunch user totp NAME", "shoplaunch user totp {operator}", answer="y\n"),
    Step("shoplaunch user totp NAME --remove", "shoplaunch user totp {operator} --remove", answer="y\n"),
    Step("shoplaunch user sessions NAME --end", "shoplaunch user sessions {operator} --end", answer="y\n"),
    # Keys of billing systems
    Step("shoplaunch key add NAME", "shoplaunch key add old"),
    Step(
        "shoplaunch key add NAME --server web1 --bundle classic --may retry --may cancel --rate 60",
        "shoplaunch key add new --server web1 --bundle classic --may retry --may cancel --rate 60",
    ),
    Step("key list"),
    Step("key trail NAME", "shoplaunch key trail old"),
    Step("key renew NAME", "shoplaunch key renew old", answer="y\n"),
    Step("key revoke NAME", "shoplaunch key revoke old", answer="y\n"),
    Step("key adopt NEW --of OLD", "shoplaunch key adopt new --of old", answer="y\n"),
    # Follow-up jobs
    Step("shoplaunch set-admin-password ID", "shoplaunch set-admin-password {live}", answer="a long new one 7\n"),
    Step("shoplaunch https-on ID", "shoplaunch https-on {live_anew}", answer="y\n"),
    Step(
        "shoplaunch remove ID", "shoplaunch remove {live}", "y\n", (1,),
        "what https-on began waits for a certificate: it is refused meanwhile",
    ),
    # Saving it, and new keys
    Step("shoplaunch retention"),
    Step("shoplaunch prune"),
    Step(
        "shoplaunch forget KEY/SERVICE", "shoplaunch forget whmcs/4711", codes=(1,),
        why="no such service was ordered: it is refused",
    ),
    Step("shoplaunch backup FILE", "shoplaunch backup {saved}"),
    Step("shoplaunch backup --verify FILE", "shoplaunch backup --verify {saved}"),
    Step("backup - | …", "shoplaunch backup - | cat >/dev/null"),
    Step(
        "shoplaunch restore FILE", "SHOPLAUNCH_HOME={second} shoplaunch restore {saved} --yes", codes=(3,),
        why="into an installation without jobs; in a pipe nobody is asked; 3: the bundles are to be added again",
    ),
    Step("shoplaunch init --new-keys", why="its keys are there, so that none is made"),
    Step("shoplaunch key rotate", answer="y\n"),
    Step("key rotate", "shoplaunch key rotate", answer="y\n"),
    Step(
        "shoplaunch key retire", "{restart} && shoplaunch key retire --at-once", "y\n",
        why="`serve` was restarted, as the page says; whatever is under way",
    ),
    # The agent, on an account
    Step("python3 -I ~/.shoplaunch/agent.pyz status", "python3 -I {home}/agent/agent.pyz status", codes=(0, 1, 2)),
    # Packing
    Step(
        "pack --check --decisions classic.toml …",
        "SHOPLAUNCH_SOURCE_PASSWORD={password} shoplaunch pack --check --decisions classic.toml " + PACKED,
    ),
    Step(
        "cp controller/recipes/skeleton.py.txt controller/recipes/YOURS.py",
        "cp {project}/controller/recipes/skeleton.py.txt yours.py", why="beside the project",
    ),
)  # fmt: skip

#: A package of shoplaunch's name, and the units of services: made by the session, seen by nobody else.
SIMULATED = "apt --quiet --simulate"
#: A registry is not asked: what is installed is what the tests load.
NPM = "cd {project}/tests/support/php_wasm && grep -e php-wasm/universal worker.mjs && grep -e php-wasm/node worker.mjs"
UNITS = "systemctl --root={units}"
#: Commands that are only begun, simulated or asked for their help: text -> (what is run, why).
BEGUN = {
    "packaging/bootstrap.sh run": (
        "cd {project} && sh -n packaging/bootstrap.sh && grep -e '^    run) lock=' packaging/bootstrap.sh", OTHERS,
    ),
    "packaging/bootstrap.sh celery": (
        "cd {project} && sh -n packaging/bootstrap.sh && grep -e '^    celery) lock=' packaging/bootstrap.sh", OTHERS,
    ),
    "systemctl disable apache2 mariadb": (f"{UNITS} disable apache2 mariadb", OTHERS),
    "make deb": ("make -n deb", "builds a package; tests/system/packages does, and installs it in a system of its own"),
    "make deb ARCHITECTURE=arm64": (
        "make -n deb ARCHITECTURE=arm64 | grep -e arm64", "builds a package; tests/system/packages does",
    ),
    "make sbom": ("make -n sbom", "builds archives; tests/system/packages does"),
    "make image": ("make -n image", "builds an image; tests/system/packages does, and runs it"),
    "podman load -i build/image/shoplaunch_*.tar": (
        "podman load --help -i x.tar && cd {project}/packaging/container && "
        "grep -e 'shoplaunch_.*[.]tar' build.py && grep -e build/image build.py",
        OTHERS,
    ),
    "podman exec shoplaunch shoplaunch doctor": (
        "podman exec --help shoplaunch && shoplaunch doctor --help", "without a server doctor is red",
    ),
    "podman exec shoplaunch shoplaunch backup - >FILE": (
        "shoplaunch backup --help | grep -e ' FILE'", "in a container of its own: tests/system/packages",
    ),
    "podman-compose exec -T web": (WEB, NAMED),
    "podman stop -t 25": ("podman stop --help -t 25", NAMED),
    "closed localhost/shoplaunch migrate": (
        "shoplaunch migrate --help", "in a container of its own: tests/system/packages",
    ),
    "podman-compose run --rm web init --operator-email you@example.com": (
        f"{WEB} && shoplaunch init --help | grep -e --operator-email", OTHERS,
    ),
    "apt install ./build/deb/shoplaunch_*.deb": (
        f"{SIMULATED} install {{debs}}/build/deb/shoplaunch_*.deb && "
        "grep -e '^BUILD = .* .build. / .deb.$' {project}/packaging/debian/build.py",
        OTHERS,
    ),
    "apt install ./FILE.deb": (f"cd {{debs}} && {SIMULATED} install ./FILE.deb", OTHERS),
    "apt purge shoplaunch": (f"{SIMULATED} -o Dir::State::status={{debs}}/status purge shoplaunch", OTHERS),
    "dpkg -i": ("dpkg --no-act -i {debs}/FILE.deb", NAMED),
    "dpkg -i FILE.deb": ("cd {debs} && dpkg --no-act -i FILE.deb", OTHERS),
    "dpkg --configure -a": ("dpkg --no-act --configure -a", OTHERS),
    "journalctl -u shoplaunch-web -u shoplaunch-worker": (
        "cd {project}/packaging/systemd && ls shoplaunch-web.service shoplaunch-worker.service",
        OTHERS,
    ),
    "install -o shoplaunch -m 600 classic.bundle /var/lib/shoplaunch/": (
        "mkdir -p state && touch a.bundle && install -o 0 -m 600 a.bundle state/ && "
        "grep -e 'install -d -o shoplaunch .* $state$' {project}/packaging/debian/postinst",
        OTHERS,
    ),
    "install -o shoplaunch -m 600 cp1.token /etc/shoplaunch/": (
        "mkdir -p state && touch a.token && install -o 0 -m 600 a.token state/ && "
        "grep -e 'chown .* /etc/shoplaunch ' {project}/packaging/debian/postinst",
        OTHERS,
    ),
    "install -o shoplaunch -m 600 backup-passphrase /etc/shoplaunch/": (
        "mkdir -p state && touch a.passphrase && install -o 0 -m 600 a.passphrase state/ && "
        "grep -e 'chown .* /etc/shoplaunch ' {project}/packaging/debian/postinst",
        OTHERS,
    ),
    "chown -R shoplaunch: /var/lib/shoplaunch": (
        "mkdir -p state && chown -R root: state && "
        "grep -e 'useradd .* --user-group .* shoplaunch$' {project}/packaging/debian/postinst",
        OTHERS,
    ),
    "pip install --require-hashes -r requirements-traces.lock": (
        "pip install --help | grep -e --require-hashes && test -f {project}/requirements-traces.lock", OTHERS,
    ),
    "rsync -a --delete": (
        "mkdir -p from to && touch from/new to/old && rsync -a --delete from/ to/ && test -f to/new && "
        "test ! -e to/old",
        NAMED,
    ),
    "systemctl restart shoplaunch-web shoplaunch-worker": (
        f"{UNITS} enable shoplaunch-web shoplaunch-worker && systemctl --help | grep -e '^  restart '", OTHERS,
    ),
    "systemctl disable --now shoplaunch-web shoplaunch-backup.timer shoplaunch-retention.timer": (
        f"{UNITS} disable shoplaunch-web shoplaunch-backup.timer shoplaunch-retention.timer && "
        "systemctl --help | grep -e ' --now'",
        OTHERS,
    ),
    "systemctl edit shoplaunch-backup.timer": (
        "systemctl --help | grep -e '^  edit ' && test -f {project}/packaging/systemd/shoplaunch-backup.timer", OTHERS,
    ),
    "apt install openssh-client": (f"{SIMULATED} install openssh-client", OTHERS),
    "apt install mariadb-server apache2 libapache2-mpm-itk cron php-fpm php-mysql php-gd php-curl php-intl php-xml "
    "php-mbstring php-zip php-bcmath": (
        f"{SIMULATED} install mariadb-server apache2 libapache2-mpm-itk cron php-fpm php-mysql php-gd php-curl "
        "php-intl php-xml php-mbstring php-zip php-bcmath",
        OTHERS,
    ),
    "make demo": ("make -n demo", NO_END),
    "make demo BUNDLE=/path/to/your.bundle": ("make -n demo BUNDLE=/path/to/your.bundle | grep -e your.bundle", NO_END),
    "make demo BUNDLE=…": ("make -n demo BUNDLE=x.bundle | grep -e x.bundle", NO_END),
    "make test": ("make -n test", NO_END),
    "make test TESTS=tests/unit": (
        "make -n test TESTS=tests/unit | grep -e ' tests/unit$' && test -d {project}/tests/unit", NO_END,
    ),
    "SHOPLAUNCH_SAMPLE=NUMBER make test": (
        "make -n test && grep -e SHOPLAUNCH_SAMPLE {project}/tests/support/sampling.py", NO_END,
    ),
    "make test-nightly": ("make -n test-nightly", NO_END),
    "make mutants": ("make -n mutants", NO_END),
    "make mutants MUTANTS=ledger-fence": (
        "make -n mutants MUTANTS=ledger-fence | grep -e ledger-fence && "
        "grep -x -F '[ledger-fence]' {project}/tests/mutants/mutants.toml",
        NO_END,
    ),
    "make lint": ("make -n lint", NO_END),
    "make bench": ("make -n bench", NO_END),
    "make cluster": ("make -n cluster", NO_END),
    "make clean": ("make -n clean", OTHERS),
    "make pages": ("make -n pages", "writes pages anew; another test compares them"),
    "SHOPLAUNCH_REAL_DOCROOT=/srv/template/public_html "
    "SHOPLAUNCH_REAL_DATABASE='mysql://user:password@localhost/name?unix_socket=/run/mysqld/mysqld.sock' "
    "make test TESTS=tests/integration/real_prestashop": (
        "make -n test TESTS=tests/integration/real_prestashop | grep -e real_prestashop && cd {project}/tests && "
        "grep -e SHOPLAUNCH_REAL_DOCROOT -r integration/real_prestashop support && "
        "grep -e SHOPLAUNCH_REAL_DATABASE -r integration/real_prestashop support",
        NO_END,
    ),
    "mkdir /opt/php-wasm && cd /opt/php-wasm && npm install @php-wasm/node@3.0.42 @php-wasm/universal@3.0.42 node@24": (
        f"{NPM} && grep -e php-wasm/universal@3.0.42 fpm.py", OTHERS,
    ),
    "mkdir /opt/php-wasm-old && cd /opt/php-wasm-old && "
    "npm install @php-wasm/node@1.0.29 @php-wasm/universal@1.0.29 node@24": (NPM, OTHERS),
    "npm install @php-wasm/cli @php-wasm/node-7-4 node@24": (
        "grep -e 'php-wasm/node-' {project}/tests/support/servers/php_lint.mjs", OTHERS,
    ),
    "export SHOPLAUNCH_TEST_PHP_WASM=/opt/php-wasm:/opt/php-wasm-old": (
        "grep -rq SHOPLAUNCH_TEST_PHP_WASM {project}/tests/support/servers/php_versions.py", OTHERS,
    ),
    "python -m tests.bench.slow_disk": ("python -m tests.bench.slow_disk --help", NO_END),
    "python -m tests.bench.restore": ("python -m tests.bench.restore --help", NO_END),
    "python -m tests.bench.controller": ("python -m tests.bench.controller --help", NO_END),
    "python -m tests.bench.year": ("python -m tests.bench.year --help", NO_END),
    "python -m tests.bench.agents --against FOLDER": (
        "python -m tests.bench.agents --help | grep -e --against", NO_END,
    ),
    "python -m tests.bench.pack [--against FOLDER]": ("python -m tests.bench.pack --help | grep -e --against", NO_END),
    "python -m tests.bench.order_to_live [--panel cpanel] [--against FOLDER] [--svg FILE]": (
        "python -m tests.bench.order_to_live --help | grep -e --against", NO_END,
    ),
    "python -m tests.bench.engine.idle": ("python -m tests.bench.engine.idle --help | grep -e --finished", NO_END),
    "python -m tests.bench.engine": (
        "python -m tests.bench.engine --help | grep -e --against", NO_END,
    ),
    "python -m tests.corpus.run DIR": ("python -m tests.corpus.run --help", NO_END),
    "python -m tests.browser.picture": ("python -c 'import tests.browser.picture'", "writes the picture anew"),
    "python -m tests.support.leftovers": ("python -c 'import tests.support.leftovers'", OTHERS),
    "cp -rL": (
        "mkdir -p tree && ln -sfn tree link && cp -rL link copy && test -d copy && test ! -L copy && rm -r copy", NAMED,
    ),
    "tar -cz": ("mkdir -p tree && tar -cz tree | gzip --test", NAMED),
}  # fmt: skip

STORED = "it needs a store; tests/integration/object_store has one"
#: Commands of which a page tells no more than an option, or which would not end: text -> (option that their help has to
#: tell, why they are not run).
HELP = {
    "shoplaunch setup": ("--from", "it asks; tests/integration/controller/cli/test_first_run.py answers"),
    "shoplaunch setup --from FILE": ("--from", "tests/integration/controller/cli/test_first_run.py runs it"),
    "shoplaunch bundle add NAME FILE --store": ("--store", STORED),
    "bundle add NAME FILE --no-store": ("--no-store", STORED),
    "skeleton install": ("--all", NAMED),
    "pack -o": ("-o", NAMED),
    "agent build -o": ("-o", NAMED),
    "shoplaunch pack --check …": ("--check", "run with all that belongs to it in the session"),
    "pack -o …": ("-o", "run with all that belongs to it in the session"),
    "pack --variants FILE": ("--variants", "variants are packed by their own tests"),
    "order --variant": ("--variant", NAMED),
    "server set NAME --token-file": ("--token-file", NAMED),
    "shoplaunch show --json": ("--json", NAMED),
    "serve --no-worker": ("--no-worker", "a second one is refused beside the first"),
    "shoplaunch serve": ("--bind", "one runs already"),
    "shoplaunch worker --server NAME": ("--server", "it moves jobs until it is stopped"),
    "shoplaunch pack --docroot tree --dump dump.sql -o …": ("--dump", "dumps are packed by their own tests"),
}  # fmt: skip

#: What blocks show besides commands: how they begin.
PICTURES = (
    "order ──►", "cron ─►", "public_url =", "[standard]", "[whmcs]", "[engine]", "[retention]", "[bundle_store]",
    "DIR/",
)  # fmt: skip
