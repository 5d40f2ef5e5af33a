/** What is in the database of every endpoint before the first case. Cases leave it as they found it. */
export const FIXTURES = `
create schema elsewhere;
grant all on schema elsewhere, public to parity_guest;

create table numbers (id int primary key, name text not null, half numeric);
insert into numbers select x, 'number ' || x, x / 2.0 from generate_series(1, 100) x;

create table elsewhere.numbers (wrong text);

create table copied (id int primary key, name text, score numeric check (score >= 0));

create table secret (x int);
revoke all on secret from public;

create type mood as enum ('sad', 'ok', 'happy');
create type pair as (left_one int, right_one text);
create domain positive as int check (value > 0);

create sequence counter;

create function tell(level text, said text) returns void language plpgsql as $$
begin
  case level
    when 'debug' then raise debug '%', said;
    when 'log' then raise log '%', said;
    when 'info' then raise info '%', said;
    when 'notice' then raise notice '%', said;
    when 'warning' then raise warning '%', said;
    else raise exception '%', said using errcode = 'P0042', detail = 'a detail', hint = 'a hint';
  end case;
end $$;

create function set_inside(name text, value text) returns text language plpgsql as $$
begin
  perform set_config(name, value, false);
  return current_setting(name);
end $$;

create procedure commit_inside() language plpgsql as $$
begin
  insert into copied values (901, 'kept', 1);
  commit;
  insert into copied values (902, 'lost', 1);
  rollback;
end $$;
`;
