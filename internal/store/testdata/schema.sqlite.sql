CREATE TABLE answers (
    key text PRIMARY KEY,
    fingerprint blob NOT NULL,
    answer blob,
    at text NOT NULL
) STRICT;
CREATE INDEX answers_by_time ON answers (at);
-- index sqlite_autoindex_answers_1 on answers
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
CREATE TRIGGER configs_written_by_another AFTER UPDATE OF content ON configs
    WHEN NEW.content IS NOT OLD.content AND NEW.revision = OLD.revision
BEGIN
    UPDATE configs SET revision = 0, etag = NULL WHERE id = NEW.id;
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
, etag varchar(32));
CREATE INDEX configs_at_a_glance ON configs
    (mac_address, id, device_name, device_entity_id, enable_ota, revision, created_at, updated_at, etag);
-- index sqlite_autoindex_configs_1 on configs
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
-- index sqlite_autoindex_deleted_configs_1 on deleted_configs
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
CREATE INDEX devices_by_overdue ON devices (overdue_at);
CREATE INDEX devices_by_seq ON devices (seq);
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
CREATE TABLE fleet_samples (
    minute integer PRIMARY KEY,
    total integer,
    sync_unknown integer,
    sync_pending integer,
    sync_fetched integer,
    sync_held integer,
    sync_applied integer,
    sync_error integer,
    overdue integer,
    online integer,
    offline integer,
    deleted integer
) STRICT;
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
    created_at text NOT NULL, principal text, address text, message text, restored integer, other_mac text,
    PRIMARY KEY (mac_address, rev)
) STRICT;
CREATE INDEX revisions_by_bytes ON revisions (mac_address, sha256, rev);
CREATE INDEX revisions_by_time ON revisions (created_at);
-- index sqlite_autoindex_revisions_1 on revisions
CREATE TABLE schema_migrations (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
