import { type Migration, sql } from 'kysely';

/** The audit log as chains, one for each tenant, to which rows are only added (docs/adr/0028-audit.md). */
export const auditChain: Migration = {
  async up(db) {
    await sql`
      create table audit_link (
        sequence bigint primary key,
        tenant_id text not null,
        position bigint not null check (position > 0),
        digest bytea not null,
        previous bytea not null,
        hash bytea not null,
        unique (tenant_id, position)
      );
      create table audit_checkpoint (
        tenant_id text not null,
        position bigint not null,
        hash bytea not null,
        signed_at timestamptz not null,
        key_id text not null,
        signature bytea not null,
        primary key (tenant_id, position),
        unique (tenant_id, position, hash)
      );
      create table audit_mark (
        tenant_id text not null,
        position bigint not null,
        hash bytea not null,
        sequence bigint not null,
        created_at timestamptz not null default now(),
        primary key (tenant_id, position),
        foreign key (tenant_id, position, hash) references audit_checkpoint (tenant_id, position, hash)
      );
      create table audit_sealing (
        only_one boolean primary key default true check (only_one),
        floor bigint not null default 0,
        chained_from bigint not null
      );
      insert into audit_sealing (chained_from) select coalesce(max(sequence), 0) from audit;
      create index audit_tenant on audit (tenant_id, sequence);
      create index audit_operations on audit (tenant_id, kind, sequence) where kind <> 'orchestration';

      create function audit_grows() returns trigger language plpgsql as $$
      begin
        raise exception 'the audit log only grows' using errcode = 'insufficient_privilege';
      end $$;
      create function audit_row_may_go() returns trigger language plpgsql as $$
      begin
        if exists (
          select from audit_link link join audit_mark mark using (tenant_id)
          where link.sequence = old.sequence and link.position <= mark.position
        ) then return old; end if;
        raise exception 'the audit log only grows' using errcode = 'insufficient_privilege';
      end $$;
      create trigger audit_grows before update or truncate on audit execute function audit_grows();
      create trigger audit_grows before update or truncate on audit_link execute function audit_grows();
      create trigger audit_grows before update or delete or truncate on audit_checkpoint
        execute function audit_grows();
      create trigger audit_grows before update or delete or truncate on audit_mark execute function audit_grows();
      create trigger audit_row_may_go before delete on audit for each row execute function audit_row_may_go();
      create trigger audit_row_may_go before delete on audit_link for each row execute function audit_row_may_go();
    `.execute(db);
  },
  async down(db) {
    await sql`
      drop trigger audit_row_may_go on audit;
      drop trigger audit_grows on audit;
      drop index audit_operations;
      drop index audit_tenant;
      drop table audit_sealing;
      drop table audit_mark;
      drop table audit_checkpoint;
      drop table audit_link;
      drop function audit_row_may_go;
      drop function audit_grows;
    `.execute(db);
  },
};
