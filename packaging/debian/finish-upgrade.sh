#!/bin/sh
# Lets the version that /opt/shoplaunch/next leads to take the place of the one at work. Called by postinst, and by each
# service before it starts: an upgrade of the whole system may stop the database server, and then this waits for it.
# Each step may be repeated. Ends with 75 while the database does not answer, or another call is at it.
set -e
opt=/opt/shoplaunch
state=/var/lib/shoplaunch
next=$(readlink $opt/next) || exit 0
# By postinst, which has it
[ "${1-}" = locked ] || { exec 9<$opt && flock --nonblock 9; } || exit 75
former=$(readlink $opt/current || true)

# Runs a command, whose words are of interest only if it fails
run() {
    said=$("$@" 2>&1) && return
    echo "$said" >&2
    case $said in *database_busy:* | *migration_running:*) exit 75 ;; esac
    return 1
}

if [ "$former" != "$next" ]; then
    version=$(cat "$next/complete")
    if [ ! -d $state/keys ] || [ -z "$former" ] || [ "$(cat "$former/complete" 2>/dev/null)" = "$version" ]; then
        : # No state, nothing at work, or the same version with another Python
    elif [ -e "$former/bin/shoplaunch" ] && [ ! -e "$former/complete" ]; then
        echo "The state was not backed up: the former version was removed in part."
    elif [ -e "$former/bin/shoplaunch" ] && [ ! -x "$former/bin/python" ]; then
        echo "The state was not backed up: the Python of the former version was removed."
    elif [ -x "$former/bin/shoplaunch" ]; then
        saved=/var/backups/shoplaunch/before-$version-$(date -u +%Y%m%dT%H%M%SZ).backup
        if run shoplaunch backup "$saved"; then
            echo "The state as it was is in $saved"
        else
            case $said in
                # The former version reads it no more, and that machine has backed it up
                *database_newer:*) echo "The state was not backed up: another machine has migrated it already." ;;
                # Where a service asks, the former version serves on: a backup that fails is mailed to the operator
                *) [ "${1-}" = locked ] && exit 1 || exit 0 ;;
            esac
        fi
    fi
    # In one step: whatever starts meanwhile is wholly of one version
    ln -sfn "$next" $opt/current.new
    mv -T $opt/current.new $opt/current
fi
# Broken off, it goes on here at the next call; what it says is to be done next is done by who calls
[ ! -d $state/keys ] || run shoplaunch migrate
rm -f $opt/next
