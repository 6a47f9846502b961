-- The same in a SQLite file. Times are as SQLAlchemy and as CURRENT_TIMESTAMP write them.
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('001');
CREATE TABLE configs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    mac_address VARCHAR(17) NOT NULL,
    device_name VARCHAR(255),
    device_entity_id VARCHAR(255),
    enable_ota BOOLEAN,
    content TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT (CURRENT_TIMESTAMP) NOT NULL,
    updated_at TIMESTAMP DEFAULT (CURRENT_TIMESTAMP) NOT NULL,
    UNIQUE (mac_address)
);
CREATE INDEX ix_configs_mac_address ON configs (mac_address);
INSERT INTO configs (id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at) VALUES
    (1, '24:6f:28:aa:10:01', 'Hallway Intercom', 'hallway_intercom', 1, '{"deviceName":"Hallway Intercom","deviceEntityId":"hallway_intercom","enableOTA":true,"audio":{"volume":0.7}}', '2025-01-31 23:59:59.123456', '2025-06-30 01:02:03.000001'),
    (3, '24:6f:28:aa:10:03', 'Küche – Ölradiator 🔥', NULL, NULL, '{' || char(10) || '  "deviceName" : "Küche – Ölradiator 🔥",' || char(9) || '"limit": 1e400, "serial": 12345678901234567890,   "x": -0.0 }' || char(10), '2024-03-10 02:30:00', '2024-03-10 02:30:00.000000'),
    (4, 'a0:b7:65:00:00:ff', NULL, NULL, 0, '{"enableOTA":false}', '2024-12-31 00:00:00', '2025-01-01 00:00:00.500000'),
    (17, '00:00:00:00:00:00', NULL, NULL, NULL, '{"a":1,"a":2}', '2023-05-05 05:05:05', '2023-05-05 05:05:05'),
    (18, '30:ae:a4:00:00:01', '', '', NULL, '{"deviceName":"","deviceEntityId":"","text":"\ud800 and ''quotes''"}', '2023-05-05 05:05:06', '2023-05-05 05:05:06.000000');
UPDATE sqlite_sequence SET seq = 41 WHERE name = 'configs';
