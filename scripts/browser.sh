#!/bin/sh
# Installs Chromium where the tests of the review page would lack it and apt may be used; else says so.
set -eu
if command -v chromium >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "There is no chromium: the tests of the review page are skipped. Install it, or run as root on Debian." >&2
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
