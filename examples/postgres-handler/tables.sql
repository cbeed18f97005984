create table if not exists delays (
    origin  text primary key check (origin ~ '^[A-Z]{3}$'),
    flights bigint not null,
    minutes bigint not null
);
