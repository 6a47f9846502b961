-- The state of the fleet over time, by minutes since 1970: a row is there as soon as a server counts, and has numbers when it
-- has counted.

-- +goose Up
CREATE TABLE fleet_samples (
    minute bigint PRIMARY KEY,
    total bigint,
    sync_unknown bigint,
    sync_pending bigint,
    sync_fetched bigint,
    sync_held bigint,
    sync_applied bigint,
    sync_error bigint,
    overdue bigint,
    online bigint,
    offline bigint,
    deleted bigint
);
