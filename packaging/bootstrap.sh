#!/bin/sh
# Installs what this machine lacks and makes the virtual environment. Usage: bootstrap.sh run|celery|test
# `celery` is `run` with the packages of [engine] kind = "celery".
# Packages that are installed here are not started: the machine's own services stay as they are.
set -eu
wanted=${1:?run, celery or test}
project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$project"

[ "$(id -u)" = 0 ] || { echo "This needs root: accounts, cron and web server are real." >&2; exit 1; }
command -v apt-get >/dev/null || { echo "This runs on Debian and Ubuntu (apt-get was not found)." >&2; exit 1; }

packages="mariadb-server mariadb-client apache2 cron php-cli php-fpm php-mysql php-gd php-curl php-intl php-xml
 php-mbstring php-zip php-bcmath python3 python3-venv ca-certificates curl procps"
if [ "$wanted" = test ]; then
    packages="$packages wget mount e2fsprogs btrfs-progs openssh-client openssh-server libfaketime zbar-tools yara postgresql"
    packages="$packages iproute2 redis-server rabbitmq-server prometheus nginx debootstrap strace"
    # Units are tried by the service manager itself, in a machine of its own; without systemd-sysv it starts nothing here
    packages="$packages systemd dbus"
    # Runs what the package of another architecture installs
    packages="$packages qemu-user-static"
    # Builds and runs the image; its networks need the last four
    packages="$packages buildah podman podman-compose crun netavark aardvark-dns nftables"
    # A real application for the WordPress recipe; `php` beside it: it would bring Apache's own PHP instead
    packages="$packages php wordpress wordpress-l10n"
    case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
        bookworm) packages="$packages wordpress-theme-twentytwentythree" ;;
        noble) packages="$packages wordpress-theme-twentytwentyfour" ;;
        # Debian 12 has no keys of Ubuntu's: no system of it is made there
        *) packages="$packages wordpress-theme-twentytwentyfive ubuntu-keyring" ;;
    esac
    # busybox-static has the command too, and the two packages exclude each other
    command -v busybox >/dev/null || packages="$packages busybox"
    # Ubuntu has Chromium as a snap only, which cannot read a profile in /tmp: tests in a browser are skipped there
    grep -q '^ID=ubuntu' /etc/os-release || packages="$packages chromium chromium-driver"
fi

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

missing=
for package in $packages; do
    installed "$package" || missing="$missing $package"
done
# Of Apache's own packages: itk isolates the accounts of panel `local`, the others run PHP in the tests' private Apaches
modules=libapache2-mpm-itk
[ "$wanted" != test ] || modules="$modules libapache2-mod-php php-cgi apache2-suexec-custom"
isolation=
for package in $modules; do
    installed "$package" || isolation="$isolation $package"
done

# A scanner reads the starter with rules of the tests' own, Caddy is one of the proxies; where one cannot be had, tests that
# need it are skipped
optional=
if [ "$wanted" = test ]; then
    for package in clamav caddy; do installed "$package" || optional="$optional $package"; done
fi

# These packages would switch the machine's own Apache over to themselves, and only private ones are meant to use them.
# What the administrator has switched off they leave alone: for as long as they are being installed, this says so.
install_isolation() {
    made_notes=
    series=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
    note_off module mpm_prefork mpm_itk "php$series" suexec cgi cgid actions
    note_off conf "php$series-cgi"
    # shellcheck disable=SC2086
    apt-get install -y -q --no-remove --no-install-recommends $isolation >/dev/null 2>&1 ||
        { echo "$isolation could not be installed." >&2; exit 1; }
    remove_notes
}
note_off() {
    switched_off=/var/lib/apache2/$1/disabled_by_admin
    shift
    [ -d "$switched_off" ] || { mkdir -p "$switched_off"; made_notes="$switched_off $made_notes"; }
    for name; do
        [ -e "$switched_off/$name" ] || { : >"$switched_off/$name"; made_notes="$switched_off/$name $made_notes"; }
    done
}
remove_notes() {
    for note in $made_notes; do
        if [ -d "$note" ]; then rmdir --ignore-fail-on-non-empty "$note"; else rm -f "$note"; fi
    done
    made_notes=
}
made_notes=

# Debian makes a cluster with a server of PostgreSQL, which the machine would start with itself from then on: tests make
# their own. For as long as it is being installed, this says so.
clusters=/etc/postgresql-common/createcluster.d
made_cluster_note=
note_no_cluster() {
    [ "$wanted" = test ] || return 0
    mkdir -p "$clusters"
    echo "create_main_cluster = false" >"$clusters/shoplaunch.conf"
    made_cluster_note=$clusters/shoplaunch.conf
}
remove_cluster_note() {
    [ -z "$made_cluster_note" ] || rm -f "$made_cluster_note"
    made_cluster_note=
}

# Tests start brokers of their own, and no scanner needs its signatures: what is installed here for them does not start at
# the next boot either
unwanted=
for package in redis-server rabbitmq-server prometheus nginx; do
    case "$missing " in *" $package "*) unwanted="$unwanted $package" ;; esac
done
# Erlang's port mapper comes with the second
installed erlang-base || unwanted="$unwanted epmd.service epmd.socket"
installed caddy || unwanted="$unwanted caddy"
installed clamav-freshclam ||
    unwanted="$unwanted clamav-freshclam.service clamav-freshclam-once.timer clamav-freshclam-once.service"
leave_unwanted_off() {
    [ "$wanted" = test ] || return 0
    # Each by itself: where one is unknown, the others are disabled all the same
    for unit in $unwanted; do
        systemctl --quiet disable "$unit" >/dev/null 2>&1 || true
    done
}
if [ -n "$missing$isolation$optional" ]; then
    echo "Installing:$missing $isolation $optional"
    policy=/usr/sbin/policy-rc.d
    made_policy=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made_policy=yes
    fi
    trap 'remove_notes; remove_cluster_note; [ -z "$made_policy" ] || rm -f "$policy"' EXIT INT TERM
    export DEBIAN_FRONTEND=noninteractive
    # Without the optional ones alone nothing is lost
    apt-get update -q >/dev/null || [ -z "$missing$isolation" ]
    note_no_cluster
    # Never instead of something that is installed: MariaDB would take the place of a MySQL
    # shellcheck disable=SC2086
    [ -z "$missing" ] || apt-get install -y -q --no-remove --no-install-recommends $missing >/dev/null
    [ -z "$isolation" ] || install_isolation
    for package in $optional; do
        apt-get install -y -q --no-remove --no-install-recommends "$package" >/dev/null 2>&1 ||
            echo "$package could not be installed: tests that need it are skipped." >&2
    done
    leave_unwanted_off
    remove_cluster_note
    [ -z "$made_policy" ] || rm -f "$policy"
    made_policy=
    trap - EXIT INT TERM
fi

python=
for candidate in python3.14 python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null &&
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || { echo "Python 3.11 or newer with venv is needed (Debian 12+, Ubuntu 24.04+)." >&2; exit 1; }

case $wanted in
    run) lock=requirements.lock ;;
    celery) lock=requirements-celery.lock ;;
    *) lock=requirements-dev.lock ;;
esac
stamp=.venv/$lock.sha256
if [ ! -x .venv/bin/python ] || [ ! -x .venv/bin/shoplaunch ] || ! sha256sum --status -c "$stamp" 2>/dev/null; then
    echo "Making the virtual environment with $("$python" --version)"
    # What another Python made is of no use to this one
    [ -x .venv/bin/python ] || "$python" -m venv --clear .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
    # Traces are received and read
    [ "$wanted" != test ] ||
        .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-traces.lock
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps -e .
    sha256sum "$lock" requirements-traces.lock pyproject.toml >"$stamp"
fi

# What tests start or hand to a browser, in folders of their own: what these import is of other versions than ours
apart() {
    lock=$1 folder=.venv/$2
    [ "$wanted" = test ] || return 0
    sha256sum --status -c "$folder.sha256" 2>/dev/null && return 0
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --upgrade \
        --target "$folder" -r "$lock"
    sha256sum "$lock" >"$folder.sha256"
}
# What finds barriers in pages: tests hand its script to the browser, and nothing imports its Python
apart tests/browser/chromium/axe.lock axe
apart tests/support/servers/web/object_store.lock object_store
