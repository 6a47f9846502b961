column answers.key character varying(255) not null
column answers.fingerprint bytea not null
column answers.answer bytea
column answers.at timestamp without time zone not null
column audit.id bigint not null
column audit.seq bigint
column audit.at timestamp without time zone not null
column audit.principal character varying(16) not null
column audit.address character varying(45) not null
column audit.correlation character varying(128) not null
column audit.action character varying(32) not null
column audit.result character varying(16) not null
column audit.code character varying(32) not null
column audit.target text not null
column audit.config_id bigint
column audit.mac_address character varying(17)
column audit.rev bigint
column audit.other_mac character varying(17)
column audit.message text not null
column audit.times bigint not null
column audit.event character varying(16)
column configs.id integer not null default nextval('configs_id_seq'::regclass)
column configs.mac_address character varying(17) not null
column configs.device_name character varying(255)
column configs.device_entity_id character varying(255)
column configs.enable_ota boolean
column configs.content text not null
column configs.created_at timestamp without time zone not null default CURRENT_TIMESTAMP
column configs.updated_at timestamp without time zone not null default CURRENT_TIMESTAMP
column configs.revision bigint not null default 0
column configs.etag character varying(32)
column deleted_configs.id bigint not null
column deleted_configs.mac_address character varying(17) not null
column deleted_configs.device_name character varying(255)
column deleted_configs.device_entity_id character varying(255)
column deleted_configs.enable_ota boolean
column deleted_configs.content text not null
column deleted_configs.created_at timestamp without time zone not null
column deleted_configs.updated_at timestamp without time zone not null
column deleted_configs.revision bigint not null
column deleted_configs.etag character varying(32)
column deleted_configs.deleted_at timestamp without time zone not null
column devices.mac_address character varying(17) not null
column devices.first_seen_at timestamp without time zone not null
column devices.last_seen_at timestamp without time zone
column devices.has_etag text not null
column devices.has_rev bigint not null
column devices.level text not null
column devices.online boolean
column devices.overdue_at timestamp without time zone
column devices.seq bigint not null
column devices.seen_seq bigint not null
column devices.report_seq bigint not null
column devices.sync_seq bigint not null
column devices.has_at timestamp without time zone
column devices.has_address text not null
column devices.since_rev bigint not null
column devices.address text not null
column devices.fetched_etag text not null
column devices.fetched_rev bigint not null
column devices.fetched_at timestamp without time zone
column devices.fetched_address text not null
column devices.held_etag text not null
column devices.held_rev bigint not null
column devices.held_at timestamp without time zone
column devices.held_address text not null
column devices.reported_etag text not null
column devices.reported_rev bigint not null
column devices.reported_at timestamp without time zone
column devices.reported_address text not null
column devices.report_applied boolean not null
column devices.report_code text not null
column devices.report_path text not null
column devices.report_message text not null
column devices.report_firmware text not null
column devices.online_at timestamp without time zone
column devices.confirmed_at timestamp without time zone
column devices.beat_at timestamp without time zone
column devices.intervals text not null
column facts.id bigint not null
column facts.mac_address character varying(17) not null
column facts.at timestamp without time zone not null
column facts.kind text not null
column facts.etag text not null
column facts.rev bigint not null
column facts.address text not null
column facts.report_code text not null
column facts.report_path text not null
column facts.report_message text not null
column facts.report_firmware text not null
column facts.has_etag text not null
column facts.has_rev bigint not null
column facts.has_at timestamp without time zone
column facts.has_address text not null
column facts.level text not null
column fleet_samples.minute bigint not null
column fleet_samples.total bigint
column fleet_samples.sync_unknown bigint
column fleet_samples.sync_pending bigint
column fleet_samples.sync_fetched bigint
column fleet_samples.sync_held bigint
column fleet_samples.sync_applied bigint
column fleet_samples.sync_error bigint
column fleet_samples.overdue bigint
column fleet_samples.online bigint
column fleet_samples.offline bigint
column fleet_samples.deleted bigint
column meta.key character varying(64) not null
column meta.value text not null
column outbox.mac_address character varying(17) not null
column outbox.rev bigint not null
column outbox.sha256 bytea
column outbox.size integer not null
column outbox.deleted boolean not null
column outbox.broadcast boolean not null
column outbox.generation bigint not null
column outbox.attempts integer not null
column outbox.changed_at timestamp without time zone not null
column outbox.due_at timestamp without time zone not null
column outbox.claimed_until timestamp without time zone
column revisions.mac_address character varying(17) not null
column revisions.rev bigint not null
column revisions.content text
column revisions.sha256 bytea
column revisions.size integer not null
column revisions.source character varying(16) not null
column revisions.created_at timestamp without time zone not null
column revisions.principal character varying(16)
column revisions.address character varying(45)
column revisions.message text
column revisions.restored bigint
column revisions.other_mac character varying(17)
column schema_migrations.id integer not null
column schema_migrations.version_id bigint not null
column schema_migrations.is_applied boolean not null
column schema_migrations.tstamp timestamp without time zone not null default now()
constraint answers.answers_pkey PRIMARY KEY (key)
constraint audit.audit_pkey PRIMARY KEY (id)
constraint configs.configs_mac_address_key UNIQUE (mac_address)
constraint configs.configs_pkey PRIMARY KEY (id)
constraint deleted_configs.deleted_configs_mac_address_key UNIQUE (mac_address)
constraint deleted_configs.deleted_configs_pkey PRIMARY KEY (id)
constraint devices.devices_pkey PRIMARY KEY (mac_address)
constraint facts.facts_pkey PRIMARY KEY (id)
constraint fleet_samples.fleet_samples_pkey PRIMARY KEY (minute)
constraint meta.meta_pkey PRIMARY KEY (key)
constraint outbox.outbox_pkey PRIMARY KEY (mac_address)
constraint revisions.revisions_pkey PRIMARY KEY (mac_address, rev)
constraint schema_migrations.schema_migrations_pkey PRIMARY KEY (id)
CREATE INDEX answers_by_time ON public.answers USING btree (at)
CREATE UNIQUE INDEX answers_pkey ON public.answers USING btree (key)
CREATE INDEX audit_by_mac ON public.audit USING btree (mac_address, id)
CREATE INDEX audit_by_other ON public.audit USING btree (other_mac, id) WHERE (other_mac IS NOT NULL)
CREATE UNIQUE INDEX audit_by_seq ON public.audit USING btree (seq) WHERE (seq IS NOT NULL)
CREATE INDEX audit_by_time ON public.audit USING btree (at)
CREATE UNIQUE INDEX audit_pkey ON public.audit USING btree (id)
CREATE INDEX audit_without_seq ON public.audit USING btree (id) WHERE ((seq IS NULL) AND (event IS NOT NULL))
CREATE INDEX configs_by_mac ON public.configs USING btree (mac_address COLLATE "C")
CREATE UNIQUE INDEX configs_mac_address_key ON public.configs USING btree (mac_address)
CREATE UNIQUE INDEX configs_pkey ON public.configs USING btree (id)
CREATE INDEX ix_configs_mac_address ON public.configs USING btree (mac_address)
CREATE INDEX deleted_configs_by_mac ON public.deleted_configs USING btree (mac_address COLLATE "C")
CREATE UNIQUE INDEX deleted_configs_mac_address_key ON public.deleted_configs USING btree (mac_address)
CREATE UNIQUE INDEX deleted_configs_pkey ON public.deleted_configs USING btree (id)
CREATE INDEX devices_by_overdue ON public.devices USING btree (overdue_at)
CREATE INDEX devices_by_seq ON public.devices USING btree (seq)
CREATE UNIQUE INDEX devices_pkey ON public.devices USING btree (mac_address)
CREATE INDEX facts_by_mac ON public.facts USING btree (mac_address, id)
CREATE INDEX facts_by_time ON public.facts USING btree (at)
CREATE UNIQUE INDEX facts_pkey ON public.facts USING btree (id)
CREATE UNIQUE INDEX fleet_samples_pkey ON public.fleet_samples USING btree (minute)
CREATE UNIQUE INDEX meta_pkey ON public.meta USING btree (key)
CREATE INDEX outbox_by_due ON public.outbox USING btree (due_at)
CREATE UNIQUE INDEX outbox_pkey ON public.outbox USING btree (mac_address)
CREATE INDEX revisions_by_bytes ON public.revisions USING btree (mac_address, sha256, rev)
CREATE INDEX revisions_by_time ON public.revisions USING btree (created_at)
CREATE UNIQUE INDEX revisions_pkey ON public.revisions USING btree (mac_address, rev)
CREATE UNIQUE INDEX schema_migrations_pkey ON public.schema_migrations USING btree (id)
CREATE TRIGGER configs_number_is_newest AFTER INSERT ON public.configs FOR EACH ROW WHEN ((new.revision > 0)) EXECUTE FUNCTION configs_number_is_newest()
CREATE TRIGGER configs_written_by_another BEFORE UPDATE OF content ON public.configs FOR EACH ROW WHEN (((new.content IS DISTINCT FROM old.content) AND (new.revision = old.revision))) EXECUTE FUNCTION configs_written_by_another()
CREATE OR REPLACE FUNCTION public.configs_number_is_newest()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF EXISTS (SELECT 1 FROM revisions WHERE mac_address = NEW.mac_address AND rev > NEW.revision) THEN
        RAISE EXCEPTION 'revision % of % was given meanwhile', NEW.revision, NEW.mac_address USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $function$
CREATE OR REPLACE FUNCTION public.configs_written_by_another()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.revision := 0;
    NEW.etag := NULL;
    RETURN NEW;
END $function$
sequence audit_id_seq bigint
sequence configs_id_seq integer
sequence facts_id_seq bigint
sequence outbox_generation bigint
sequence schema_migrations_id_seq integer
