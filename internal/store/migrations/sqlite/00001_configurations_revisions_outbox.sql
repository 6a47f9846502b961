-- Configurations as the field has them (a table that is there is taken over with its rows), a number for the revision
-- that a row's content is, every revision, and the outbox. All timestamps are in UTC, as YYYY-MM-DD HH:MM:SS.ffffff.

-- +goose Up
CREATE TABLE IF NOT EXISTS configs (
    id integer PRIMARY KEY AUTOINCREMENT,
    mac_address varchar(17) NOT NULL UNIQUE,
    device_name varchar(255),
    device_entity_id varchar(255),
    enable_ota boolean,
    content text NOT NULL,
    created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- The table is made anew, so that ids are never used again, however the one that was found was declared. A revision
-- of 0 is a content that is no revision yet: what the takeover found, or what another program wrote.
CREATE TABLE configs_taken_over (
    id integer PRIMARY KEY AUTOINCREMENT,
    mac_address varchar(17) NOT NULL UNIQUE,
    device_name varchar(255),
    device_entity_id varchar(255),
    enable_ota boolean,
    content text NOT NULL,
    created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    revision integer NOT NULL DEFAULT 0
);
INSERT INTO configs_taken_over
    (id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at)
    SELECT id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at
    FROM configs ORDER BY id;
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'configs_taken_over', 0
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'configs_taken_over');
UPDATE sqlite_sequence
    SET seq = max(seq, coalesce((SELECT s.seq FROM sqlite_sequence s WHERE s.name = 'configs'), 0))
    WHERE name = 'configs_taken_over';
DROP TABLE configs;
ALTER TABLE configs_taken_over RENAME TO configs;
CREATE INDEX ix_configs_mac_address ON configs (mac_address);

-- A MAC address that is not in the normal form could be read by nobody: better to stop here than to lose it there.
CREATE TABLE taken_over (
    mac_address text,
    CONSTRAINT every_mac_address_in_configs_must_be_of_the_form_aa_bb_cc_dd_ee_ff_with_colons
    CHECK (mac_address GLOB '[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]')
);
INSERT INTO taken_over SELECT mac_address FROM configs;
DROP TABLE taken_over;

CREATE TABLE revisions (
    mac_address text NOT NULL,
    rev integer NOT NULL,
    content text,
    sha256 blob,
    size integer NOT NULL,
    source text NOT NULL,
    created_at text NOT NULL,
    PRIMARY KEY (mac_address, rev)
) STRICT;
CREATE INDEX revisions_by_time ON revisions (created_at);

CREATE TABLE outbox (
    mac_address text PRIMARY KEY,
    rev integer NOT NULL,
    sha256 blob,
    size integer NOT NULL,
    deleted integer NOT NULL,
    broadcast integer NOT NULL,
    generation integer NOT NULL,
    attempts integer NOT NULL,
    changed_at text NOT NULL,
    due_at text NOT NULL,
    claimed_until text
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_due ON outbox (due_at);

CREATE TABLE meta (
    key text PRIMARY KEY,
    value text NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER configs_written_by_another AFTER UPDATE OF content ON configs
    WHEN NEW.content IS NOT OLD.content AND NEW.revision = OLD.revision
BEGIN
    UPDATE configs SET revision = 0 WHERE id = NEW.id;
END;
-- +goose StatementEnd
