-- The same in a SQLite file.
CREATE TABLE schema_migrations (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
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
CREATE TABLE meta (
    key text PRIMARY KEY,
    value text NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO schema_migrations (id, version_id, is_applied, tstamp) VALUES (1, 0, 1, '2026-11-23 03:32:12');
INSERT INTO schema_migrations (id, version_id, is_applied, tstamp) VALUES (2, 1, 1, '2026-11-23 03:32:12');
DELETE FROM sqlite_sequence WHERE name = 'schema_migrations';
INSERT INTO sqlite_sequence (name, seq) VALUES ('schema_migrations', 2);
DELETE FROM sqlite_sequence WHERE name = 'configs';
INSERT INTO sqlite_sequence (name, seq) VALUES ('configs', 7);
INSERT INTO configs (id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, revision) VALUES (1, '02:00:00:00:00:01', 'Kept', NULL, 0, '{"deviceName":"Kept","enableOTA":false, "n":1e400}', '2026-03-01 13:00:00.000000', '2026-03-01 14:00:00.000000', 2);
INSERT INTO configs (id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, revision) VALUES (5, '02:00:00:00:00:03', NULL, NULL, NULL, '{"again":true}', '2026-03-01 22:00:00.000000', '2026-03-01 22:00:00.000000', 3);
INSERT INTO configs (id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, revision) VALUES (7, '02:00:00:00:00:05', NULL, NULL, NULL, '{"by":"them"}', '2026-03-02 01:00:00.000000', '2026-03-02 01:00:00.000000', 0);
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:01', 1, '{"deviceName":"Kept","n":1}', X'A8D89DF46AA9C76EFFCB3CFEC29AD3A3B68131FD71E2E4957D01C9FA24988F47', 27, 'create', '2026-03-01 13:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:01', 2, '{"deviceName":"Kept","enableOTA":false, "n":1e400}', X'FEC9B0F5DD456B6C7E3E2599741AAF2696154DF8F4DBFADB1FF1F4CE70913CAB', 50, 'edit', '2026-03-01 14:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:02', 1, '{"deviceName":"Once"}', X'7449040F77635BFD40466940B7C313327B6483DEF38C69E92CD9CCB47F8C6DCE', 21, 'create', '2026-03-01 15:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:02', 2, NULL, NULL, 0, 'delete', '2026-03-01 16:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:02', 3, '{"deviceName":"Twice"}', X'869C834ED21213941279951755FCC6B2F40C7CE30E47C2E7B6450C7A143E17C1', 22, 'import', '2026-03-01 17:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:02', 4, '{ "deviceName":"Küche \ud83d\ude00 it''s", "deviceEntityId":"twice", "enableOTA":true, "lone":"\ud800" }', X'8ADA17CE273A23F9D14FC14F3215BC6A9884599BBDE05E67C9C9D06AA6F2AFE9', 104, 'edit', '2026-03-01 18:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:02', 5, NULL, NULL, 0, 'delete', '2026-03-01 19:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:03', 1, '{}', X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A', 2, 'create', '2026-03-01 20:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:03', 2, NULL, NULL, 0, 'delete', '2026-03-01 21:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:03', 3, '{"again":true}', X'CCEFF237900098B7CC0283439BDECB97038C6DBFE5D950CC35D5C5200319F3F7', 14, 'create', '2026-03-01 22:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:04', 1, '{"deviceName":7,"x":1,"x":2}', X'C45164F7E43DF5500B58EC3D0CDE052977B8AE7BF4E7F05244D4E42377C0095B', 28, 'adopt', '2026-03-01 23:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:04', 2, NULL, NULL, 0, 'delete', '2026-03-02 00:00:00.000000');
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES ('02:00:00:00:00:05', 1, '{}', X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A', 2, 'create', '2026-03-02 01:00:00.000000');
INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at, claimed_until) VALUES ('02:00:00:00:00:01', 2, X'FEC9B0F5DD456B6C7E3E2599741AAF2696154DF8F4DBFADB1FF1F4CE70913CAB', 50, 0, 1, 3, 0, '2026-03-01 13:00:00.000000', '2026-03-01 13:00:00.000000', NULL);
INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at, claimed_until) VALUES ('02:00:00:00:00:02', 5, NULL, 0, 1, 0, 12, 0, '2026-03-01 15:00:00.000000', '2026-03-01 15:00:00.000000', NULL);
INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at, claimed_until) VALUES ('02:00:00:00:00:03', 3, X'CCEFF237900098B7CC0283439BDECB97038C6DBFE5D950CC35D5C5200319F3F7', 14, 0, 1, 17, 0, '2026-03-01 20:00:00.000000', '2026-03-01 20:00:00.000000', NULL);
INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at, claimed_until) VALUES ('02:00:00:00:00:04', 2, NULL, 0, 1, 0, 20, 0, '2026-03-01 23:00:00.000000', '2026-03-01 23:00:00.000000', NULL);
INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at, claimed_until) VALUES ('02:00:00:00:00:05', 1, X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A', 2, 0, 1, 21, 0, '2026-03-02 01:00:00.000000', '2026-03-02 01:00:00.000000', NULL);
CREATE INDEX ix_configs_mac_address ON configs (mac_address);
CREATE INDEX revisions_by_time ON revisions (created_at);
CREATE INDEX outbox_by_due ON outbox (due_at);
CREATE TRIGGER configs_written_by_another AFTER UPDATE OF content ON configs
    WHEN NEW.content IS NOT OLD.content AND NEW.revision = OLD.revision
BEGIN
    UPDATE configs SET revision = 0 WHERE id = NEW.id;
END;
