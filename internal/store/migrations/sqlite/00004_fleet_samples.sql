-- The state of the fleet over time, by minutes since 1970: a row is there as soon as a server counts, and has numbers when it
-- has counted.
--
-- What a list reads of configurations by MAC address is in an index, since rows have documents: it takes the place of one that
-- the UNIQUE of the column makes needless.

-- +goose Up
CREATE TABLE fleet_samples (
    minute integer PRIMARY KEY,
    total integer,
    sync_unknown integer,
    sync_pending integer,
    sync_fetched integer,
    sync_held integer,
    sync_applied integer,
    sync_error integer,
    overdue integer,
    online integer,
    offline integer,
    deleted integer
) STRICT;

DROP INDEX IF EXISTS ix_configs_mac_address;
CREATE INDEX configs_at_a_glance ON configs
    (mac_address, id, device_name, device_entity_id, enable_ota, revision, created_at, updated_at, etag);
