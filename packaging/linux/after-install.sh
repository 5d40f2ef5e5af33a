#!/bin/sh
# Tells systemd of the service. It is neither enabled nor started: first it has to know the database.
# A service that runs goes on with the program that it was started with, until somebody restarts it: no
# upgrade cuts off a client. For .deb ($1 is "configure") and .rpm ($1 counts the installations).
set -e

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
