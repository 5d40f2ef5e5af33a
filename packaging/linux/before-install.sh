#!/bin/sh
# Makes the user that the service runs as: files of the package belong to its group. For .deb and .rpm.
set -e

if ! getent group gatewayd > /dev/null; then
  groupadd --system gatewayd
fi
if ! getent passwd gatewayd > /dev/null; then
  useradd --system --gid gatewayd --home-dir /var/lib/gatewayd --no-create-home \
    --shell /usr/sbin/nologin --comment "gatewayd" gatewayd
fi
