package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// keyedTarget is a table upserted by k, which compares by a collation of its index.
func keyedTarget() *sqlstore.Target {
	return &sqlstore.Target{SQL: `"u"`, Staged: true, Columns: []sqlstore.Column{
		{Name: "k", Type: "citext", SQL: "citext", Stage: "text", Cast: "::citext", Collate: ` collate "ci"`}, {Name: "v", Type: "int8", SQL: "bigint", Stage: "bigint"}}}
}

// What an upsert sends does not depend on whether deletes may come: a batch without one goes by the same statement.
func TestStatementsOfAKeyedTable(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "k", Type: fencepost.Text}, {Name: "v", Type: fencepost.Int}}
	j := sqlstore.Job{Table: "u", Key: []string{"k"}}
	const conflict = ` on conflict ("k") do update set "v" = excluded."v"; `
	upsert := `insert into "u" ("k", "v") overriding system value select distinct on (b."k"::citext collate "ci") b."k"::citext, b."v" from pg_temp.fencepost_batch b` +
		` order by b."k"::citext collate "ci", fencepost_row desc` + conflict
	create := `create temporary table fencepost_batch ("k" text, "v" bigint, "fencepost_row" bigint) on commit drop; `
	plain := planTable(j, keyedTarget(), columns)
	with := planTable(j, keyedTarget(), append(columns, fencepost.ColumnSpec{Name: fencepost.MetaOp, Type: fencepost.Text}))
	for what, p := range map[string]*plan{"no deletes": plain, "deletes may come": with} {
		if d := cmp.Diff([]string{create, upsert}, []string{p.create, p.insert}); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	if plain.deletes != nil {
		t.Fatal("a batch that has no deletes has a plan for them")
	}
	want := `with b as materialized (select b.*, l.* from (select distinct on (b."k"::citext collate "ci") * from pg_temp.fencepost_batch b order by b."k"::citext collate "ci", fencepost_row desc) b` +
		` left join lateral (select true from "u" t where b."fencepost_delete" and t."k" = b."k"::citext collate "ci" for no key update) l (fencepost_locked) on true), ` +
		`d as (delete from "u" t using b where b.fencepost_locked and t."k" = b."k"::citext collate "ci") ` +
		`insert into "u" ("k", "v") overriding system value select b."k"::citext, b."v" from b where not "fencepost_delete"` + conflict
	if d := cmp.Diff(want, with.deletes.insert); d != "" {
		t.Errorf("deletes (-want +got):\n%s", d)
	}
	if got := with.deletes.create; got != create[:len(create)-len(") on commit drop; ")]+`, "fencepost_delete" boolean) on commit drop; ` {
		t.Errorf("the temporary table with deletes: %s", got)
	}
}

// A null is one key where the index has nulls for equal, and no key of any row else.
func TestNullsOfADeletedKey(t *testing.T) {
	for equal, want := range map[bool]string{false: `t."k" = b."k"::citext collate "ci"`, true: `(t."k" = b."k"::citext collate "ci" or t."k" is null and b."k" is null)`} {
		target := keyedTarget()
		target.Columns[0].Nullable, target.EqualNulls = true, equal
		if got := keyedBy(target, []string{"k"}, []string{"k", "v"}, ident).meets(); got != want {
			t.Errorf("equal nulls %t: got %s, want %s", equal, got, want)
		}
	}
}
