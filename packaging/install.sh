#!/bin/sh
# Installs gatewayd from the files of a release: finds the archive for this machine, compares its checksum with the
# one in checksums.txt, and puts the program into place. Nothing is changed before the checksum is right.
#
#   sh install.sh [--from URL] [--to FOLDER]
#
# --from  where the files of the release are; a folder too (GATEWAYD_FROM). Known in the install.sh of a release.
# --to    where the program goes: /usr/local/bin for root, ~/.local/bin for others (GATEWAYD_TO).
# Needs curl or wget, tar, and one of sha256sum, shasum, openssl.
set -eu

version="@VERSION@"
from="${GATEWAYD_FROM:-@FROM@}"
to="${GATEWAYD_TO:-}"

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

has() {
  command -v "$1" > /dev/null 2>&1
}

while [ $# -gt 0 ]; do
  case "$1" in
    --from) [ $# -ge 2 ] || fail "--from needs an address"; from="$2"; shift 2 ;;
    --to) [ $# -ge 2 ] || fail "--to needs a folder"; to="$2"; shift 2 ;;
    *) fail "what is \"$1\"? usage: install.sh [--from URL] [--to FOLDER]" ;;
  esac
done

case "$version" in
  @*) fail "take install.sh from a release; this one is a template" ;;
esac
[ -n "$from" ] || fail "say where the files of the release are: --from URL"

# The names that the files of a release use.
case "$(uname -s)" in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) fail "there is no archive for $(uname -s) that this script can install" ;;
esac
case "$(uname -m)" in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "there is no archive for $(uname -m)" ;;
esac
libc=
if [ "$os" = linux ] && ls /lib/ld-musl-*.so.1 > /dev/null 2>&1 && ! ls /lib*/ld-linux* > /dev/null 2>&1; then
  libc=-musl
fi
archive="gatewayd-$os-$arch$libc-v$version.tar.gz"

if [ -z "$to" ]; then
  if [ "$(id -u)" -eq 0 ]; then
    to=/usr/local/bin
  else
    [ -n "${HOME:-}" ] || fail "HOME is not set; say where the program goes: --to FOLDER"
    to="$HOME/.local/bin"
  fi
fi

# fetch NAME: a file of the release, into the working folder.
fetch() {
  case "$from" in
    http://* | https://*)
      if has curl; then
        curl --fail --silent --show-error --location --retry 3 --output "$work/$1" "$from/$1"
      elif has wget; then
        wget --quiet --tries=3 --output-document="$work/$1" "$from/$1"
      else
        fail "neither curl nor wget is installed"
      fi
      ;;
    *) cp "$from/$1" "$work/$1" ;;
  esac || fail "cannot get $from/$1"
}

sum_of() {
  if has sha256sum; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif has shasum; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  elif has openssl; then
    openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1
  else
    fail "nothing here computes SHA-256: sha256sum, shasum or openssl"
  fi
}

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fetch checksums.txt
wanted="$(awk -v name="$archive" '$2 == name { print $1 }' "$work/checksums.txt")"
[ -n "$wanted" ] || fail "checksums.txt of the release does not name $archive"
fetch "$archive"
found="$(sum_of "$work/$archive")"
[ -n "$found" ] || fail "the checksum of $archive cannot be computed"
[ "$found" = "$wanted" ] || fail "the checksum of $archive is wrong: $found, not $wanted; nothing was installed"

tar -xzf "$work/$archive" -C "$work" gatewayd
"$work/gatewayd" version > /dev/null 2>&1 || fail "the program does not run on this machine"
mkdir -p "$to"
# Renamed into place: a program that runs cannot be overwritten, and nobody meets half of one.
cp "$work/gatewayd" "$to/.gatewayd.new"
chmod 755 "$to/.gatewayd.new"
mv -f "$to/.gatewayd.new" "$to/gatewayd"

echo "gatewayd $version is in $to"
case ":$PATH:" in
  *":$to:"*) ;;
  *) echo "$to is not in PATH" ;;
esac
echo "next: gatewayd config init, then gatewayd run (gatewayd help)"
