#!/bin/sh
# Gets the real sshd that `npm test` tries ssh remotes against where the system has none: Debian's package, unpacked beside
# the other tools and not installed. Prints its path, or nothing where it cannot be had; then those tests are skipped.
# RUNTIME_AGENT_TOOLS names another folder than the user's cache.
set -eu
if [ -x /usr/sbin/sshd ]; then
  echo /usr/sbin/sshd
  exit
fi
# It wants a user and a folder of its own, which it is given in a mount namespace.
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && unshare --mount true 2>/dev/null || exit 0
folder=${RUNTIME_AGENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/runtime-agent-tools}/openssh-server
mkdir -p "$folder"
cd "$folder"
if [ ! -x sshd ]; then
  ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt-get update -qq >&2 || exit 0
  # With the one library of it that a system without any server lacks.
  apt-get download -qq openssh-server libwrap0 >&2 || exit 0
  for package in *.deb; do dpkg-deb -x "$package" .; done
  libraries=$(dirname "$(find "$folder" -name 'libwrap.so.0' | head -n 1)")
  cat >sshd.new <<WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH=$libraries
exec unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/sshd &&
  { grep -v "^sshd:" /etc/passwd; echo "sshd:x:9901:65534::/run/sshd:/usr/sbin/nologin"; } >/run/passwd &&
  mount --bind /run/passwd /etc/passwd && exec $folder/usr/sbin/sshd "\$@"' sh "\$@"
WRAPPER
  chmod +x sshd.new
  mv sshd.new sshd
fi
# Whatever else it lacks, it says on a machine that is not Debian enough.
case $(./sshd -t -f /dev/null 2>&1) in *"shared libraries"*) ;; *) echo "$folder/sshd" ;; esac
