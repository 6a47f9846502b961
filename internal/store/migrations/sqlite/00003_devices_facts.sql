-- What devices show: the newest of each device, and the facts that changed. Batches of what devices showed are numbered in
-- the order of their commits (meta, device_seq); a device holds the batch that it was changed by last, and those by which
-- it was last seen, reported, and changed how it stands.

-- +goose Up
CREATE TABLE devices (
    mac_address text PRIMARY KEY,
    seq integer NOT NULL,
    seen_seq integer NOT NULL,
    report_seq integer NOT NULL,
    sync_seq integer NOT NULL,
    first_seen_at text NOT NULL,
    last_seen_at text,
    address text NOT NULL,
    fetched_etag text,
    fetched_rev integer,
    fetched_at text,
    fetched_address text,
    held_etag text,
    held_rev integer,
    held_at text,
    held_address text,
    reported_etag text,
    reported_rev integer,
    reported_at text,
    reported_address text,
    report_applied integer,
    report_code text,
    report_path text,
    report_message text,
    report_firmware text,
    has_etag text,
    has_rev integer,
    has_at text,
    has_address text,
    level text,
    since_rev integer,
    online integer,
    online_at text,
    confirmed_at text,
    beat_at text,
    intervals text NOT NULL,
    overdue_at text
) STRICT;
CREATE INDEX devices_by_seq ON devices (seq);
CREATE INDEX devices_by_overdue ON devices (overdue_at);

CREATE TABLE facts (
    id integer PRIMARY KEY AUTOINCREMENT,
    mac_address text NOT NULL,
    at text NOT NULL,
    kind text NOT NULL,
    etag text,
    rev integer,
    address text NOT NULL,
    report_code text,
    report_path text,
    report_message text,
    report_firmware text,
    has_etag text,
    has_rev integer,
    has_at text,
    level text
) STRICT;
CREATE INDEX facts_by_mac ON facts (mac_address, id);
CREATE INDEX facts_by_time ON facts (at);
