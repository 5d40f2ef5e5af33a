#!/bin/sh
# What the service made goes with `purge`, the configuration too (by the package manager itself). The user
# stays: an id that was used is not given to somebody else. For .deb and .rpm.
set -e

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
  rm -rf /var/lib/gatewayd /var/log/gatewayd
fi
