package decode

import "github.com/fencepost/fencepost"

// JSON makes decoders that take typed columns out of JSON objects. Its error joins one *FieldError for each error of
// the schema.
func JSON(c Config) (Factory, error) {
	l, err := NewLayout(c)
	if err != nil {
		return nil, err
	}
	return func() fencepost.Decoder { return newProjector(l.Row()) }, nil
}
