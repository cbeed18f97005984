package debezium

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Columns are the columns that take the row's fields as they are sent: those to begin with. Units and scales are those of JSON; in Avro the values say them.
func Columns(d Description) (columns []decode.Inferred) {
	taken := map[string]bool{}
	for i := range d.Fields {
		f := &d.Fields[i]
		c := decode.Inferred{Comment: f.word()}
		c.Column = decode.ColumnName(f.Name, taken)
		if c.Column != f.Name {
			c.From = decode.Literal(f.Name)
		}
		switch {
		case f.Source != "":
			c.Comment = f.Source
		case f.Nullable:
			c.Comment += ", or null"
		}
		c.Type, c.Unit = f.column()
		if c.Type == fencepost.Decimal {
			c.Encoding, c.Scale = decode.Unscaled, f.Scale
		}
		columns = append(columns, c)
	}
	return columns
}

// column is the type that takes all values of a field as they are sent.
func (f *Described) column() (fencepost.Type, decode.Unit) {
	unit, timed := semanticUnits[f.Semantic]
	switch {
	case timed && unit == decode.Days:
		return fencepost.Date, unit
	case timed && f.isDay():
		return fencepost.Timestamp, unit
	case timed:
		return fencepost.Time, unit
	case f.exact(), f.unsigned():
		return fencepost.Decimal, decode.NoUnit
	}
	switch f.Semantic {
	case zonedTimestamp, "io.debezium.time.IsoTimestamp":
		return fencepost.Timestamp, decode.NoUnit
	case "io.debezium.data.Uuid":
		return fencepost.UUID, decode.NoUnit
	case "io.debezium.data.Json":
		return fencepost.JSON, decode.NoUnit
	}
	switch f.Type {
	case "int8", "int16", "int32", "int64", "int", "long":
		return fencepost.Int, decode.NoUnit
	case "float32", "float64", "float", "double":
		return fencepost.Float, decode.NoUnit
	case "boolean":
		return fencepost.Bool, decode.NoUnit
	case "bytes":
		return fencepost.Bytes, decode.NoUnit
	case "string":
		return fencepost.Text, decode.NoUnit
	}
	return fencepost.JSON, decode.NoUnit
}
