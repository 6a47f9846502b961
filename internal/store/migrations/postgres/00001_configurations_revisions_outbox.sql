-- Configurations as the field has them (a table that is there is taken over with its rows), a number for the revision
-- that a row's content is, every revision, and the outbox. All timestamps are in UTC.

-- +goose Up
CREATE TABLE IF NOT EXISTS configs (
    id serial PRIMARY KEY,
    mac_address varchar(17) NOT NULL UNIQUE,
    device_name varchar(255),
    device_entity_id varchar(255),
    enable_ota boolean,
    content text NOT NULL,
    created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS ix_configs_mac_address ON configs (mac_address);

-- A MAC address that is not in the normal form could be read by nobody: better to stop here than to lose it there.
-- +goose StatementBegin
DO $$
DECLARE
    bad record;
BEGIN
    SELECT id, mac_address INTO bad FROM configs
    WHERE mac_address !~ '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' ORDER BY id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'configs row % has the MAC address "%", which is not of the form aa:bb:cc:dd:ee:ff; correct or delete that row, then start again',
            bad.id, bad.mac_address;
    END IF;
END $$;
-- +goose StatementEnd

-- Lists are in code-point order, whatever the database's own.
CREATE INDEX configs_by_mac ON configs (mac_address COLLATE "C");

-- 0 is a content that is no revision yet: what the takeover found, or what another program wrote.
ALTER TABLE configs ADD COLUMN revision bigint NOT NULL DEFAULT 0;

-- +goose StatementBegin
CREATE FUNCTION configs_written_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := 0;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER configs_written_by_another BEFORE UPDATE OF content ON configs FOR EACH ROW
    WHEN (NEW.content IS DISTINCT FROM OLD.content AND NEW.revision = OLD.revision)
    EXECUTE FUNCTION configs_written_by_another();

CREATE TABLE revisions (
    mac_address varchar(17) NOT NULL,
    rev bigint NOT NULL,
    content text,
    sha256 bytea,
    size integer NOT NULL,
    source varchar(16) NOT NULL,
    created_at timestamp NOT NULL,
    PRIMARY KEY (mac_address, rev)
);
CREATE INDEX revisions_by_time ON revisions (created_at);

CREATE TABLE outbox (
    mac_address varchar(17) PRIMARY KEY,
    rev bigint NOT NULL,
    sha256 bytea,
    size integer NOT NULL,
    deleted boolean NOT NULL,
    broadcast boolean NOT NULL,
    generation bigint NOT NULL,
    attempts integer NOT NULL,
    changed_at timestamp NOT NULL,
    due_at timestamp NOT NULL,
    claimed_until timestamp
);
CREATE INDEX outbox_by_due ON outbox (due_at);

-- A generation is never given twice, or a late acknowledgement could clear a row that was made after it.
CREATE SEQUENCE outbox_generation;

CREATE TABLE meta (
    key varchar(64) PRIMARY KEY,
    value text NOT NULL
);
