-- Who made a revision, why and from what; configurations that were deleted and can be brought back; the audit; and the
-- answers of writes that may be repeated. A configuration holds the entity tag of its content (32 hex digits; null where
-- another program wrote it).

-- +goose Up
ALTER TABLE configs ADD COLUMN etag varchar(32);
UPDATE configs SET etag = (SELECT lower(substr(hex(r.sha256), 1, 32)) FROM revisions r
    WHERE r.mac_address = configs.mac_address AND r.rev = configs.revision);

DROP TRIGGER configs_written_by_another;
-- +goose StatementBegin
CREATE TRIGGER configs_written_by_another AFTER UPDATE OF content ON configs
    WHEN NEW.content IS NOT OLD.content AND NEW.revision = OLD.revision
BEGIN
    UPDATE configs SET revision = 0, etag = NULL WHERE id = NEW.id;
END;
-- +goose StatementEnd

ALTER TABLE revisions ADD COLUMN principal text;
ALTER TABLE revisions ADD COLUMN address text;
ALTER TABLE revisions ADD COLUMN message text;
ALTER TABLE revisions ADD COLUMN restored integer;
ALTER TABLE revisions ADD COLUMN other_mac text;

CREATE TABLE deleted_configs (
    id integer PRIMARY KEY,
    mac_address text NOT NULL UNIQUE,
    device_name text,
    device_entity_id text,
    enable_ota integer,
    content text NOT NULL,
    created_at text NOT NULL,
    updated_at text NOT NULL,
    revision integer NOT NULL,
    etag text,
    deleted_at text NOT NULL
) STRICT;

CREATE TABLE audit (
    id integer PRIMARY KEY AUTOINCREMENT,
    at text NOT NULL,
    principal text NOT NULL,
    address text NOT NULL,
    correlation text NOT NULL,
    action text NOT NULL,
    result text NOT NULL,
    code text NOT NULL,
    target text NOT NULL,
    config_id integer,
    mac_address text,
    rev integer,
    other_mac text,
    message text NOT NULL,
    times integer NOT NULL,
    event text
) STRICT;
CREATE INDEX audit_by_mac ON audit (mac_address, id);
CREATE INDEX audit_by_time ON audit (at);

CREATE TABLE answers (
    key text PRIMARY KEY,
    fingerprint blob NOT NULL,
    answer blob,
    at text NOT NULL
) STRICT;
CREATE INDEX answers_by_time ON answers (at);
