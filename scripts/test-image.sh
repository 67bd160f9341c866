#!/usr/bin/env bash
# Runs the bundled agent as its image would: in a root file system of Debian packages that is mounted read-only, as user 65532
# without capabilities, with nothing writable but /tmp. Needs Linux, apt and root (or user namespaces); pulls no image.
set -euo pipefail
cd "$(dirname "$0")/.."

# Those of the Dockerfile, and what its base image has.
packages=(git openssh-client ca-certificates libstdc++6 base-files libc-bin dash grep util-linux coreutils)
cache=${RUNTIME_AGENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/runtime-agent-tools}/debian
work=$(mktemp -d)
root=$work/root
trap 'rm -rf "$work"' EXIT

npm run --silent bundle

mkdir -p "$cache/partial" "$root"
ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt-get update -qq
# As if nothing were installed, so that all they need comes with them; what was fetched before stays.
: >"$work/status"
apt-get install --yes -qq --download-only --no-install-recommends -o Dir::State::status="$work/status" \
  -o Dir::Cache::archives="$cache" -o Debug::NoLocking=true -o APT::Sandbox::User=root "${packages[@]}"
for package in "$cache"/*.deb; do dpkg-deb -x "$package" "$root"; done
install -D node_modules/node/bin/node "$root/usr/local/bin/node"
cp -r bundle "$root/app"
mkdir -p "$root"/{tmp,proc,dev,etc/ssl/certs}
# What the packages' own scripts would make.
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
printf 'root:x:0:0:root:/:/usr/sbin/nologin\nagent:x:65532:65532::/tmp:/usr/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nagent:x:65532:\n' >"$root/etc/group"
echo "root file system: $(du -sh "$root" | cut -f1), the agent in it: $(du -sh "$root/app" | cut -f1)"

# What is run in it: it may write nowhere but in /tmp, and the agent does all of its work there.
cat >"$work/inside.sh" <<'INSIDE'
set -eu
test "$(id -u)" = 65532
! touch /written /app/written 2>/dev/null || { echo "the root file system can be written"; exit 1; }
grep -q '^CapEff:.0*$' /proc/self/status || { echo "there are capabilities left"; exit 1; }
node /app/dist/src/main.js --version
git --version
ssh -V
node /app/dist/src/main.js demo --directory /tmp/demo
INSIDE
cp "$work/inside.sh" "$root/inside.sh"

# The mounts are of this namespace alone, and go with it.
cat >"$work/outside.sh" <<OUTSIDE
set -eu
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --rbind /proc "$root/proc"
for device in null urandom; do touch "$root/dev/\$device"; mount --bind "/dev/\$device" "$root/dev/\$device"; done
mount -o remount,bind,ro "$root"
within="env -i HOME=/tmp NODE_ENV=production PATH=/usr/local/bin:/usr/bin:/bin"
cd "$root"
if [ "\$REAL" = 0 ]; then
  exec chroot "$root" \$within setpriv --reuid=65532 --regid=65532 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
    sh /inside.sh
fi
# Root is root of the user namespace only: one more of them has the agent's user.
exec chroot "$root" \$within unshare --user --map-user=65532 --map-group=65532 setpriv --no-new-privs sh /inside.sh
OUTSIDE
if [ "$(id -u)" = 0 ]; then env -i REAL=0 PATH="$PATH:/usr/sbin:/sbin" unshare --mount sh "$work/outside.sh"
else env -i REAL=1 PATH="$PATH:/usr/sbin:/sbin" unshare --user --map-root-user --mount sh "$work/outside.sh"
fi
echo "the agent works in its image"
