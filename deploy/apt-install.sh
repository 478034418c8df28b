#!/bin/sh
# Installs Debian packages as root, quietly, and lets no service start: neither now nor at the next boot.
#
#   deploy/apt-install.sh PACKAGE…
set -eu

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
own_policy=no

clean_up() {
    rm -f "$log"
    [ "$own_policy" = no ] || rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# invoke-rc.d asks this script before it starts anything; 101 means no.
if [ ! -e "$policy" ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install --yes --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    exit 1
fi
