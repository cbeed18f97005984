package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/sink"
)

var ddlManual = manual{
	what: "Print the SQL that makes the tables, with the least grants (Redis: the user). It asks nobody.\n" +
		"The table also has _topic, _partition and _offset: audit counts rows by them.",
	examples: []example{
		{"fencepost ddl flights.yaml", "to read"},
		{"fencepost ddl flights.yaml | psql -v ON_ERROR_STOP=1 \"$DATABASE_URL\"", "as its owner; twice too"},
		{"fencepost ddl flights.yaml | sqlite3 flights.db", ""},
	},
	usage: "fencepost ddl FILE [flags]",
	exit:  "0 printed   2 usage, the file included",
	see:   "check (says what is missing)",
}

func (a *app) ddlVerb() *cobra.Command {
	var bare bool
	cmd := &cobra.Command{Use: "ddl", Args: a.oneFile, ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			a.env.Unasked = true
			f, err := pipeline.Load(args[0], a.env)
			if err != nil {
				return err
			}
			besides := sink.RecordColumns()
			if bare {
				besides = nil
			}
			sql, err := f.DDL(besides...)
			if err != nil {
				return f.Pointed(err)
			}
			if a.output == "json" {
				a.document(view.NewDDL(sql))
				return nil
			}
			_, err = io.WriteString(a.stdout, sql)
			return err
		}}
	cmd.Flags().BoolVar(&bare, "bare", false, "the columns of schema alone: audit then proves nothing of the rows")
	return cmd
}
