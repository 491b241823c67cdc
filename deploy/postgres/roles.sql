-- Run once by a new database container: the role that owns the schema, and the one that serves.
\set owner_password `sed -n 's/^.*:stundenpool_owner://p' /run/secrets/owner_pgpass`
\set service_password `sed -n 's/^.*:stundenpool://p' /run/secrets/service_pgpass`
CREATE ROLE stundenpool_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE stundenpool LOGIN PASSWORD :'service_password';
CREATE DATABASE stundenpool OWNER stundenpool_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE stundenpool FROM PUBLIC;
GRANT CONNECT ON DATABASE stundenpool TO stundenpool;
