-- What devices show: the newest of each device, and the facts that changed. Batches of what devices showed are numbered in
-- the order of their commits (meta, device_seq); a device holds the batch that it was changed by last, and those by which
-- it was last seen, reported, and changed how it stands. What a list reads of a device comes first. Texts and numbers that
-- are not known are empty and 0.
--
-- Readers of the stream of events tell this database from another by its event_epoch; event_seq is how many changes have a
-- place in the stream.

-- +goose Up
CREATE TABLE devices (
    mac_address varchar(17) COLLATE "C" PRIMARY KEY,
    first_seen_at timestamp NOT NULL,
    last_seen_at timestamp,
    has_etag text NOT NULL,
    has_rev bigint NOT NULL,
    level text NOT NULL,
    online boolean,
    overdue_at timestamp,
    seq bigint NOT NULL,
    seen_seq bigint NOT NULL,
    report_seq bigint NOT NULL,
    sync_seq bigint NOT NULL,
    has_at timestamp,
    has_address text NOT NULL,
    since_rev bigint NOT NULL,
    address text NOT NULL,
    fetched_etag text NOT NULL,
    fetched_rev bigint NOT NULL,
    fetched_at timestamp,
    fetched_address text NOT NULL,
    held_etag text NOT NULL,
    held_rev bigint NOT NULL,
    held_at timestamp,
    held_address text NOT NULL,
    reported_etag text NOT NULL,
    reported_rev bigint NOT NULL,
    reported_at timestamp,
    reported_address text NOT NULL,
    report_applied boolean NOT NULL,
    report_code text NOT NULL,
    report_path text NOT NULL,
    report_message text NOT NULL,
    report_firmware text NOT NULL,
    online_at timestamp,
    confirmed_at timestamp,
    beat_at timestamp,
    intervals text NOT NULL
);
CREATE INDEX devices_by_seq ON devices (seq);
CREATE INDEX devices_by_overdue ON devices (overdue_at);

CREATE TABLE facts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mac_address varchar(17) COLLATE "C" NOT NULL,
    at timestamp NOT NULL,
    kind text NOT NULL,
    etag text NOT NULL,
    rev bigint NOT NULL,
    address text NOT NULL,
    report_code text NOT NULL,
    report_path text NOT NULL,
    report_message text NOT NULL,
    report_firmware text NOT NULL,
    has_etag text NOT NULL,
    has_rev bigint NOT NULL,
    has_at timestamp,
    has_address text NOT NULL,
    level text NOT NULL
);
CREATE INDEX facts_by_mac ON facts (mac_address, id);
CREATE INDEX facts_by_time ON facts (at);

-- A device that proves what it holds names the bytes; which revision they were is looked up.
CREATE INDEX revisions_by_bytes ON revisions (mac_address, sha256, rev);

INSERT INTO meta (key, value) VALUES ('device_seq', '0'), ('event_seq', '0'),
    ('event_epoch', substr(md5(random()::text || clock_timestamp()::text), 1, 8));
