#!/bin/sh
# The signature of a request to Shoplaunch: sh sign.sh SECRET TIMESTAMP EVENT METHOD TARGET < body
# Needs openssl. The secret is visible to other users of the machine while it runs: for trying things out.
set -eu
digest=$(openssl dgst -sha256 -r | cut -d ' ' -f 1)
method=$(printf %s "$4" | tr '[:lower:]' '[:upper:]')
printf '%s\n%s\n%s\n%s\n%s' "$2" "$3" "$method" "$5" "$digest" |
    openssl dgst -sha256 -hmac "$1" -r | sed 's/^\([0-9a-f]*\).*/v1=\1/'
