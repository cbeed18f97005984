package registry

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// ID is how a record names its schema. It is comparable, and made without an allocation: decoders keep what they know of a
// schema in a map by it.
type ID struct {
	Kind   Kind
	Number uint64   // of a SchemaID, GlobalID, ContentID or Fingerprint; else 0
	GUID   [16]byte // of a GUID, big-endian; else zeros
}

// Kind is what an ID is a number of. Two numbers of different kinds may be equal and name different schemas.
type Kind uint8

// The kinds of IDs.
const (
	NoID        Kind = iota // the record names no schema
	SchemaID                // the id of Confluent's API, 1..2^31-1; Apicurio answers it with its contentId
	GUID                    // Confluent's, since Platform 8.0
	GlobalID                // Apicurio's id of a version of an artifact: what its serializers write by default
	ContentID               // Apicurio's id of a text
	Fingerprint             // CRC-64-AVRO of the schema's parsing canonical form; no registry can be asked by it
)

var kinds = [...]string{"no id", "id", "GUID", "globalId", "contentId", "fingerprint"}

// String is the kind as messages name it: id, GUID, globalId.
func (k Kind) String() string { return kinds[min(int(k), len(kinds)-1)] }

// String is the ID for people: id 7, globalId 62, GUID 6ba7b810-9dad-11d1-80b4-00c04fd430c8.
func (id ID) String() string {
	switch id.Kind {
	case GUID:
		return "GUID " + id.guid()
	case Fingerprint:
		return fmt.Sprintf("fingerprint %016x", id.Number)
	case NoID:
		return "no id"
	case SchemaID, GlobalID, ContentID:
	}
	return id.Kind.String() + " " + strconv.FormatUint(id.Number, 10)
}

// guid is the GUID as the registry's API takes it.
func (id ID) guid() string {
	h := hex.EncodeToString(id.GUID[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
