-- Who made a revision, why and from what; configurations that were deleted and can be brought back; the audit; and the
-- answers of writes that may be repeated. A configuration holds the entity tag of its content (32 hex digits).

-- +goose Up
ALTER TABLE configs ADD COLUMN etag varchar(32);
UPDATE configs SET etag = left(encode(r.sha256, 'hex'), 32) FROM revisions r
    WHERE r.mac_address = configs.mac_address AND r.rev = configs.revision;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION configs_written_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := 0;
    NEW.etag := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- A statement that makes a configuration may have waited for another that took the same MAC address, and have looked at the
-- numbers before it: the number that it gives may have been given since, and gone to another MAC address. A trigger sees what is
-- there now. The error has the statement run again.
-- +goose StatementBegin
CREATE FUNCTION configs_number_is_newest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM revisions WHERE mac_address = NEW.mac_address AND rev > NEW.revision) THEN
        RAISE EXCEPTION 'revision % of % was given meanwhile', NEW.revision, NEW.mac_address USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER configs_number_is_newest AFTER INSERT ON configs FOR EACH ROW
    WHEN (NEW.revision > 0) EXECUTE FUNCTION configs_number_is_newest();

ALTER TABLE revisions ADD COLUMN principal varchar(16);
ALTER TABLE revisions ADD COLUMN address varchar(45);
ALTER TABLE revisions ADD COLUMN message text;
ALTER TABLE revisions ADD COLUMN restored bigint;
ALTER TABLE revisions ADD COLUMN other_mac varchar(17);

CREATE TABLE deleted_configs (
    id bigint PRIMARY KEY,
    mac_address varchar(17) NOT NULL UNIQUE,
    device_name varchar(255),
    device_entity_id varchar(255),
    enable_ota boolean,
    content text NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    revision bigint NOT NULL,
    etag varchar(32),
    deleted_at timestamp NOT NULL
);
CREATE INDEX deleted_configs_by_mac ON deleted_configs (mac_address COLLATE "C");

-- What was deleted last at each MAC address can be brought back too. Its id is one that no configuration had: the one that
-- it had was not kept. What is derived from the content, its entity tag too, is left to the program, which reads it.
INSERT INTO deleted_configs (id, mac_address, content, created_at, updated_at, revision, deleted_at)
    SELECT nextval(pg_get_serial_sequence('configs', 'id')), g.mac_address, g.content, g.made_at, g.created_at, g.rev, g.deleted_at
    FROM (
        SELECT l.mac_address, l.content, l.created_at, l.rev, t.created_at AS deleted_at, (
            SELECT min(f.created_at) FROM revisions f WHERE f.mac_address = l.mac_address AND f.rev <= l.rev AND f.rev > (
                SELECT coalesce(max(e.rev), 0) FROM revisions e
                WHERE e.mac_address = l.mac_address AND e.rev < l.rev AND e.content IS NULL)) AS made_at
        FROM revisions t JOIN revisions l ON l.mac_address = t.mac_address AND l.rev = (
            SELECT max(b.rev) FROM revisions b WHERE b.mac_address = t.mac_address AND b.rev < t.rev AND b.content IS NOT NULL)
        WHERE t.content IS NULL AND t.source = 'delete'
            AND NOT EXISTS (SELECT 1 FROM revisions n WHERE n.mac_address = t.mac_address AND n.rev > t.rev)
            AND NOT EXISTS (SELECT 1 FROM configs c WHERE c.mac_address = t.mac_address)
        ORDER BY t.created_at, t.mac_address COLLATE "C"
    ) g;

-- An entry gets its place in the stream of events, seq, after its commit: ids are given before, and a reader that has seen
-- one would miss those below it that are committed later.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq bigint,
    at timestamp NOT NULL,
    principal varchar(16) NOT NULL,
    address varchar(45) NOT NULL,
    correlation varchar(128) NOT NULL,
    action varchar(32) NOT NULL,
    result varchar(16) NOT NULL,
    code varchar(32) NOT NULL,
    target text NOT NULL,
    config_id bigint,
    mac_address varchar(17),
    rev bigint,
    other_mac varchar(17),
    message text NOT NULL,
    times bigint NOT NULL,
    event varchar(16)
);
CREATE INDEX audit_by_mac ON audit (mac_address, id);
CREATE INDEX audit_by_other ON audit (other_mac, id) WHERE other_mac IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);
CREATE UNIQUE INDEX audit_by_seq ON audit (seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_without_seq ON audit (id) WHERE seq IS NULL AND event IS NOT NULL;

CREATE TABLE answers (
    key varchar(255) PRIMARY KEY,
    fingerprint bytea NOT NULL,
    answer bytea,
    at timestamp NOT NULL
);
CREATE INDEX answers_by_time ON answers (at);
