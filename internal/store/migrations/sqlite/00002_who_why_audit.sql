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

-- What was deleted last at each MAC address can be brought back too. Its id is one that no configuration had: the one that
-- it had was not kept. What is derived from the content, its entity tag too, is left to the program, which reads it.
INSERT INTO deleted_configs (id, mac_address, content, created_at, updated_at, revision, deleted_at)
    SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'configs') + row_number() OVER (ORDER BY t.created_at, t.mac_address),
        l.mac_address, l.content, (
            SELECT min(f.created_at) FROM revisions f WHERE f.mac_address = l.mac_address AND f.rev <= l.rev AND f.rev > (
                SELECT coalesce(max(e.rev), 0) FROM revisions e
                WHERE e.mac_address = l.mac_address AND e.rev < l.rev AND e.content IS NULL)),
        l.created_at, l.rev, t.created_at
    FROM revisions t JOIN revisions l ON l.mac_address = t.mac_address AND l.rev = (
        SELECT max(b.rev) FROM revisions b WHERE b.mac_address = t.mac_address AND b.rev < t.rev AND b.content IS NOT NULL)
    WHERE t.content IS NULL AND t.source = 'delete'
        AND NOT EXISTS (SELECT 1 FROM revisions n WHERE n.mac_address = t.mac_address AND n.rev > t.rev)
        AND NOT EXISTS (SELECT 1 FROM configs c WHERE c.mac_address = t.mac_address);
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'configs', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'configs');
UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(id), 0) FROM deleted_configs)) WHERE name = 'configs';

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
CREATE INDEX audit_by_other ON audit (other_mac, id) WHERE other_mac IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);

CREATE TABLE answers (
    key text PRIMARY KEY,
    fingerprint blob NOT NULL,
    answer blob,
    at text NOT NULL
) STRICT;
CREATE INDEX answers_by_time ON answers (at);
