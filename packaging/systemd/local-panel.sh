#!/bin/sh
# Makes the services of the package root's, for the panel `local`; what is there goes on. May be repeated.
set -e
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "This needs root: accounts, their databases and their crontabs are root's to make." >&2; exit 1; }
for unit in web worker backup retention; do
    # A link, so that an upgrade brings its own lines
    install -d "/etc/systemd/system/shoplaunch-$unit.service.d"
    ln -sfn "$here/local-panel.conf" "/etc/systemd/system/shoplaunch-$unit.service.d/local-panel.conf"
done
systemctl daemon-reload
systemctl stop shoplaunch-web shoplaunch-worker
# Their timers stay, which it would tell
systemctl --quiet stop shoplaunch-backup shoplaunch-retention
chown -R root:root /var/lib/shoplaunch /var/backups/shoplaunch
# Before `shoplaunch setup` their conditions keep them from starting, which is no failure
systemctl start shoplaunch-web shoplaunch-worker
