-- A database as the service before Espalier left it: the tables of its ORM, its migration marker, and rows of real shape.
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('001');
CREATE TABLE configs (
    id serial NOT NULL,
    mac_address varchar(17) NOT NULL,
    device_name varchar(255),
    device_entity_id varchar(255),
    enable_ota boolean,
    content text NOT NULL,
    created_at timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (mac_address)
);
CREATE INDEX ix_configs_mac_address ON configs (mac_address);
INSERT INTO configs VALUES
 (3, 'aa:bb:cc:dd:ee:ff', 'Hallway Intercom', 'hallway_intercom', true,
  E'{"deviceName": "Hallway Intercom", "deviceEntityId": "hallway_intercom",\n "enableOTA": true, "volume": 1.0, "big": 12345678901234567890}',
  '2025-03-30 01:30:00.5', '2025-10-26 02:30:00'),
 (7, '10:20:30:40:50:60', NULL, NULL, NULL, '{"név":"Küche 寝室","e":1e400}', '2024-02-29 12:00:00', '2024-02-29 12:00:00.123456');
SELECT setval('configs_id_seq', 41);
