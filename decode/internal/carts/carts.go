package carts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Order is a record with an array inside of it.
type Order struct {
	ID   int64   `json:"id" avro:"id"`
	Note *string `json:"note" avro:"note"`
	Cart *Cart   `json:"cart" avro:"cart"` // nil: the path of the array goes through a null
}

// Cart has the array.
type Cart struct {
	City  string   `json:"city" avro:"city"`
	Items []Item   `json:"items" avro:"items"`
	Tags  []string `json:"tags" avro:"tags"`
	Sizes []int64  `json:"sizes" avro:"sizes"`
}

// Item is an element.
type Item struct {
	SKU    string   `json:"sku" avro:"sku"`
	N      *int64   `json:"n" avro:"n"`
	Labels []string `json:"labels" avro:"labels"`
	Geo    *Geo     `json:"geo" avro:"geo"`
}

// Geo is inside of an element.
type Geo struct {
	Country string `json:"country" avro:"country"`
}

// Draw draws an order.
func Draw(t *rapid.T) Order {
	word := rapid.StringMatching(`[a-zé"\\]{0,6}`)
	number := rapid.Int64Range(-1<<40, 1<<40)
	o := Order{ID: number.Draw(t, "id")}
	if rapid.Bool().Draw(t, "note") {
		o.Note = new(word.Draw(t, "text"))
	}
	if rapid.IntRange(0, 7).Draw(t, "cart") == 0 {
		return o
	}
	o.Cart = &Cart{City: word.Draw(t, "city"), Items: []Item{}, Tags: rapid.SliceOfN(word, 0, 4).Draw(t, "tags"), Sizes: rapid.SliceOfN(number, 0, 4).Draw(t, "sizes")}
	for range rapid.IntRange(0, 5).Draw(t, "items") {
		i := Item{SKU: word.Draw(t, "sku"), Labels: rapid.SliceOfN(word, 0, 2).Draw(t, "labels")}
		if rapid.Bool().Draw(t, "n") {
			i.N = new(number.Draw(t, "number"))
		}
		if rapid.Bool().Draw(t, "geo") {
			i.Geo = &Geo{word.Draw(t, "country")}
		}
		o.Cart.Items = append(o.Cart.Items, i)
	}
	return o
}

// Config is a schema that explodes orders by one of their arrays: items, tags or sizes.
func Config(array string) decode.Config {
	field := func(name string, t fencepost.Type, from string) decode.Field {
		return decode.Field{Column: name, Type: t, From: from, Missing: decode.Null()}
	}
	c := decode.Config{Explode: "cart." + array, Fields: []decode.Field{field("city", fencepost.Text, "cart.city"), field("id", fencepost.Int, "")}}
	switch array {
	case "tags":
		c.Fields = append(c.Fields, field("tag", fencepost.Text, "cart.tags[]"), field("first", fencepost.Text, "cart.items[0].sku"))
	case "sizes":
		c.Fields = append(c.Fields, field("size", fencepost.Int, "cart.sizes[]"))
	default:
		c.Fields = append(c.Fields, field("sku", fencepost.Text, "cart.items[].sku"), field("n", fencepost.Int, "cart.items[].n"), field("label", fencepost.Text, "cart.items[].labels[1]"),
			field("country", fencepost.Text, "cart.items[].geo.country"), field("tags", fencepost.JSON, "cart.tags"), field("labels", fencepost.JSON, "cart.items[].labels"))
	}
	c.Fields = append(c.Fields, field("note", fencepost.Text, ""))
	return c
}

// Rows is what the twin makes of an order: a line for each row.
func (o Order) Rows(c decode.Config) (rows []string) {
	text, _ := json.Marshal(o) // an order always marshals
	var record any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	_ = d.Decode(&record) // what Marshal writes
	array, _ := at(record, strings.Split(c.Explode, ".")).([]any)
	for i, element := range array {
		var row []string
		for _, f := range c.Fields {
			from := f.From
			if from == "" {
				from = f.Column
			}
			value := record
			if inside, ok := strings.CutPrefix(from, c.Explode+"[]"); ok {
				value, from = element, strings.TrimPrefix(inside, ".")
			}
			row = append(row, show(at(value, strings.FieldsFunc(strings.ReplaceAll(from, "[", "."), func(r rune) bool { return r == '.' || r == ']' }))))
		}
		rows = append(rows, strings.Join(append(row, fmt.Sprint(i)), " | "))
	}
	return rows
}

// at follows a path; nil: it leads to nothing.
func at(value any, path []string) any {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, _ := strconv.Atoi(step)
			if i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(v)
	case json.Number:
		return v.String()
	}
	text, _ := json.Marshal(v) // what Decode made
	return string(text)
}

// Shown are the rows from n on in the columns that a decoder filled, as Rows has them.
func Shown(columns []fencepost.Column, n int) (rows []string) {
	for i := n; i < columns[0].Len(); i++ {
		var row []string
		for k := range columns {
			c := &columns[k]
			switch {
			case c.Null(i):
				row = append(row, "null")
			case c.Type == fencepost.Int:
				row = append(row, strconv.FormatInt(c.Int(i), 10))
			case c.Type == fencepost.JSON:
				var v any
				_ = json.Unmarshal(c.Bytes(i), &v) // what is no JSON shows as null
				row = append(row, show(v))
			default:
				row = append(row, strconv.Quote(c.Text(i)))
			}
		}
		rows = append(rows, strings.Join(row, " | "))
	}
	return rows
}
