"""Debootstrapped systems of other releases, kept in the folder SHOPLAUNCH_TEST_BASES where that is set."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

#: Release -> its Python, and where its packages lie.
RELEASES = {"bookworm": ("3.11", "main"), "noble": ("3.12", "main,universe"), "trixie": ("3.13", "main")}
_ADD = r"""
root=$1; shift
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -ec \
    'apt-get update -q; apt-get install -y -q --no-install-recommends "$@"; apt-get clean' sh "$@"
"""


def base_of(release, packages, more, folder, architecture=""):
    """Return the folder of a system of `release` with `packages`, and with `more` as its own apt installs them.

    Without either it is a bare one. Skips where the network has no such system; `folder` is where it is made unless
    bases are kept; `architecture` is Debian's word for another one than this machine's.
    """
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    kept = os.environ.get("SHOPLAUNCH_TEST_BASES")
    kind = "-services" if more else "" if packages else "-bare"
    base = Path(kept, release + kind + architecture) if kept else Path(folder)
    if (base / "complete").exists():
        return base
    _python, components = RELEASES[release]
    options = ["--variant=minbase", f"--components={components}"]
    options += [f"--arch={architecture}"] if architecture else []
    options += [f"--include={','.join(packages)}"] if packages else []
    _run(["debootstrap", *options, release, base], release)
    if more:
        _run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", _ADD, "sh", base, *more], release)
    (base / "complete").touch()
    return base


def _run(command, release):
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        pytest.skip(f"no {release} is made here: {done.stdout[-300:]}")
