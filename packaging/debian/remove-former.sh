#!/bin/sh
# Removes the virtual environments of former versions from which nothing runs any more: a `shoplaunch pack` that an
# upgrade overtakes loads the rest of its modules from its own. Called by postinst, and each night for what had to stay.
set -e
opt=/opt/shoplaunch
current=$(readlink $opt/current)
# What waits for its database to take the place of the former version
next=$(readlink $opt/next || true)
for other in $opt/environments/*; do
    [ -e "$other" ] && [ "$other" != "$current" ] && [ "$other" != "$next" ] || continue
    # A process names it in its command line, or has libraries of it. By standard input: in grep's own command line the
    # name would be found as well
    using=$(echo "$other/" | grep -alsF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/maps | cut -d / -f 3 | sort -nu)
    if [ -n "$using" ]; then
        echo "$other stays until nothing runs from it any more: process" $using
        continue
    fi
    # Killed in the middle, no part of it counts as whole
    rm -f "$other/complete"
    rm -rf "$other"
done
