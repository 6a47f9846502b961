-- What devices show: the newest of each device, and the facts that changed. Batches of what devices showed are numbered in
-- the order of their commits (meta, device_seq); a device holds the batch that it was changed by last, and those by which
-- it was last seen, reported, and changed how it stands.

-- +goose Up
CREATE TABLE devices (
    mac_address varchar(17) PRIMARY KEY,
    seq bigint NOT NULL,
    seen_seq bigint NOT NULL,
    report_seq bigint NOT NULL,
    sync_seq bigint NOT NULL,
    first_seen_at timestamp NOT NULL,
    last_seen_at timestamp,
    address text NOT NULL,
    fetched_etag text,
    fetched_rev bigint,
    fetched_at timestamp,
    fetched_address text,
    held_etag text,
    held_rev bigint,
    held_at timestamp,
    held_address text,
    reported_etag text,
    reported_rev bigint,
    reported_at timestamp,
    reported_address text,
    report_applied boolean,
    report_code text,
    report_path text,
    report_message text,
    report_firmware text,
    has_etag text,
    has_rev bigint,
    has_at timestamp,
    has_address text,
    level text,
    since_rev bigint,
    online boolean,
    online_at timestamp,
    confirmed_at timestamp,
    beat_at timestamp,
    intervals text NOT NULL,
    overdue_at timestamp
);
CREATE INDEX devices_by_seq ON devices (seq);
CREATE INDEX devices_by_overdue ON devices (overdue_at);

CREATE TABLE facts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mac_address varchar(17) NOT NULL,
    at timestamp NOT NULL,
    kind text NOT NULL,
    etag text,
    rev bigint,
    address text NOT NULL,
    report_code text,
    report_path text,
    report_message text,
    report_firmware text,
    has_etag text,
    has_rev bigint,
    has_at timestamp,
    level text
);
CREATE INDEX facts_by_mac ON facts (mac_address, id);
CREATE INDEX facts_by_time ON facts (at);
