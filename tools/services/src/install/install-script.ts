/**
 * Installs Debian packages, run by `sh` as root: $1 is the path of the policy that decides whether a package may start its service, $2 where the init
 * scripts are, the rest are packages.
 *
 * A package of a server starts that server at its usual port as soon as it is installed. `invoke-rc.d` and `deb-systemd-invoke` ask /usr/sbin/policy-rc.d
 * first, and 101 means "do not": where there is none, one stands there meanwhile. What was there stays; where it allows the start, the new service is stopped.
 */
export const installScript = `
set -eu
policy=$1
services=$2
shift 2
mark='Stands here only while the Aether workspace installs servers for its tests.'
is_installed() { [ "$(dpkg-query -W -f '\${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Whoever held the lock before may have installed them.
missing=
for package in "$@"; do is_installed "$package" || missing="$missing $package"; done
[ -n "$missing" ] || exit 0

# A policy of this mark was left by an installation that was killed.
if [ ! -e "$policy" ] || grep -q "$mark" "$policy"; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
  printf '#!/bin/sh\\n# %s\\nexit 101\\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
update() { apt-get -q -o DPkg::Lock::Timeout=300 update; }
install() { apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing; }
# Lists that know the packages are good enough; a version that is no longer there shows in the download.
if apt-cache show $missing >/dev/null 2>&1; then install || { update; install; }; else update; install; fi

for package in $missing; do
  if [ -e "$services/$package" ]; then
    # Neither now nor when the machine starts.
    invoke-rc.d --quiet "$package" stop >/dev/null 2>&1 || true
    update-rc.d "$package" disable >/dev/null 2>&1 || true
  fi
done
`
