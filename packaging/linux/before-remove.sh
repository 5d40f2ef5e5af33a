#!/bin/sh
# Ends the service when the package goes, not when a newer one takes its place. For .deb ($1 is "remove", or
# "upgrade") and .rpm ($1 counts what is left, 0 or 1).
set -e

case "$1" in
  remove | 0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now gatewayd.service || true
      systemctl stop 'gatewayd@*.service' || true
      rm -f /etc/systemd/system/multi-user.target.wants/gatewayd@*.service
    fi
    ;;
esac
