column configs.id integer not null default nextval('configs_id_seq'::regclass)
column configs.mac_address character varying(17) not null
column configs.device_name character varying(255)
column configs.device_entity_id character varying(255)
column configs.enable_ota boolean
column configs.content text not null
column configs.created_at timestamp without time zone not null default CURRENT_TIMESTAMP
column configs.updated_at timestamp without time zone not null default CURRENT_TIMESTAMP
column configs.revision bigint not null default 0
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
column schema_migrations.id integer not null
column schema_migrations.version_id bigint not null
column schema_migrations.is_applied boolean not null
column schema_migrations.tstamp timestamp without time zone not null default now()
constraint configs.configs_mac_address_key UNIQUE (mac_address)
constraint configs.configs_pkey PRIMARY KEY (id)
constraint meta.meta_pkey PRIMARY KEY (key)
constraint outbox.outbox_pkey PRIMARY KEY (mac_address)
constraint revisions.revisions_pkey PRIMARY KEY (mac_address, rev)
constraint schema_migrations.schema_migrations_pkey PRIMARY KEY (id)
CREATE INDEX configs_by_mac ON public.configs USING btree (mac_address COLLATE "C")
CREATE UNIQUE INDEX configs_mac_address_key ON public.configs USING btree (mac_address)
CREATE UNIQUE INDEX configs_pkey ON public.configs USING btree (id)
CREATE INDEX ix_configs_mac_address ON public.configs USING btree (mac_address)
CREATE UNIQUE INDEX meta_pkey ON public.meta USING btree (key)
CREATE INDEX outbox_by_due ON public.outbox USING btree (due_at)
CREATE UNIQUE INDEX outbox_pkey ON public.outbox USING btree (mac_address)
CREATE INDEX revisions_by_time ON public.revisions USING btree (created_at)
CREATE UNIQUE INDEX revisions_pkey ON public.revisions USING btree (mac_address, rev)
CREATE UNIQUE INDEX schema_migrations_pkey ON public.schema_migrations USING btree (id)
CREATE TRIGGER configs_written_by_another BEFORE UPDATE OF content ON public.configs FOR EACH ROW WHEN (((new.content IS DISTINCT FROM old.content) AND (new.revision = old.revision))) EXECUTE FUNCTION configs_written_by_another()
CREATE OR REPLACE FUNCTION public.configs_written_by_another()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.revision := 0;
    RETURN NEW;
END $function$
sequence configs_id_seq integer
sequence outbox_generation bigint
sequence schema_migrations_id_seq integer
