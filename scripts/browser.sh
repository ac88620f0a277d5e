#!/bin/sh
# Installs Chromium where the tests of the pages would lack it and apt may be used; else says that they are skipped.
set -eu
if command -v chromium >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; then
    exit 0
fi
echo "There is no chromium, and apt could not install it: the tests of the pages are skipped." >&2
