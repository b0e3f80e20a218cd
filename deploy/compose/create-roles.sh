#!/bin/sh
# Run once by the image of PostgreSQL, as the superuser, when its volume is empty: the roles, the database and the
# extension of docs/operations.md, with a login that owns and migrates and another one that serves.
set -eu

psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres \
  -v owner_password="$TRIPTYCH_OWNER_PASSWORD" -v service_password="$TRIPTYCH_SERVICE_PASSWORD" <<'SQL'
CREATE ROLE triptych_app NOLOGIN;
CREATE ROLE triptych_worker NOLOGIN;
CREATE ROLE triptych_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE triptych_service LOGIN PASSWORD :'service_password';
GRANT triptych_app, triptych_worker TO triptych_owner, triptych_service;
CREATE DATABASE triptych OWNER triptych_owner;
\connect triptych
CREATE EXTENSION vector;
SQL
