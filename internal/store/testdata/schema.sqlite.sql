CREATE TRIGGER configs_written_by_another AFTER UPDATE OF content ON configs
    WHEN NEW.content IS NOT OLD.content AND NEW.revision = OLD.revision
BEGIN
    UPDATE configs SET revision = 0 WHERE id = NEW.id;
END;
CREATE TABLE "configs" (
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
CREATE INDEX ix_configs_mac_address ON configs (mac_address);
-- index sqlite_autoindex_configs_1 on configs
CREATE TABLE meta (
    key text PRIMARY KEY,
    value text NOT NULL
) STRICT, WITHOUT ROWID;
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
-- index sqlite_autoindex_revisions_1 on revisions
CREATE TABLE schema_migrations (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
