-- What devices show: the newest of each device, and the facts that changed. Batches of what devices showed are numbered in
-- the order of their commits (meta, device_seq); a device holds the batch that it was changed by last, and those by which
-- it was last seen, reported, and changed how it stands. What a list reads of a device comes first. Texts and numbers that
-- are not known are empty and 0.
--
-- By event_epoch readers of the stream of events tell this database from another.

-- +goose Up
CREATE TABLE devices (
    mac_address text PRIMARY KEY,
    first_seen_at text NOT NULL,
    last_seen_at text,
    has_etag text NOT NULL,
    has_rev integer NOT NULL,
    level text NOT NULL,
    online integer,
    overdue_at text,
    seq integer NOT NULL,
    seen_seq integer NOT NULL,
    report_seq integer NOT NULL,
    sync_seq integer NOT NULL,
    has_at text,
    has_address text NOT NULL,
    since_rev integer NOT NULL,
    address text NOT NULL,
    fetched_etag text NOT NULL,
    fetched_rev integer NOT NULL,
    fetched_at text,
    fetched_address text NOT NULL,
    held_etag text NOT NULL,
    held_rev integer NOT NULL,
    held_at text,
    held_address text NOT NULL,
    reported_etag text NOT NULL,
    reported_rev integer NOT NULL,
    reported_at text,
    reported_address text NOT NULL,
    report_applied integer NOT NULL,
    report_code text NOT NULL,
    report_path text NOT NULL,
    report_message text NOT NULL,
    report_firmware text NOT NULL,
    online_at text,
    confirmed_at text,
    beat_at text,
    intervals text NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_seq ON devices (seq);
CREATE INDEX devices_by_overdue ON devices (overdue_at);

CREATE TABLE facts (
    id integer PRIMARY KEY AUTOINCREMENT,
    mac_address text NOT NULL,
    at text NOT NULL,
    kind text NOT NULL,
    etag text NOT NULL,
    rev integer NOT NULL,
    address text NOT NULL,
    report_code text NOT NULL,
    report_path text NOT NULL,
    report_message text NOT NULL,
    report_firmware text NOT NULL,
    has_etag text NOT NULL,
    has_rev integer NOT NULL,
    has_at text,
    has_address text NOT NULL,
    level text NOT NULL
) STRICT;
CREATE INDEX facts_by_mac ON facts (mac_address, id);
CREATE INDEX facts_by_time ON facts (at);

-- A device that proves what it holds names the bytes; which revision they were is looked up.
CREATE INDEX revisions_by_bytes ON revisions (mac_address, sha256, rev);

INSERT INTO meta (key, value) VALUES ('device_seq', '0'), ('event_epoch', lower(hex(randomblob(4))));
