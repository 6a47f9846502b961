-- A database as the field's service left it: made by its migration 001, then used.
CREATE TABLE alembic_version (
    version_num character varying(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('001');
CREATE TABLE configs (
    id serial NOT NULL,
    mac_address character varying(17) NOT NULL,
    device_name character varying(255),
    device_entity_id character varying(255),
    enable_ota boolean,
    content text NOT NULL,
    created_at timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT configs_pkey PRIMARY KEY (id),
    CONSTRAINT configs_mac_address_key UNIQUE (mac_address)
);
CREATE INDEX ix_configs_mac_address ON configs (mac_address);
INSERT INTO configs (id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at) VALUES
    (1, '24:6f:28:aa:10:01', 'Hallway Intercom', 'hallway_intercom', true, '{"deviceName":"Hallway Intercom","deviceEntityId":"hallway_intercom","enableOTA":true,"audio":{"volume":0.7}}', '2025-01-31 23:59:59.123456', '2025-06-30 01:02:03.000001'),
    (3, '24:6f:28:aa:10:03', 'Küche – Ölradiator 🔥', NULL, NULL, E'{\n  "deviceName" : "Küche – Ölradiator 🔥",\t"limit": 1e400, "serial": 12345678901234567890,   "x": -0.0 }\n', '2024-03-10 02:30:00', '2024-03-10 02:30:00'),
    (4, 'a0:b7:65:00:00:ff', NULL, NULL, false, '{"enableOTA":false}', '2024-12-31 00:00:00', '2025-01-01 00:00:00.5'),
    (17, '00:00:00:00:00:00', NULL, NULL, NULL, '{"a":1,"a":2}', '2023-05-05 05:05:05', '2023-05-05 05:05:05'),
    (18, '30:ae:a4:00:00:01', '', '', NULL, '{"deviceName":"","deviceEntityId":"","text":"\ud800 and ''quotes''"}', '2023-05-05 05:05:06', '2023-05-05 05:05:06');
SELECT setval('configs_id_seq', 41, true);
